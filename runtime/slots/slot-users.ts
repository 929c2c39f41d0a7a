// Gives every slot a user id of its own, where the container may: what the kernel keeps apart between users then stands
// between slots. It says which ids, and how a process is started under one; it starts none itself.
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';

/** `auto`: own user ids where that is possible; `own`: no start without; `shared`: everything as the proxy's user. */
export type SlotUserMode = 'auto' | 'own' | 'shared';

/** How a process is started under a user id: a program in front of it, or the system call alone. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** User ids in a row that belong to one container. */
export const idsOfContainer = 256;
/** Where ids are chosen when nobody says: far above those of people and services, below 2³¹ for tools that count signed. */
const chosenBase = 2 ** 30;
const blocks = 2 ** 22;
const firstOrdinaryUser = 1000;

/** What the proxy needs of root's powers, by their number in Linux: chown, read anything, signal anyone, change group, change user. */
const neededCapabilities = [0, 1, 5, 6, 7];
const setPcap = 8;
/** Processes and threads of one slot; in a container with a limit, what leaves the proxy and another slot room. */
const maxProcesses = 1024;
const shareOfProcesses = 0.75;

export class SlotUsers {
  /** False: every slot runs as the proxy's own user. */
  readonly areOwn: boolean;
  private readonly firstId: number;
  private readonly commandBefore: (uid: number) => readonly string[];
  private readonly taken = new Set<number>();
  private next = 0;

  /**
   * @param firstId undefined: slots share the proxy's user
   * @param commandBefore the program that changes the user and then runs what follows; empty: none, the system call has to do
   */
  constructor(firstId: number | undefined, commandBefore: (uid: number) => readonly string[] = () => []) {
    this.areOwn = firstId !== undefined;
    this.firstId = firstId ?? 0;
    this.commandBefore = commandBefore;
  }

  /**
   * An id that no slot has: in turn, so that each comes back as late as possible. Undefined where slots share a user.
   * @throws AppError SLOT_USERS when all are taken
   */
  take(): number | undefined {
    if (!this.areOwn) return undefined;
    for (let tried = 0; tried < idsOfContainer; tried++) {
      const uid = this.firstId + (this.next++ % idsOfContainer);
      if (this.taken.has(uid)) continue;
      this.taken.add(uid);
      return uid;
    }
    throw new AppError('SLOT_USERS', `All ${idsOfContainer} user ids of this container are in use.`, 'Remove the container: it has processes that cannot be ended.');
  }

  /** Only when nothing of that user is left. */
  giveBack(uid: number): void {
    this.taken.delete(uid);
  }

  /** The command that runs a program under this user id. */
  launch(uid: number | undefined, command: string, args: readonly string[]): Launch {
    if (uid === undefined) return { command, args };
    const [launcher, ...before] = this.commandBefore(uid);
    return launcher === undefined ? { command, args, uid, gid: uid } : { command: launcher, args: [...before, command, ...args] };
  }
}

export interface SlotUserOptions {
  readonly mode: SlotUserMode;
  /** The first of {@link idsOfContainer} ids; undefined: chosen here. */
  readonly firstId: number | undefined;
  /** Files and folders that every slot has to read. */
  readonly readable: readonly string[];
}

/** @throws AppError SLOT_USERS when own ids are asked for and cannot be had */
export function chooseSlotUsers({ mode, firstId, readable }: SlotUserOptions): SlotUsers {
  const shared = new SlotUsers(undefined);
  if (mode === 'shared') return shared;
  const base = firstId ?? ownBlock();
  const obstacle = obstacleTo(base, readable);
  if (obstacle === undefined) return new SlotUsers(base, launcher());
  if (mode === 'own') throw new AppError('SLOT_USERS', `Slots cannot have user ids of their own: ${obstacle}.`, 'Remove the obstacle, or unset INSTAINFER_SLOT_USERS.');
  return shared;
}

/** Why own ids cannot be had; undefined when they can. */
function obstacleTo(base: number, readable: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.geteuid?.() !== 0) return 'the runtime does not run as root';
  const capabilities = effectiveCapabilities();
  if (!neededCapabilities.every((bit) => hasBit(capabilities, bit))) return 'root lacks capabilities here: it needs CHOWN, DAC_OVERRIDE, KILL, SETGID and SETUID';
  if (!isMapped(base) || !isMapped(base + idsOfContainer - 1)) return `the user ids from ${base} on are not mapped in this user namespace`;
  const hidden = readable.find((file) => !isReadableByAll(file));
  return hidden === undefined ? undefined : `${hidden} is not readable by other users`;
}

/**
 * A block that no other container has that shares the machine's user ids: the proxy's process id tells apart those of
 * one process namespace, the namespace's own number those of different ones. The kernel counts processes by user id
 * across containers; so no slot's limit is used up by a neighbour's.
 */
function ownBlock(): number {
  const wanted = chosenBase + ((process.pid ^ namespaceHash()) % blocks) * idsOfContainer;
  if (isMapped(wanted)) return wanted;
  // A user namespace with few ids: what others call the same id is another user to the kernel.
  const { first, count } = mappedRanges().at(-1) ?? { first: 0, count: 0 };
  const lowest = Math.max(first, firstOrdinaryUser);
  const blocksThere = Math.floor((first + count - lowest) / idsOfContainer);
  return lowest + (blocksThere > 0 ? process.pid % blocksThere : 0) * idsOfContainer;
}

function namespaceHash(): number {
  try {
    return createHash('sha256').update(readlinkSync('/proc/self/ns/pid')).digest().readUInt32BE(0) % blocks;
  } catch {
    return 0;
  }
}

function mappedRanges(): { first: number; count: number }[] {
  return textOf('/proc/self/uid_map').trim().split('\n').map((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return { first, count };
  });
}

const isMapped = (uid: number): boolean => mappedRanges().some(({ first, count }) => uid >= first && uid < first + count);

function effectiveCapabilities(): bigint {
  const match = /^CapEff:\s+([0-9a-f]+)$/m.exec(textOf('/proc/self/status'));
  return BigInt(`0x${match?.[1] ?? '0'}`);
}

const hasBit = (bits: bigint, bit: number): boolean => ((bits >> BigInt(bit)) & 1n) === 1n;

/** Whether users without any right of their own may read it: every folder on the way lets them through. */
function isReadableByAll(file: string): boolean {
  if (!existsSync(file)) return true;
  let current = realpathSync(file);
  if ((statSync(current).mode & (statSync(current).isDirectory() ? 0o001 : 0o004)) === 0) return false;
  while (current !== path.dirname(current)) {
    current = path.dirname(current);
    if ((statSync(current).mode & 0o001) === 0) return false;
  }
  return true;
}

/**
 * With `setpriv` and `prlimit` (util-linux): no capability can come back, no setuid program helps, no core file is
 * written, no message queue outlives the slot, and a fork bomb ends at its bound. Without them: the user id alone.
 */
function launcher(): (uid: number) => readonly string[] {
  const prlimit = programIn('prlimit');
  const setpriv = programIn('setpriv');
  if (prlimit === undefined || setpriv === undefined) return () => [];
  const processes = processLimit();
  const limits = ['--core=0:0', '--msgqueue=0:0', `--nproc=${processes}:${processes}`];
  const bounding = hasBit(effectiveCapabilities(), setPcap) ? ['--bounding-set=-all', '--inh-caps=-all'] : [];
  return (uid) => [prlimit, ...limits, setpriv, `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--no-new-privs', ...bounding, '--'];
}

function programIn(name: string): string | undefined {
  for (const directory of ['/usr/bin', '/bin']) {
    const file = path.join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/** Never above what the proxy itself is held to, which only a privileged process may raise. */
function processLimit(): number {
  const held = Number(/^Max processes\s+\S+\s+(\d+)/m.exec(textOf('/proc/self/limits'))?.[1] ?? maxProcesses);
  const ofContainer = ['/sys/fs/cgroup/pids.max', '/sys/fs/cgroup/pids/pids.max'].map((file) => Number.parseInt(textOf(file), 10)).filter((limit) => limit > 0);
  return Math.min(maxProcesses, held, ...ofContainer.map((limit) => Math.floor(limit * shareOfProcesses)));
}

/** Empty when there is no such file. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
