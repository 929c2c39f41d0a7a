// Reads what processes hold and what the container may hold, from /proc and the memory control groups, and tells the
// kernel whom to kill first. It decides nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { locateMemoryGroups, readGroupMemory, readOomKills, type GroupMemory, type MemoryGroups, type ReadGroupFile } from './core/control-group.ts';

/**
 * Anonymous memory of a process in bytes; 0 for one that is gone. Of the kernel's figures this one is cheap: it takes no
 * lock that a process busy with page faults would hold.
 */
export async function privateBytesOf(pid: number): Promise<number> {
  try {
    return privateBytesIn(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return 0;
  }
}

/** As {@link privateBytesOf}, at once: 20 to 50 µs. For when waiting for a turn of the event loop would be too late. */
export function privateBytesNow(pid: number): number {
  return privateBytesIn(readText(`/proc/${pid}/status`) ?? '');
}

function privateBytesIn(status: string): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** The memory control groups that this process counts against; an empty list where there are none. */
export class ControlGroups {
  private readonly groups: MemoryGroups | undefined;

  /** @param groups for tests; else those of this process */
  constructor(groups = locateMemoryGroups(readText('/proc/self/cgroup') ?? '', readText('/proc/self/mountinfo') ?? '')) {
    this.groups = groups;
  }

  /** Every group's state now, the container's own first: 50 to 200 µs. */
  read(): GroupMemory[] {
    const { groups } = this;
    return groups?.directories.flatMap((directory) => readGroupMemory(groups.version, filesOf(directory)) ?? []) ?? [];
  }

  /**
   * How many processes of the container the kernel has killed for want of memory. In version 2 its own group may have no
   * memory controller; the closest one around it that has one counts then.
   */
  get oomKills(): number {
    const { groups } = this;
    if (groups === undefined) return 0;
    for (const directory of groups.directories) {
      const kills = readOomKills(groups.version, filesOf(directory));
      if (kills !== undefined) return kills;
    }
    return 0;
  }

  /** The least limit of all groups, never more than the machine has, in bytes. */
  get limitBytes(): number {
    return Math.min(os.totalmem(), ...this.read().map(({ limitBytes }) => limitBytes));
  }
}

const filesOf =
  (directory: string): ReadGroupFile =>
  (name) =>
    readText(path.join(directory, name));

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Whom the kernel kills first when the container's limit is reached all the same, as it ranks processes: by memory, plus
 * so many thousandths of the limit. Artifacts ahead of calls go before an action, and an action before the proxy, also
 * when the action has spread its memory over several processes.
 */
const oomScores = { spare: 1000, active: 400, proxy: -400 } as const;

export function setOomScore(pid: number, role: keyof typeof oomScores): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScores[role]));
  } catch {
    // ENOENT: it has ended. EACCES: below what it was started with, which takes a privilege that a container has not; the
    // proxy then stands at the value it was started with, still behind every slot.
  }
}
