// Processor time that processes have used, from the kernel's own accounts.
import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc/PID/stat. */
const msPerTick = 10;
const nanosecondsPerMillisecond = 1e6;

interface Account {
  readonly parent: number;
  readonly ms: number;
}

function accountOf(pid: string): Account | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before it may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ms: (Number(fields[11]) + Number(fields[12])) * msPerTick };
  } catch {
    return undefined;
  }
}

/** Processor time of a process, and that of all its living descendants, in ms: to a hundredth of a second. */
export function processorMsOf(pid: number): { readonly own: number; readonly descendants: number } {
  const accounts = new Map<number, Account>();
  for (const entry of readdirSync('/proc')) {
    const account = /^\d+$/.test(entry) ? accountOf(entry) : undefined;
    if (account !== undefined) accounts.set(Number(entry), account);
  }
  const isBelow = (candidate: number): boolean => {
    const parent = accounts.get(candidate)?.parent;
    return parent !== undefined && parent !== 0 && (parent === pid || isBelow(parent));
  };
  let descendants = 0;
  for (const [candidate, { ms }] of accounts) if (isBelow(candidate)) descendants += ms;
  return { own: accounts.get(pid)?.ms ?? 0, descendants };
}

/** Of processes that have ended meanwhile: none. */
function textOf(file: string): string {
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

export function childrenOf(pid: number): number[] {
  return tasksOf(pid).flatMap((task) => textOf(`/proc/${pid}/task/${task}/children`).split(' ').map(Number)).filter((child) => child > 0);
}

/** Time on a processor of the threads that a process has now, in ms: for what the hundredths of a second are too coarse for. */
export function threadsMsOf(pid: number): number {
  return tasksOf(pid).reduce((sum, task) => sum + Number(textOf(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0] ?? 0), 0) / nanosecondsPerMillisecond;
}
