// The processes of this machine as the kernel's tables show them, for tests and benchmarks.
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Processor time so far, in ms: to a hundredth of a second. */
  readonly processorMs: number;
}

/** Of /proc/PID/stat. */
const msPerTick = 10;

/** Ids of all processes, those included that have ended and are still to be waited for. */
export function processIds(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** All processes that have not ended. */
export function allProcesses(): ProcessEntry[] {
  return processIds().flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name before it may hold spaces and brackets.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? [] : [{ pid, parent: Number(fields[1]), processorMs: (Number(fields[11]) + Number(fields[12])) * msPerTick }];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

/** Everything that hangs on a process, children first. */
export function descendantsOf(pid: number, all: readonly ProcessEntry[] = allProcesses()): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  for (let level = [pid]; level.length > 0; ) {
    const children = all.filter(({ parent }) => level.includes(parent));
    found.push(...children);
    level = children.map((child) => child.pid);
  }
  return found;
}

/** Ids of the processes that hang on it directly. */
export function childrenOf(pid: number): number[] {
  return allProcesses().flatMap((entry) => (entry.parent === pid ? [entry.pid] : []));
}

/** Those of the processes that are still there. */
export function alive(pids: readonly number[]): number[] {
  const all = new Set(allProcesses().map(({ pid }) => pid));
  return pids.filter((pid) => all.has(pid));
}
