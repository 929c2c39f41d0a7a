// Which processes of this machine run under a slot's own user id, and how they are stopped, continued and ended: all of
// them, those too that have left the slot's process group. It reads /proc and sends signals; it decides nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface UserProcess {
  readonly pid: number;
  readonly uid: number;
  /** The kernel's letter: R running, S and D sleeping, T stopped, t stopped by its tracer. */
  readonly state: string;
  /** Private memory. */
  readonly anonymousBytes: number;
}

/** Long enough for the lines that are wanted; names of processes are short. */
const statusBuffer = Buffer.alloc(2048);

/** How long stopping or ending a user's processes may take, in ms: a process inside the kernel may not notice at once. */
const stopBudgetMs = 5000;
/** Long, because whoever waits for it must not find one of them alive: hundreds on a busy machine take seconds. */
const endBudgetMs = 30_000;
const betweenLooksMs = 2;
/** For a process that makes one system call: long, because those it is to end may keep every processor busy. */
const killerBudgetMs = 5000;

/**
 * The living processes of these users (real user ids). A zombie does nothing and holds nothing: it is not among them.
 * @throws when it cannot look for want of descriptors: "none seen" would be taken for "none there"
 */
export function processesOf(uids: ReadonlySet<number>): UserProcess[] {
  const found: UserProcess[] = [];
  if (uids.size === 0) return found;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const process = mayBelongTo(uids, pid) ? readProcess(pid) : undefined;
    if (process !== undefined && uids.has(process.uid)) found.push(process);
  }
  return found;
}

/**
 * Whether a closer look is worth while: a process that keeps others from looking at it appears as root's, so those
 * have to be looked at, too.
 */
function mayBelongTo(uids: ReadonlySet<number>, pid: number): boolean {
  const owner = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
  return owner !== undefined && (owner === 0 || uids.has(owner));
}

function readProcess(pid: number): UserProcess | undefined {
  let text: string;
  try {
    const file = openSync(`/proc/${pid}/status`, 'r');
    try {
      text = statusBuffer.toString('latin1', 0, readSync(file, statusBuffer, 0, statusBuffer.length, 0));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isDescriptorShortage(error)) throw error;
    // ENOENT, ESRCH: it has ended.
    return undefined;
  }
  // The name comes first and is the process's own to choose, but a line break in it is shown escaped.
  const state = /^State:\t(\w)/m.exec(text)?.[1] ?? 'X';
  const uid = /^Uid:\t(\d+)/m.exec(text)?.[1];
  if (uid === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, uid: Number(uid), state, anonymousBytes: Number(/^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024 };
}

const isDescriptorShortage = (error: unknown): boolean => error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');

/** Private memory of these users' processes in bytes, by user id. */
export function anonymousBytesByUser(uids: ReadonlySet<number>): Map<number, number> {
  const bytes = new Map<number, number>();
  for (const process of processesOf(uids)) bytes.set(process.uid, (bytes.get(process.uid) ?? 0) + process.anonymousBytes);
  return bytes;
}

/**
 * Stops every process of a user; resolves when none runs any more.
 * @param isWanted asked before each look: nothing is stopped once it is false
 * @returns false when that took too long
 */
export function stopProcessesOf(uid: number, isWanted: () => boolean = () => true): Promise<boolean> {
  const signalled = new Set<number>();
  // One that is still running may have started another or continued one: looked at again until all stand still.
  return repeatedly(() => {
    if (!isWanted()) return true;
    // What sleeps inside the kernel (D) stops before it leaves it.
    const seen = processesSeen(uid);
    if (seen === undefined) return false;
    const running = seen.filter(({ pid, state }) => !/^[Tt]$/.test(state) && !(state === 'D' && signalled.has(pid)));
    for (const { pid } of running) {
      signalled.add(pid);
      send(pid, 'SIGSTOP');
    }
    return running.length === 0;
  }, stopBudgetMs);
}

export async function continueProcessesOf(uid: number): Promise<void> {
  await repeatedly(() => {
    const seen = processesSeen(uid);
    for (const { pid } of seen ?? []) send(pid, 'SIGCONT');
    return seen !== undefined;
  }, stopBudgetMs);
}

/**
 * Ends every process of a user; resolves when none is left.
 * @returns false when that took too long
 */
export async function endProcessesOf(uid: number): Promise<boolean> {
  const giveUpAt = performance.now() + endBudgetMs;
  for (;;) {
    const left = processesSeen(uid);
    if (left?.length === 0) return true;
    if (performance.now() > giveUpAt) return false;
    await killAllAs(uid);
    // Where there was no room for that process, each by itself.
    for (const { pid } of left ?? []) send(pid, 'SIGKILL');
    await sleep(betweenLooksMs);
  }
}

/**
 * Kills everything of a user by one system call, which no process can outrun by starting others: the kernel starts
 * none for a process that has been sent the signal. Only a process of that user can make the call, and it is not bound
 * to the user's number of processes. Never rejects.
 */
async function killAllAs(uid: number): Promise<void> {
  const killer = spawn('/bin/sh', ['-c', 'kill -KILL -1'], { uid, gid: uid, cwd: '/', stdio: 'ignore', env: {} });
  // The user's processes may stop it, or there was no room to start it.
  const tooLong = setTimeout(() => killer.kill('SIGKILL'), killerBudgetMs);
  await once(killer, 'exit').catch(() => undefined);
  clearTimeout(tooLong);
}

/** Undefined for want of descriptors to look with. */
function processesSeen(uid: number): UserProcess[] | undefined {
  try {
    return processesOf(new Set([uid]));
  } catch (error) {
    if (isDescriptorShortage(error)) return undefined;
    throw error;
  }
}

async function repeatedly(attempt: () => boolean, budgetMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + budgetMs;
  while (!attempt()) {
    if (performance.now() > giveUpAt) return false;
    await sleep(betweenLooksMs);
  }
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has ended.
  }
}
