// Reads what processes hold and what the container may hold, from /proc and the control group. It decides nothing.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';

/**
 * Anonymous memory of a process in bytes; 0 for one that is gone. Of the kernel's figures this one is cheap: it takes no
 * lock that a process busy with page faults would hold.
 */
export async function privateBytesOf(pid: number): Promise<number> {
  try {
    const match = /^RssAnon:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Limit files of the control group, version 2 and version 1, as a container sees its own. */
const limitFiles = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

/** The container's memory limit in bytes: the control group's, never more than the machine has. */
export function containerMemoryLimitBytes(files: readonly string[] = limitFiles): number {
  const totalBytes = os.totalmem();
  for (const file of files) {
    try {
      const limit = Number(readFileSync(file, 'utf8'));
      // "max" in version 2, a number beyond all memory in version 1: no limit.
      if (Number.isFinite(limit) && limit > 0) return Math.min(limit, totalBytes);
    } catch {
      // Not this version of control groups.
    }
  }
  return totalBytes;
}
