// The proxy's end of one slot: starts the process, speaks to it, freezes, wakes and kills it. Whose slot it is and when
// it does what is decided elsewhere.
import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LoadedArtifact } from '../protocol.ts';
import type { SlotOwner, SlotState } from '../core/slot-choice.ts';
import { closeFolder, hasRoom, removeFolder, removeStrewn } from './leftovers.ts';
import { slotSettingsVariable, type FromSlot, type SlotReply, type SlotSettings, type ToSlot } from './messages.ts';
import { continueProcessesOf, endProcessesOf, stopProcessesOf } from './processes.ts';
import type { Reaper } from './reaper.ts';
import { channelDescriptor, ProxyChannel } from './slot-channel.ts';
import type { SlotUsers } from './slot-users.ts';

const slotProgram = fileURLToPath(new URL('slot-entry.js', import.meta.url));

/** Niceness of what is done ahead of a call: far behind every running activation. */
const backgroundNiceness = 10;

/** How long a slot's folder is left alone after its end, in ms. */
const removalDelayMs = 50;

/** The slot's process ended while something was expected of it. */
export class SlotLostError extends Error {}

export interface SlotOptions {
  readonly id: number;
  readonly directory: string;
  readonly settings: Omit<SlotSettings, 'directory'>;
  readonly environment: Readonly<Record<string, string>>;
  readonly reaper: Reaper;
  readonly users: SlotUsers;
  readonly background: boolean;
}

type Request<T extends ToSlot['type']> = Omit<ToSlot & { type: T }, 'id' | 'type'>;

export class Slot {
  readonly id: number;
  state: SlotState = 'starting';
  owner: SlotOwner | undefined;
  codeFingerprint: string | undefined;
  artifacts: readonly LoadedArtifact[] = [];
  /** Private bytes when last looked at, and what a load under way was predicted to need in the end. */
  measuredBytes = 0;
  /** Of these, those of the processes it had started by then. */
  startedBytes = 0;
  reservedBytes = 0;
  createdAt = performance.now();
  lastUsefulAt = performance.now();
  /** Resolves when the process can take work; rejects when it ended before that. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  /** Its own user id (and group id); undefined where slots share the proxy's user. */
  readonly uid: number | undefined;
  private readonly child: ChildProcess;
  private channel: ProxyChannel | undefined;
  private readonly options: SlotOptions;
  private readonly waiting = new Map<number, { resolve: (reply: SlotReply) => void; reject: (error: Error) => void }>();
  private nextRequest = 0;
  private isEnded = false;
  private isToStandStill = false;
  private killing: Promise<void> | undefined;

  /** @throws AppError SLOT_USERS */
  constructor(options: SlotOptions) {
    this.id = options.id;
    this.options = options;
    this.uid = options.users.take();
    this.makeFolder();
    this.child = this.start();
    if (options.background) this.setBackground(true);
    const { pid } = this.child;
    if (pid !== undefined) options.reaper.watch(pid, this.uid);
    this.ended = new Promise((resolve) => {
      const onEnd = (): void => {
        if (this.isEnded) return;
        this.isEnded = true;
        for (const { reject } of this.waiting.values()) reject(new SlotLostError('The process of the slot ended.'));
        this.waiting.clear();
        resolve();
      };
      this.child.once('exit', onEnd);
      this.child.on('error', () => {
        if (this.child.pid === undefined) onEnd();
      });
    });
    this.ready = new Promise((resolve, reject) => {
      const stream = this.child.stdio[channelDescriptor];
      // Where the process could not be started there is none.
      if (stream instanceof Duplex) {
        this.channel = new ProxyChannel(
          stream,
          (message) => this.receive(message, resolve),
          // Only user code closes it, or writes what is not understood: its slot is lost by that.
          () => {
            if (!this.isEnded) this.signal('SIGKILL');
          },
        );
      }
      void this.ended.then(() => {
        reject(new SlotLostError('The process of the slot ended before it was ready.'));
      });
    });
    // Whoever needs the slot awaits `ready`; a blank one that nobody needs may fail unnoticed.
    this.ready.catch(() => undefined);
  }

  private makeFolder(): void {
    const { directory } = this.options;
    try {
      mkdirSync(directory, { mode: 0o700 });
      if (this.uid !== undefined) chownSync(directory, this.uid, this.uid);
    } catch {
      // ENOSPC: the process, which is to start in this folder, does not start, and that is reported.
      rmSync(directory, { recursive: true, force: true });
    }
  }

  private start(): ChildProcess {
    const { directory, environment, users } = this.options;
    const settings: SlotSettings = { directory, ...this.options.settings };
    const { command, args, ...ids } = users.launch(this.uid, process.execPath, [slotProgram]);
    return spawn(command, args, {
      ...ids,
      cwd: directory,
      // A session and process group of its own: what user code starts dies with the slot.
      detached: true,
      // A pair of connected sockets of its own rather than Node's message channel: that takes a third longer for a run, and
      // would have V8 rebuild objects in the proxy from bytes that user code can forge.
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: { ...environment, HOME: directory, TMPDIR: directory, [slotSettingsVariable]: JSON.stringify(settings) },
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.isEnded;
  }

  load(request: Request<'load'>): Promise<SlotReply> {
    return this.ask({ type: 'load', id: this.nextRequest++, ...request });
  }

  init(request: Request<'init'>): Promise<SlotReply> {
    return this.ask({ type: 'init', id: this.nextRequest++, ...request });
  }

  release(request: Request<'release'>): Promise<SlotReply> {
    return this.ask({ type: 'release', id: this.nextRequest++, ...request });
  }

  wake(request: Request<'wake'>): Promise<SlotReply> {
    return this.ask({ type: 'wake', id: this.nextRequest++, ...request });
  }

  /** @param isAlone no other run is under way */
  run(body: Buffer, isAlone: boolean): Promise<SlotReply> {
    return this.expectReply(this.nextRequest++, (id) => this.channel?.run(id, body, isAlone));
  }

  /** Puts the slot behind every running activation, or among them. */
  setBackground(background: boolean): void {
    if (this.pid !== 0) setNiceness(this.pid, background ? backgroundNiceness : 0);
  }

  /** Stops the process for a moment, at once. */
  hold(): void {
    this.signal('SIGSTOP');
  }

  /** Stops everything the slot runs; resolves when it stands still. What cannot be stopped is killed. */
  async freeze(): Promise<void> {
    this.isToStandStill = true;
    this.signal('SIGSTOP');
    if (this.uid === undefined) return;
    if (!(await stopProcessesOf(this.uid, () => this.isToStandStill))) void this.kill();
  }

  /** Ends {@link hold} and {@link freeze}. */
  thaw(): void {
    const { uid, isToStandStill } = this;
    this.isToStandStill = false;
    this.signal('SIGCONT');
    // What has left the process group can wait for the call to be sent.
    if (uid !== undefined && isToStandStill) setImmediate(() => void continueProcessesOf(uid));
  }

  /** Ends the process and everything it has started; resolves when it is gone and its files are out of reach. Idempotent. */
  kill(): Promise<void> {
    this.killing ??= this.end();
    return this.killing;
  }

  private async end(): Promise<void> {
    this.state = 'releasing';
    // A process gives its memory back itself as it ends: behind everybody else it would take seconds on a busy machine.
    this.setBackground(false);
    this.signal('SIGKILL');
    await this.ended;
    const { uid } = this;
    const { directory, reaper } = this.options;
    if (uid === undefined) {
      this.measuredBytes = 0;
      if (this.pid !== 0) reaper.forget(this.pid);
      await rm(directory, { recursive: true, force: true });
      return;
    }
    const isGone = await endProcessesOf(uid);
    this.measuredBytes = 0;
    closeFolder(directory);
    const isSwept = await removeStrewn(uid);
    const isClear = isGone && isSwept;
    // Nobody else can read the folder: nobody has to wait for its removal, least of all the call that comes now. Unless
    // that call would find no room.
    if (await hasRoom(path.dirname(directory))) void sleep(removalDelayMs).then(() => this.giveBackUser(uid, isClear));
    else await this.giveBackUser(uid, isClear);
  }

  /** An id of which something is left is never used again, and the reaper looks after it in the end. */
  private async giveBackUser(uid: number, isClear: boolean): Promise<void> {
    const { directory, reaper, users } = this.options;
    if (!(await removeFolder(uid, directory)) || !isClear) return;
    if (this.pid !== 0) reaper.forget(this.pid);
    users.giveBack(uid);
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // ESRCH: the group is gone.
    }
  }

  private ask(message: Exclude<ToSlot, { type: 'run' }>): Promise<SlotReply> {
    return this.expectReply(message.id, () => this.channel?.send(message));
  }

  private expectReply(id: number, send: (id: number) => void): Promise<SlotReply> {
    return new Promise((resolve, reject) => {
      if (this.isEnded) {
        reject(new SlotLostError('The process of the slot has ended.'));
        return;
      }
      this.waiting.set(id, { resolve, reject });
      // A failed send means that the process is ending: its exit settles the request.
      send(id);
    });
  }

  /** @returns false for a message that nobody has asked for */
  private receive(message: FromSlot, onReady: () => void): boolean {
    if (message.type === 'ready') {
      onReady();
      return true;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    waiting?.resolve(message);
    return waiting !== undefined;
  }
}

/**
 * Sets the niceness of every thread of a process, and of its session: Linux shares the processor among sessions first
 * where automatic groups are on, so that a thread's own niceness would count among the slot's threads only.
 */
function setNiceness(pid: number, niceness: number): void {
  try {
    // New threads inherit it from the one that starts them.
    for (const thread of readdirSync(`/proc/${pid}/task`)) os.setPriority(Number(thread), niceness);
  } catch {
    // ENOENT, ESRCH: it has ended. EACCES: an unprivileged user may not go back up; the slot then runs behind others.
  }
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch {
    // No automatic groups here, or not allowed: as above.
  }
}
