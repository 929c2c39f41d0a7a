// The container: brings the life cycle, the slots and the loads together. Each method is one route of the proxy; what
// may happen when, and which slot is taken, is decided in core/.
import { parseActionKey } from '../common/action-identity.ts';
import { describeError } from '../common/errors.ts';
import { adoptSlot, InitError } from './adoption.ts';
import { activationsOf, drainingError, transition, type LifecycleEvent, type LifecycleState, type Refusal } from './core/lifecycle.ts';
import { ExtensionError } from './extension-error.ts';
import { Loader, type ParsedLoad } from './loader.ts';
import { MemoryWatch } from './memory-watch.ts';
import { setOomScore, type ControlGroups } from './memory.ts';
import type { CleanReply, InitValue, LoadReply, OffloadReply, StatusReply } from './protocol.ts';
import { writeLogMarkers } from './slots/log-markers.ts';
import type { RuntimeLog } from './runtime-log.ts';
import type { ActionCode, SlotSettings } from './slots/messages.ts';
import { SlotPool } from './slots/slot-pool.ts';
import type { SlotUsers } from './slots/slot-users.ts';
import { SlotLostError, type Slot } from './slots/slot.ts';

/** The answer to /init or /run. `timing` is the value of the Server-Timing header. */
export interface ActivationReply {
  readonly status: number;
  readonly body: Uint8Array;
  readonly timing?: string;
}

export interface ContainerOptions {
  readonly workDir: string;
  readonly slotsDir: string;
  readonly users: SlotUsers;
  readonly settings: Omit<SlotSettings, 'directory'>;
  readonly environment: Readonly<Record<string, string>>;
  readonly limitBytes: number;
  readonly controlGroups: ControlGroups;
  readonly blankSlots: number;
  readonly concurrent: boolean;
  readonly version: string;
  readonly log: RuntimeLog;
}

/** How long the container must be idle before house-keeping starts: back-to-back runs are not disturbed. */
const settleDelayMs = 20;
/** Least time between the house-keeping of two runs: reading the memory of every slot costs several times what a short run does. */
const settleIntervalMs = 1_000;

/** OpenWhisk's text for a container that has been killed for its memory. */
const memoryExhaustedError = 'The action exhausted its memory and was aborted.';

const missingCode: Refusal = { allowed: false, status: 403, error: 'Missing main/no code to execute.' };

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const milliseconds = (value: number): string => Math.max(0, value).toFixed(2);
/** Not a duration: what loading had read from the disk, in bytes. */
const diskTiming = (bytes: number | undefined): string => (bytes === undefined ? '' : `, disk;desc="${Math.round(bytes)}"`);

export class Container {
  private readonly options: ContainerOptions;
  private readonly pool: SlotPool;
  private readonly loader: Loader;
  private readonly watch: MemoryWatch;
  private state: LifecycleState = { kind: 'stem' };
  private active: Slot | undefined;
  private knownOomKills: number;
  private settling: NodeJS.Timeout | undefined;
  /** When {@link settling} fires, and when house-keeping is due by now: later, where something has run since. */
  private looksAt = 0;
  private settlesAt = 0;
  private settledAt = Number.NEGATIVE_INFINITY;
  private onIdle: (() => void) | undefined;

  constructor(options: ContainerOptions) {
    this.options = options;
    this.knownOomKills = options.controlGroups.oomKills;
    this.pool = new SlotPool({ ...options, onLost: (slot) => this.onSlotLost(slot) });
    this.loader = new Loader({ pool: this.pool, modelStore: options.settings.modelStore, activeSlot: () => this.active, onLoading: () => this.watch.onBusy() });
    this.watch = new MemoryWatch({
      pool: this.pool,
      log: options.log,
      giveUp: (slot, part) => (part !== undefined ? this.pool.releaseParts(slot, [part]) : slot.state === 'loading' ? this.loader.giveUp(slot) : slot.kill()),
      isBusy: () => this.isBusy || this.loader.isLoading,
    });
    this.pool.replenish();
  }

  get isReady(): boolean {
    return this.state.kind !== 'draining' && this.state.kind !== 'stopped';
  }

  private get isDraining(): boolean {
    return this.state.kind === 'draining';
  }

  /** `POST /init`. Never rejects. */
  async init(value: InitValue): Promise<ActivationReply> {
    const startedAt = performance.now();
    const action = actionCodeOf(value);
    // An initialised container says so whatever it is sent; a stem cell may be asked again.
    if (action === undefined && this.state.kind === 'stem') return this.refused(missingCode);
    const refusal = this.advance('initRequested');
    if (refusal !== undefined || action === undefined) return this.refused(refusal ?? missingCode);
    try {
      const onTaken = (slot: Slot): void => {
        this.active = slot;
        setOomScore(slot.pid, 'active');
        this.watch.onBusy();
      };
      const { origin, loadMs, evictionMs, diskBytes } = await adoptSlot({ pool: this.pool, loader: this.loader, onTaken }, action, value);
      this.advance('initSucceeded');
      const initMs = performance.now() - startedAt - loadMs - evictionMs;
      return { status: 200, body: json({ OK: true }), timing: `init;dur=${milliseconds(initMs)}, load;dur=${milliseconds(loadMs)}, slot;desc="${origin}"${diskTiming(diskBytes)}` };
    } catch (error) {
      return this.initFailed(error);
    }
  }

  /** `POST /run`, the body as it came. Never rejects. */
  async run(body: Buffer): Promise<ActivationReply> {
    const startedAt = performance.now();
    const refusal = this.advance('runRequested');
    if (refusal !== undefined) return this.refused(refusal);
    this.loader.cancelAllBut(this.active?.owner);
    this.watch.onBusy();
    const slot = this.active;
    try {
      const reply = slot === undefined ? undefined : await slot.run(body, activationsOf(this.state) === 1);
      if (slot === undefined || reply?.type !== 'ran') throw new SlotLostError('The slot gave no answer.');
      slot.artifacts = reply.artifacts;
      slot.lastUsefulAt = performance.now();
      const runMs = performance.now() - startedAt - reply.loadMs - reply.evictionMs;
      return { status: reply.status, body: reply.body, timing: `load;dur=${milliseconds(reply.loadMs)}, run;dur=${milliseconds(runMs)}${diskTiming(reply.diskBytes)}` };
    } catch {
      // Nobody else will end this activation's log.
      await writeLogMarkers();
      return { status: 502, body: json({ error: this.isMemoryExhausted() ? memoryExhaustedError : 'The action did not produce a valid response and exited unexpectedly.' }) };
    } finally {
      this.advance('runFinished');
      this.settleSoon(this.settledAt + settleIntervalMs - performance.now());
      if (activationsOf(this.state) === 0) this.onIdle?.();
    }
  }

  /** `POST /load`. @throws ExtensionError */
  async load(request: ParsedLoad): Promise<LoadReply> {
    if (this.isDraining) throw new ExtensionError('draining', drainingError);
    if (this.isBusy) throw new ExtensionError('busy', 'An activation is running in this container.');
    if (request.stemCellOnly === true && this.state.kind !== 'stem') throw new ExtensionError('busy', 'The container is not a stem cell any more.');
    if (this.options.settings.loading === 'stock') throw new ExtensionError('artifact', 'This runtime loads as the stock one does (INSTAINFER_LOADING=stock): nothing ahead of a call.');
    try {
      return await this.loader.load(request);
    } finally {
      this.settleSoon();
    }
  }

  /**
   * `POST /offload` of one action, of some parts of it, or of all when `action` is undefined; active slots stay.
   * @throws ExtensionError
   */
  async offload(actionKey: string | undefined, parts?: readonly string[]): Promise<OffloadReply> {
    const startedAt = performance.now();
    if (actionKey !== undefined && this.active?.owner?.actionKey === actionKey) {
      throw new ExtensionError('busy', `${actionKey} is initialised in this container; /clean ends it.`);
    }
    await this.pool.measure();
    const beforeBytes = this.pool.heldBytes;
    const victims = this.pool.all.filter((slot) => slot !== this.active && slot.owner !== undefined && (actionKey === undefined || slot.owner.actionKey === actionKey));
    await Promise.all(victims.map((slot) => (parts === undefined ? this.offloadSlot(slot) : this.offloadParts(slot, parts))));
    await this.pool.measure();
    const freedBytes = victims.length === 0 ? 0 : Math.max(0, beforeBytes - this.pool.heldBytes);
    const memory = this.pool.report();
    this.settleSoon();
    return { ok: true, freedBytes, tookMs: performance.now() - startedAt, memory };
  }

  /** A load under way is waited for: its parts come before they go. */
  private async offloadParts(slot: Slot, parts: readonly string[]): Promise<void> {
    await this.loader.waitFor(slot);
    if (slot.state === 'resident') await this.pool.releaseParts(slot, parts);
  }

  private async offloadSlot(slot: Slot): Promise<void> {
    if (slot.state === 'loading' && slot.owner !== undefined) await this.loader.cancel(slot.owner);
    await slot.kill();
  }

  /** `POST /clean`. @throws ExtensionError */
  async clean(retain: boolean): Promise<CleanReply> {
    const startedAt = performance.now();
    const refusal = this.advance('cleanRequested');
    if (refusal !== undefined) throw new ExtensionError(refusal.status === 503 ? 'draining' : 'busy', refusal.error);
    const slot = this.active;
    this.active = undefined;
    if (slot !== undefined) {
      if (retain && !slot.hasEnded && slot.owner !== undefined) {
        slot.state = 'retained';
        setOomScore(slot.pid, 'spare');
        await slot.freeze();
      } else {
        await slot.kill();
      }
    }
    this.settleSoon();
    return { ok: true, tookMs: performance.now() - startedAt };
  }

  /** `GET /status`. */
  async status(): Promise<StatusReply> {
    await this.pool.measure();
    const owner = this.active?.owner;
    const now = performance.now();
    return {
      state: this.state.kind === 'starting' ? 'running' : this.state.kind,
      version: this.options.version,
      action: owner === undefined ? null : parseActionKey(owner.actionKey).qualifiedName,
      namespace: owner?.namespace ?? null,
      slotUsers: this.options.users.areOwn ? 'own' : 'shared',
      blankSlotReady: this.pool.all.some((slot) => slot.state === 'blank'),
      slots: this.pool.all.flatMap((slot) => slotReports(slot, now)),
      memory: this.pool.report(),
    };
  }

  /** Refuses new work; resolves when what runs has finished, or after `graceMs`. Then everything is killed. */
  async drain(graceMs: number): Promise<void> {
    this.advance('drainRequested');
    clearTimeout(this.settling);
    this.watch.close();
    this.loader.cancelAllBut(undefined);
    if (activationsOf(this.state) > 0) {
      await new Promise<void>((resolve) => {
        this.onIdle = resolve;
        setTimeout(resolve, graceMs).unref();
      });
    }
    await this.pool.close();
  }

  private get isBusy(): boolean {
    return this.state.kind === 'starting' || activationsOf(this.state) > 0;
  }

  /** Applies an event; returns the refusal if it is not allowed. */
  private advance(event: LifecycleEvent): Refusal | undefined {
    const next = transition(this.state, event, this.options.concurrent);
    if (!next.allowed) return next;
    this.options.log.debug({ event, from: this.state.kind, to: next.state.kind }, 'life cycle');
    this.state = next.state;
    return undefined;
  }

  private refused(refusal: Refusal): ActivationReply {
    // The stock runtime says it on the log, and its conformance suite reads it there.
    if (refusal.status === 403) process.stderr.write(`Internal system error: ${refusal.error}\n`);
    return { status: refusal.status, body: json({ error: refusal.error }) };
  }

  private async initFailed(error: unknown): Promise<ActivationReply> {
    const slot = this.active;
    this.active = undefined;
    this.advance('initFailed');
    this.options.log.warn({ reason: describeError(error) }, 'initialisation failed');
    await slot?.kill();
    this.settleSoon();
    if (this.isDraining) return { status: 503, body: json({ error: drainingError }) };
    if (error instanceof InitError) return { status: 502, body: json({ error: `Initialization has failed due to: ${error.message}` }) };
    // The slot has ended without a word: its log has no end yet.
    await writeLogMarkers();
    const reason = this.isMemoryExhausted() ? memoryExhaustedError : 'the action did not initialize and exited unexpectedly.';
    return { status: 502, body: json({ error: `Initialization has failed due to: ${reason}` }) };
  }

  private onSlotLost(slot: Slot): void {
    this.options.log.warn({ slot: slot.id, action: slot.owner?.actionKey }, 'slot lost');
    // Another slot's end must not be taken for the action's.
    if (slot !== this.active) this.isMemoryExhausted();
    // While it starts, its initialisation fails by itself.
    if (slot === this.active && this.state.kind !== 'starting') {
      this.active = undefined;
      this.advance('slotLost');
    }
  }

  /** Whether the kernel has killed a process of the container for want of memory since this was last asked. */
  private isMemoryExhausted(): boolean {
    const former = this.knownOomKills;
    this.knownOomKills = this.options.controlGroups.oomKills;
    return this.knownOomKills > former;
  }

  /** House-keeping once the container has been idle for a moment: measure, keep the limit, have a blank slot ready. */
  private settleSoon(afterMs = 0): void {
    if (this.isDraining) return;
    this.settlesAt = performance.now() + Math.max(settleDelayMs, afterMs);
    // One timer for many runs: a timer for each is garbage.
    if (this.settling === undefined || this.settlesAt < this.looksAt) this.settleAsDue();
  }

  private settleAsDue(): void {
    clearTimeout(this.settling);
    this.looksAt = this.settlesAt;
    this.settling = setTimeout(() => {
      if (this.settlesAt > this.looksAt) {
        this.settleAsDue();
        return;
      }
      this.settling = undefined;
      if (!this.isBusy) void this.settle();
    }, this.settlesAt - performance.now());
  }

  private async settle(): Promise<void> {
    this.settledAt = performance.now();
    await this.pool.measure();
    await this.watch.relieve();
    if (!this.isBusy && !this.isDraining) this.pool.replenish();
  }
}

function actionCodeOf({ main, code, binary }: InitValue): ActionCode | undefined {
  return main === undefined || main === '' || typeof code !== 'string' || code === '' ? undefined : { main, code, binary: binary ?? false };
}

function slotReports(slot: Slot, now: number): StatusReply['slots'] {
  const { owner, state } = slot;
  if (owner === undefined || state === 'blank' || state === 'starting') return [];
  const { qualifiedName, version } = parseActionKey(owner.actionKey);
  return [{ action: qualifiedName, version, namespace: owner.namespace, state, residentBytes: slot.measuredBytes, ageMs: now - slot.createdAt, artifacts: [...slot.artifacts] }];
}
