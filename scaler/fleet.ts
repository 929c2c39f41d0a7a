// Carries a policy's commands out with slots of the contest's platform, and turns requests into its events: the counterpart of
// the invoker's command executor. An application is an action, an instance is its container. It decides nothing.
import { randomUUID } from 'node:crypto';
import { actionKeyOf } from '../common/action-identity.ts';
import { bytesPerMegabyte } from '../common/action-document.ts';
import type { CancelTimer, Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import type { CreateContainer, RemoveContainer, SchedulerCommand, StartActivation } from '../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../invoker-plugin/core/events.ts';
import type { Policy } from '../lab/policies/policy.ts';
import type { Assignment, Meta } from './interface.ts';
import type { Platform } from './platform.ts';

export interface FleetOptions {
  readonly policy: Policy;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What came of asking for an instance. */
export type Assigned = { readonly ok: true; readonly assignment: Assignment } | { readonly ok: false; readonly reason: string };

/** A container of the policy: a slot once the platform has made it, an instance once an application is in it. */
interface FleetSlot {
  slotId: string | undefined;
  instanceId: string | undefined;
}

interface Request {
  readonly meta: Meta;
  readonly answer: (assigned: Assigned) => void;
  containerId: string | undefined;
  instanceId: string | undefined;
  initMs: number;
  giveUp: CancelTimer | undefined;
}

/** A request that is not said to have ended is taken for lost this long after its own time limit. */
const lostAfterMs = 10_000;
const millisecondsPerSecond = 1000;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #slots = new Map<string, FleetSlot>();
  readonly #requests = new Map<string, Request>();
  readonly #applications = new Map<string, Meta>();
  readonly #work = new Set<Promise<void>>();
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake: CancelTimer | undefined;
  #isClosed = false;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Requests that wait for an instance or have one. */
  get requestCount(): number {
    return this.#requests.size;
  }
  /** Slots that are there, or being made or destroyed. */
  get slotCount(): number {
    return this.#slots.size;
  }

  /** Gives the request an instance of its application as soon as there is one. */
  assign(requestId: string, meta: Meta): Promise<Assigned> {
    if (this.#isClosed) return Promise.resolve({ ok: false, reason: 'the scaler is shutting down' });
    if (this.#requests.has(requestId)) return Promise.resolve({ ok: false, reason: `request ${requestId} is under way already` });
    const actionKey = keyOf(meta);
    const at = this.#options.clock.now();
    return new Promise((answer) => {
      this.#requests.set(requestId, { meta, answer, containerId: undefined, instanceId: undefined, initMs: 0, giveUp: undefined });
      if (!this.#applications.has(actionKey)) {
        this.#applications.set(actionKey, meta);
        // A namespace of its own: no other application may take its instances.
        this.#submit({ type: 'actionDeployed', at, actionKey, namespace: actionKey, memoryLimitBytes: meta.memory_in_mb * bytesPerMegabyte, declaresArtifacts: false, estimatedLoadMs: 0, estimatedResidentBytes: 0 });
      }
      this.#submit({ type: 'activationArrived', at, activationId: requestId, actionKey });
    });
  }

  /**
   * The request has ended; its instance is free, or goes where it `isBroken`.
   * @returns false where that instance was not given to that request, or it had ended already
   */
  idle(assignment: Assignment, result: { readonly durationMs: number; readonly isBroken: boolean }): boolean {
    const request = this.#requests.get(assignment.request_id);
    if (request?.instanceId === undefined || request.instanceId !== assignment.instance_id || request.meta.key !== assignment.meta_key) return false;
    this.#end(assignment.request_id, request, result);
    return true;
  }

  /** Destroys every slot; requests that wait are answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelWake?.();
    for (const [requestId, request] of this.#requests) {
      request.giveUp?.();
      if (request.instanceId === undefined) request.answer({ ok: false, reason: 'the scaler is shutting down' });
      this.#requests.delete(requestId);
    }
    // A slot that is still being made is destroyed by what makes it.
    for (const [containerId, slot] of this.#slots) if (slot.slotId !== undefined) this.#track(this.#destroy(containerId, 'shutdown'));
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #end(requestId: string, { containerId = '', initMs, giveUp }: Request, { durationMs, isBroken }: { readonly durationMs: number; readonly isBroken: boolean }): void {
    giveUp?.();
    this.#requests.delete(requestId);
    this.#submit({ type: 'activationFinished', at: this.#options.clock.now(), activationId: requestId, containerId, containerUsable: !isBroken, initMs, loadMs: 0, runMs: durationMs });
  }

  #submit(event: SchedulerEvent): void {
    if (this.#isClosed) return;
    const { commands, wakeAt } = this.#options.policy.step(event);
    for (const command of commands) this.#execute(command);
    this.#wake(wakeAt);
  }

  #wake(at: number | undefined): void {
    if (at === undefined || at >= this.#wakeAt) return;
    this.#cancelWake?.();
    this.#wakeAt = at;
    this.#cancelWake = this.#options.clock.setTimer(at, () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#submit({ type: 'ticked', at: this.#options.clock.now() });
    });
  }

  #execute(command: SchedulerCommand): void {
    switch (command.type) {
      case 'createContainer':
        this.#slots.set(command.containerId, { slotId: undefined, instanceId: undefined });
        this.#track(this.#create(command));
        return;
      case 'startActivation':
        this.#track(this.#start(command));
        return;
      case 'removeContainer':
        this.#track(this.#remove(command));
        return;
      case 'failActivation': {
        const request = this.#requests.get(command.activationId);
        this.#requests.delete(command.activationId);
        request?.answer({ ok: false, reason: command.reason });
        return;
      }
      case 'load':
      case 'offload':
      case 'cleanContainer':
      case 'readAhead':
      case 'stopReading':
        throw new Error(`a policy of the Scaler task asked for ${command.type}, which its platform does not have`);
    }
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  async #create({ containerId, memoryLimitBytes, reason }: CreateContainer): Promise<void> {
    const { platform, clock, logger } = this.#options;
    try {
      const { slotId, createMs } = await platform.createSlot(memoryLimitBytes / bytesPerMegabyte);
      const slot = this.#slots.get(containerId);
      if (slot !== undefined) slot.slotId = slotId;
      if (this.#isClosed) {
        await this.#destroy(containerId, 'shutdown');
        return;
      }
      this.#submit({ type: 'containerStarted', at: clock.now(), containerId, startMs: createMs, usedBytes: 0 });
    } catch (error) {
      logger.warn({ containerId, reason, problem: describeError(error) }, 'no slot was made');
      this.#slots.delete(containerId);
      this.#submit({ type: 'containerRemoved', at: clock.now(), containerId, reason: 'start-failed' });
    }
  }

  async #start({ activationId, containerId, init }: StartActivation): Promise<void> {
    const { platform, clock, logger } = this.#options;
    const request = this.#requests.get(activationId);
    const slot = this.#slots.get(containerId);
    if (request === undefined || slot?.slotId === undefined) throw new Error(`request ${activationId} was sent to ${containerId}, and one of them is not there`);
    request.containerId = containerId;
    if (init) {
      const instanceId = randomUUID();
      try {
        request.initMs = (await platform.init(slot.slotId, instanceId, request.meta)).initMs;
        slot.instanceId = instanceId;
      } catch (error) {
        logger.warn({ containerId, application: request.meta.key, problem: describeError(error) }, 'an instance could not be initialised');
        this.#requests.delete(activationId);
        request.answer({ ok: false, reason: describeError(error) });
        await this.#destroy(containerId, 'init failed');
        this.#submit({ type: 'containerRemoved', at: clock.now(), containerId, reason: 'crashed' });
        return;
      }
    }
    if (this.#isClosed) return;
    request.instanceId = slot.instanceId;
    const timeoutMs = request.meta.timeout_in_secs * millisecondsPerSecond;
    if (timeoutMs > 0) {
      request.giveUp = clock.setTimer(clock.now() + timeoutMs + lostAfterMs, () => {
        logger.warn({ containerId, requestId: activationId, timeoutMs }, 'a request never ended; its instance goes');
        this.#end(activationId, request, { durationMs: timeoutMs, isBroken: true });
      });
    }
    request.answer({ ok: true, assignment: { request_id: activationId, meta_key: request.meta.key, instance_id: slot.instanceId ?? '' } });
  }

  async #remove({ containerId, reason }: RemoveContainer): Promise<void> {
    await this.#destroy(containerId, reason);
    this.#submit({ type: 'containerRemoved', at: this.#options.clock.now(), containerId, reason: 'requested' });
  }

  async #destroy(containerId: string, reason: string): Promise<void> {
    const slot = this.#slots.get(containerId);
    if (slot?.slotId === undefined) return;
    try {
      await this.#options.platform.destroySlot(slot.slotId, reason);
    } catch (error) {
      // It is not used again, and nobody but the platform can still end it.
      this.#options.logger.error({ containerId, slotId: slot.slotId, problem: describeError(error) }, 'a slot could not be destroyed');
    }
    this.#slots.delete(containerId);
  }
}

/** Memory is part of the key: an application that comes back with another size is another one. */
function keyOf({ key, memory_in_mb }: Meta): string {
  return actionKeyOf(`scaler/${encodeURIComponent(key)}`, String(memory_in_mb));
}
