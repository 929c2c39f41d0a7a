// One live container as the invoker holds it: the driver's handle, the HTTP client, the log collector, and the flow of
// one activation through it. It decides nothing; it reports what happened and when.
import type { ActionDocument } from '../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../common/action-identity.ts';
import type { Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { ActivationResponse } from '../common/messages/acknowledgement.ts';
import type { ActivationMessage } from '../common/messages/activation-message.ts';
import { bytesPerMegabyte } from '../common/action-document.ts';
import { initValueOf, runBodyOf } from './activation-payload.ts';
import { interpretInit, interpretRun, leavesContainerUsable, platformFailure } from './activation-result.ts';
import type { StartActivation } from './core/commands.ts';
import type { Container, ContainerEnd } from './drivers/driver.ts';
import { IdlePause } from './idle-pause.ts';
import { maxResponseBytesOf } from './limits.ts';
import { LogCollector, noLogs, type CollectedLogs, type FinishLogs } from './log-collector.ts';
import { RuntimeClient, type NoReply, type RuntimeReply } from './runtime-client.ts';

/** What an activation did. Durations in ms; `readyAt` is when the container was chosen and ready for it. */
export interface ActivationOutcome {
  readonly response: ActivationResponse;
  readonly readyAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** /init without loading; undefined when the start was warm. */
  readonly initMs: number | undefined;
  /** Loading of libraries and models on the path of the call. */
  readonly loadMs: number;
  /** /run without loading. */
  readonly runMs: number;
  /** What that loading had read from the disk, as the container counts it; absent where nothing was loaded, or it does not. */
  readonly diskBytes?: number | undefined;
  readonly timedOut: boolean;
  /** The connection ended without an answer, or the answer was that the container ends. */
  readonly wasCutOff: boolean;
  /** The container refused to run it: it ended, or its action's process did, since its last run. Nothing has happened. */
  readonly wasUnserved: boolean;
  /** The log, once both end markers are there. */
  readonly logs: Promise<CollectedLogs>;
}

/** OpenWhisk's default bound of a response (`whisk.activation.payload.max`). */
export const maxResponseBytes = 1024 * 1024;
/** What a runtime answers that ends: to a run that it has not begun and will not, and to one that it gives up. */
const unservedStatus = 503;
const markerTimeoutMs = 2000;
/** A container that is removed anyway is not waited for; what it wrote last may still be on its way. */
const failedMarkerTimeoutMs = 200;
const cleanTimeoutMs = 10_000;
/** How long after a lost connection the end of the container is waited for, to say why. */
const endTimeoutMs = 500;

export interface ManagedContainerOptions {
  readonly container: Container;
  readonly memoryLimitBytes: number;
  readonly clock: Clock;
  /** What the container's pre-loading routes ask for. */
  readonly token: string;
  /** An idle container is paused after so long; undefined: never. */
  readonly pauseGraceMs: number | undefined;
  /** Another invoker's stem cell: it is let go as soon as it refuses. */
  readonly isBorrowed: boolean;
  readonly onPauseFailure: (error: unknown) => void;
}

export class ManagedContainer {
  readonly container: Container;
  readonly client: RuntimeClient;
  readonly memoryLimitBytes: number;
  readonly isBorrowed: boolean;
  /** Each settles when an activation in the container has been dealt with. */
  readonly activations = new Set<Promise<void>>();
  /** How the activation ended whose action could not be initialised here. */
  failedInit: ActivationResponse | undefined;
  /** The scheduler asked for it to go. */
  removalRequested = false;
  /** It does not end by itself. */
  isRemoved = false;
  private readonly logCollector: LogCollector;
  private readonly idlePause: IdlePause;
  private readonly clock: Clock;

  constructor({ container, memoryLimitBytes, clock, token, pauseGraceMs, isBorrowed, onPauseFailure }: ManagedContainerOptions) {
    this.container = container;
    this.memoryLimitBytes = memoryLimitBytes;
    this.isBorrowed = isBorrowed;
    this.clock = clock;
    this.client = new RuntimeClient(container.baseUrl, () => clock.now(), token);
    this.logCollector = new LogCollector({ markerTimeoutMs, failedMarkerTimeoutMs, now: () => clock.now() });
    container.onLog(this.logCollector.listener);
    this.idlePause = new IdlePause({ container, clock, graceMs: pauseGraceMs, onFailure: onPauseFailure });
    void container.ended.then(() => {
      this.idlePause.close();
    });
  }

  /** Ends it and what it holds. Idempotent. */
  remove(): Promise<void> {
    this.isRemoved = true;
    return this.container.remove();
  }

  /** How the container names what it holds of an action: as its owner's /init will, and a stock one names no revision. */
  slotNameOf(actionKey: ActionKey): { action: string; version: string; revision: string | undefined } {
    const { qualifiedName, version, revision } = parseActionKey(actionKey);
    return { action: qualifiedName, version, revision: this.isBorrowed ? undefined : revision };
  }

  /** Runs a task that asks something of the container: a paused one is resumed first. @throws when that fails */
  awake<T>(task: () => Promise<T>): Promise<T> {
    return this.idlePause.awake(task);
  }

  /** Clean, /init and /run as the command says; never rejects. `onInitialized`: /init, where it was sent, has been answered well. */
  async run(command: StartActivation, message: ActivationMessage, action: ActionDocument, onInitialized: () => void = () => undefined): Promise<ActivationOutcome> {
    this.idlePause.enable();
    try {
      return await this.awake(() => this.runAwake(command, message, action, onInitialized));
    } catch (error) {
      return this.unstarted(describeError(error));
    }
  }

  private async runAwake(command: StartActivation, message: ActivationMessage, action: ActionDocument, onInitialized: () => void): Promise<ActivationOutcome> {
    const limits = { timeoutMs: action.limits.timeoutMs, maxResponseBytes: maxResponseBytesOf(message.user.limits, maxResponseBytes) };
    const collect: FinishLogs = action.limits.logsMegabytes === 0 ? () => Promise.resolve(noLogs) : this.logCollector.begin(action.limits.logsMegabytes * bytesPerMegabyte);
    if (command.clean !== 'none') {
      const failure = await this.clean(command.clean === 'retain');
      if (failure !== undefined) return this.unstarted(failure);
    }
    const readyAt = this.clock.now();
    let initMs: number | undefined;
    let loadMs = 0;
    let diskBytes: number | undefined;
    if (command.init) {
      const reply = await this.explained(this.client.init(initValueOf(message, action, readyAt + limits.timeoutMs), limits));
      const phasesMs = 'phasesMs' in reply ? reply.phasesMs : {};
      if ('diskBytes' in reply) diskBytes = reply.diskBytes;
      loadMs += phasesMs['load'] ?? 0;
      initMs = Math.max(0, reply.tookMs - loadMs);
      const failure = interpretInit(reply, limits);
      if (failure !== undefined) {
        const timedOut = 'failure' in reply && reply.failure === 'timeout';
        return { response: failure, readyAt, startedAt: readyAt, endedAt: this.clock.now(), initMs, loadMs, runMs: 0, timedOut, wasCutOff: isCutOff(reply), wasUnserved: false, logs: collect(true) };
      }
      onInitialized();
    }
    const runAt = this.clock.now();
    const reply = await this.explained(this.client.run(runBodyOf(message, action, runAt + limits.timeoutMs), limits));
    const runLoadMs = ('phasesMs' in reply ? reply.phasesMs['load'] : undefined) ?? 0;
    if ('diskBytes' in reply && reply.diskBytes !== undefined) diskBytes = (diskBytes ?? 0) + reply.diskBytes;
    const response = interpretRun(reply, limits);
    return {
      response,
      readyAt,
      startedAt: readyAt,
      endedAt: this.clock.now(),
      initMs,
      loadMs: loadMs + runLoadMs,
      runMs: Math.max(0, reply.tookMs - runLoadMs),
      diskBytes,
      timedOut: 'failure' in reply && reply.failure === 'timeout',
      wasCutOff: isCutOff(reply),
      wasUnserved: !command.init && 'status' in reply && reply.status === unservedStatus,
      logs: collect(!leavesContainerUsable(response)),
    };
  }

  /** Private memory in use; undefined when the container does not say. */
  async usedBytes(): Promise<number | undefined> {
    try {
      const status = await this.awake(() => this.client.status(cleanTimeoutMs));
      return status.ok ? status.reply.memory.usedBytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** @returns why it failed, or undefined. */
  async clean(retain: boolean): Promise<string | undefined> {
    try {
      const reply = await this.awake(() => this.client.clean(retain, cleanTimeoutMs));
      return reply.ok ? undefined : reply.error.error;
    } catch (error) {
      return error instanceof Error ? error.message : 'it did not answer';
    }
  }

  /** A connection that was lost because the container exhausted its memory says so. */
  private async explained(asked: Promise<RuntimeReply | NoReply>): Promise<RuntimeReply | NoReply> {
    const reply = await asked;
    if (!('failure' in reply) || reply.failure === 'timeout') return reply;
    const end = await new Promise<ContainerEnd | undefined>((resolve) => {
      const cancel = this.clock.setTimer(this.clock.now() + endTimeoutMs, () => resolve(undefined));
      void this.container.ended.then((ended) => {
        cancel();
        resolve(ended);
      });
    });
    return end?.memoryExhausted === true ? { ...reply, failure: 'memory' } : reply;
  }

  private unstarted(reason: string): ActivationOutcome {
    const at = this.clock.now();
    const response = platformFailure(`The container could not be made ready for the action: ${reason}`);
    return { response, readyAt: at, startedAt: at, endedAt: at, initMs: undefined, loadMs: 0, runMs: 0, timedOut: false, wasCutOff: true, wasUnserved: false, logs: Promise.resolve(noLogs) };
  }
}

function isCutOff(reply: RuntimeReply | NoReply): boolean {
  return 'failure' in reply ? reply.failure !== 'timeout' : reply.status === unservedStatus;
}
