// Reads the kernel's texts about memory control groups, version 1 and 2: where a process's groups lie, what their limits
// are and what they use. It gets the texts from outside and decides nothing.

export type ControlGroupVersion = 1 | 2;

/** The memory control groups a process counts against: its own first, then every one around it that can be seen. */
export interface MemoryGroups {
  readonly version: ControlGroupVersion;
  readonly directories: readonly string[];
}

/** One group with a limit at one moment, in bytes. */
export interface GroupMemory {
  readonly limitBytes: number;
  /** What the kernel cannot take back by itself: all that is charged, less the page cache of files. */
  readonly usedBytes: number;
}

/**
 * Finds the groups out of /proc/self/cgroup and /proc/self/mountinfo. A container sees its own group mounted as the root
 * (or is told that its path is the mounted one); a process of the host sees the whole tree and stands somewhere in it.
 * Undefined when no hierarchy with a memory controller is mounted.
 */
export function locateMemoryGroups(selfGroups: string, mountInfo: string): MemoryGroups | undefined {
  const memberships = selfGroups.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const allMounts = mountInfo.split('\n').flatMap(parseMount);
  // Of several at one mount point only the last can be seen.
  const mounts = allMounts.filter(({ mountPoint }, index) => allMounts.findLastIndex((other) => other.mountPoint === mountPoint) === index);
  const legacyPath = memberships.find((match) => match?.[1]?.split(',').includes('memory'))?.[2];
  const legacyMount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes('memory'));
  if (legacyPath !== undefined && legacyMount !== undefined) return { version: 1, directories: directoriesOf(legacyMount, legacyPath) };
  const unifiedPath = memberships.find((match) => match?.[1] === '')?.[2];
  const unifiedMount = mounts.find(({ type }) => type === 'cgroup2');
  if (unifiedPath !== undefined && unifiedMount !== undefined) return { version: 2, directories: directoriesOf(unifiedMount, unifiedPath) };
  return undefined;
}

interface Mount {
  /** The group that the mount point shows. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** A line of mountinfo: `36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup cgroup rw,memory`. */
function parseMount(line: string): Mount[] {
  const [before = '', after = ''] = line.split(' - ');
  const [, , , root, mountPoint] = before.split(' ');
  const [type, , options = ''] = after.split(' ');
  if (root === undefined || mountPoint === undefined || type === undefined) return [];
  return [{ root: unescape(root), mountPoint: unescape(mountPoint), type, options: options.split(',') }];
}

/** The kernel writes blanks and the like in octal: `\040`. */
const unescape = (text: string): string => text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

function directoriesOf({ root, mountPoint }: Mount, path: string): string[] {
  const parts = pathBelow(root, path).split('/').filter((part) => part !== '');
  return [...parts.map((_part, index) => [mountPoint, ...parts.slice(0, parts.length - index)].join('/')), mountPoint];
}

/** A path outside of what is mounted (`/..` shows up where group namespaces are nested) leaves the mount point itself. */
function pathBelow(root: string, path: string): string {
  if (path.split('/').includes('..')) return '';
  if (root === '/') return path;
  return path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : '';
}

/** Files that say how a group stands; `read` gives a file's text, or undefined where there is none. */
export type ReadGroupFile = (name: string) => string | undefined;

/** The group's state; undefined when it has no limit, where there is nothing more to be asked, or no memory controller. */
export function readGroupMemory(version: ControlGroupVersion, read: ReadGroupFile): GroupMemory | undefined {
  return version === 1 ? readVersion1(read) : readVersion2(read);
}

/** Version 1 writes a number beyond all memory where there is no limit. */
const noLegacyLimitBytes = 2 ** 60;

function readVersion1(read: ReadGroupFile): GroupMemory | undefined {
  const limitBytes = numberOf(read('memory.limit_in_bytes'));
  if (limitBytes === undefined || limitBytes >= noLegacyLimitBytes) return undefined;
  const chargedBytes = numberOf(read('memory.usage_in_bytes'));
  if (chargedBytes === undefined) return undefined;
  const statistics = parseKeyedNumbers(read('memory.stat'));
  // The figures with "total_" include the groups within this one, as its usage does.
  const fileBytes = (statistics['total_active_file'] ?? 0) + (statistics['total_inactive_file'] ?? 0);
  return { limitBytes, usedBytes: Math.max(0, chargedBytes - fileBytes) };
}

function readVersion2(read: ReadGroupFile): GroupMemory | undefined {
  // Beyond `high` the kernel slows a group's processes down until they hardly move: as good as a limit.
  const limitBytes = Math.min(numberOf(read('memory.max')) ?? Infinity, numberOf(read('memory.high')) ?? Infinity);
  if (limitBytes === Infinity) return undefined;
  const chargedBytes = numberOf(read('memory.current'));
  if (chargedBytes === undefined) return undefined;
  const statistics = parseKeyedNumbers(read('memory.stat'));
  const reclaimableBytes = (statistics['active_file'] ?? 0) + (statistics['inactive_file'] ?? 0) + (statistics['slab_reclaimable'] ?? 0);
  return { limitBytes, usedBytes: Math.max(0, chargedBytes - reclaimableBytes) };
}

/**
 * How often the kernel has killed a process of the group, in version 2 also of one within it, for want of memory; undefined
 * where it does not count.
 */
export function readOomKills(version: ControlGroupVersion, read: ReadGroupFile): number | undefined {
  return parseKeyedNumbers(read(version === 1 ? 'memory.oom_control' : 'memory.events'))['oom_kill'];
}

/** Undefined for a file that is not there, and for the word `max`. */
function numberOf(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+\s*$/.test(text) ? undefined : Number(text);
}

/** Lines of `key number`. */
function parseKeyedNumbers(text: string | undefined): Record<string, number> {
  const pairs = [...(text ?? '').matchAll(/^(\w+) (\d+)$/gm)].map(([, key = '', value]): [string, number] => [key, Number(value)]);
  return Object.fromEntries(pairs);
}
