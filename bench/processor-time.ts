// Processor time that processes have used, from the kernel's own accounts.
import { readdirSync, readFileSync } from 'node:fs';
import { allProcesses, descendantsOf } from '../common/process-tree.ts';

const nanosecondsPerMillisecond = 1e6;

/** Processor time of a process, and that of all its living descendants, in ms: to a hundredth of a second. */
export function processorMsOf(pid: number): { readonly own: number; readonly descendants: number } {
  const all = allProcesses();
  const own = all.find((entry) => entry.pid === pid)?.processorMs ?? 0;
  return { own, descendants: descendantsOf(pid, all).reduce((sum, { processorMs }) => sum + processorMs, 0) };
}

/** What the kernel says in a file of /proc; of processes that have ended meanwhile: nothing. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Time on a processor of the threads that a process has now, in ms: for what the hundredths of a second are too coarse for. */
export function threadsMsOf(pid: number): number {
  return tasksOf(pid).reduce((sum, task) => sum + Number(textOf(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0] ?? 0), 0) / nanosecondsPerMillisecond;
}

/** As {@link threadsMsOf}, of the process and of all that it has started and that still lives. */
export function treeMsOf(pid: number): number {
  return descendantsOf(pid).reduce((sum, child) => sum + threadsMsOf(child.pid), threadsMsOf(pid));
}
