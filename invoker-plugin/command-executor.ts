// Carries the scheduler's commands out on live containers and answers each with an event. It makes no decision: what
// cannot be done becomes an event that says so.
import { randomUUID } from 'node:crypto';
import type { ActionCatalog, ActionDocument } from '../common/action-document.ts';
import type { Clock } from '../common/clock.ts';
import { parseActionKey } from '../common/action-identity.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import type { ActivationResponse } from '../common/messages/acknowledgement.ts';
import type { ActivationMessage } from '../common/messages/activation-message.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';
import { artifactsSchema, type ExtensionErrorReply } from '../runtime/protocol.ts';
import { leavesContainerUsable } from './activation-result.ts';
import type { CleanContainer, CreateContainer, FailActivation, Load, Offload, RemoveContainer, SchedulerCommand, StartActivation } from './core/commands.ts';
import type { LoadFailureReason, SchedulerEvent } from './core/events.ts';
import type { Container, ContainerDriver } from './drivers/driver.ts';
import { ManagedContainer, type ActivationOutcome } from './managed-container.ts';
import type { ReadingAhead } from './reading-ahead.ts';

/** An activation that was accepted and has not been answered. */
export interface PendingActivation {
  readonly message: ActivationMessage;
  readonly action: ActionDocument;
  readonly arrivedAt: number;
  /** The invoker that the controller chose, where that is another one: it is the one to be acknowledged. */
  readonly onBehalfOf?: InvokerInstance | undefined;
}

/** Told how activations end; each accepted activation is reported exactly once. */
export interface ActivationListener {
  ran(pending: PendingActivation, command: StartActivation, outcome: ActivationOutcome): Promise<void>;
  /** `response`: how it ends, where the reason alone does not say so. */
  failed(pending: PendingActivation, reason: FailActivation['reason'], response?: ActivationResponse): Promise<void>;
}

export interface ExecutorOptions {
  readonly driver: ContainerDriver;
  readonly catalog: ActionCatalog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listener: ActivationListener;
  /** Environment of every runtime container. */
  readonly environment: Readonly<Record<string, string>>;
  readonly loadTimeoutMs: number;
  /** A container that has served is paused when it has been idle for so long; undefined: never. */
  readonly pauseGraceMs: number | undefined;
  /** Reads model files ahead; undefined: nobody can here, and the scheduler, who has not heard of the host's memory, does not ask. */
  readonly reading: ReadingAhead | undefined;
}

/** How an extension route's refusal reads as a scheduler fact. */
const failureReasonOf: Record<ExtensionErrorReply['code'], LoadFailureReason> = {
  busy: 'cancelled',
  cancelled: 'cancelled',
  deadline: 'error',
  memory: 'memory',
  artifact: 'artifact',
  'bad-request': 'artifact',
  forbidden: 'error',
  draining: 'cancelled',
  unavailable: 'error',
};

const offloadTimeoutMs = 10_000;

export class CommandExecutor {
  private readonly options: ExecutorOptions;
  private readonly emit: (event: SchedulerEvent) => void;
  private readonly containers = new Map<string, ManagedContainer>();
  private readonly pending = new Map<string, PendingActivation>();
  /** Those of the pending ones that are in a container. */
  private readonly running = new Set<string>();
  /** The scheduler hears nothing any more, and the driver removes what there is. */
  private isClosing = false;
  private readonly underWay = new Set<Promise<void>>();

  constructor(options: ExecutorOptions, emit: (event: SchedulerEvent) => void) {
    this.options = options;
    this.emit = emit;
  }

  /** Containers that are up; for views and reports. */
  get liveContainers(): ReadonlyMap<string, ManagedContainer> {
    return this.containers;
  }

  /** Activations accepted and not answered yet. */
  get pendingCount(): number {
    return this.pending.size;
  }

  /** Must be called before the scheduler hears of the activation. */
  accept(activation: PendingActivation): void {
    this.pending.set(activation.message.activationId, activation);
  }

  /** Answers what has not been started; to be called when the scheduler has stopped. Containers that end from now on were asked to. */
  abandonUnstarted(): void {
    this.isClosing = true;
    for (const activationId of this.pending.keys()) {
      if (!this.running.has(activationId)) this.execute({ type: 'failActivation', activationId, reason: 'container-failed' });
    }
  }

  /**
   * Takes in a stem cell of another invoker: it is loaded into and off-loaded from, and let go (`remove`) as soon as it
   * refuses.
   * @param token what its pre-loading routes ask for
   */
  borrow(container: Container, memoryLimitBytes: number, usedBytes: number, token: string): void {
    const { containerId } = container;
    const { clock } = this.options;
    const managed = new ManagedContainer({ container, memoryLimitBytes, clock, token, pauseGraceMs: undefined, isBorrowed: true, onPauseFailure: () => undefined });
    this.containers.set(containerId, managed);
    void container.ended.then(({ reason }) => this.ended(managed, reason));
    this.emit({ type: 'containerFound', at: this.now, containerId, memoryLimitBytes, usedBytes });
  }

  /** Starts carrying a command out; failures become events. */
  execute(command: SchedulerCommand): void {
    const work = this.dispatch(command).catch((error: unknown) => {
      this.options.logger.error({ command: command.type, reason: describeError(error) }, 'a command failed outside of what it reports');
    });
    this.underWay.add(work);
    void work.finally(() => this.underWay.delete(work));
  }

  /** Resolves when every command given so far has been carried out. */
  async settled(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all([...this.underWay]);
  }

  private dispatch(command: SchedulerCommand): Promise<void> {
    switch (command.type) {
      case 'createContainer':
        return this.create(command);
      case 'startActivation':
        return this.start(command);
      case 'load':
        return this.load(command);
      case 'offload':
        return this.offload(command);
      case 'cleanContainer':
        return this.clean(command);
      case 'removeContainer':
        return this.remove(command);
      case 'failActivation':
        return this.fail(command);
      case 'readAhead':
      case 'stopReading':
        return this.options.reading?.execute(command) ?? Promise.resolve();
    }
  }

  private get now(): number {
    return this.options.clock.now();
  }

  private async create(command: CreateContainer): Promise<void> {
    const { containerId, memoryLimitBytes } = command;
    const startedAt = this.now;
    try {
      // A token of the container's own: code that runs in one container cannot load into, or off-load from, another.
      const token = randomUUID();
      const container = await this.options.driver.create({ containerId, memoryLimitBytes, environment: { ...this.options.environment, INSTAINFER_TOKEN: token } });
      const { clock, pauseGraceMs } = this.options;
      const onPauseFailure = (error: unknown): void => {
        this.options.logger.error({ containerId, reason: describeError(error) }, 'container could not be paused; it is removed');
        managed.remove().catch(() => undefined);
      };
      const managed: ManagedContainer = new ManagedContainer({ container, memoryLimitBytes, clock, token, pauseGraceMs, isBorrowed: false, onPauseFailure });
      this.containers.set(containerId, managed);
      void container.ended.then(({ reason }) => this.ended(managed, reason));
      const startMs = this.now - startedAt;
      const usedBytes = (await managed.usedBytes()) ?? 0;
      // It may have ended meanwhile, and its removal been reported.
      if (this.containers.has(containerId)) this.emit({ type: 'containerStarted', at: this.now, containerId, startMs, usedBytes });
    } catch (error) {
      if (!this.isClosing) this.options.logger.error({ containerId, reason: describeError(error) }, 'container did not start');
      this.emit({ type: 'containerRemoved', at: this.now, containerId, reason: 'start-failed' });
    }
  }

  /** A container that ends while a call is in it is reported after the call, whose connection is lost by then. */
  private async ended(managed: ManagedContainer, how: string): Promise<void> {
    const { containerId } = managed.container;
    const wasRemovedHere = managed.isRemoved || this.isClosing;
    await Promise.all(managed.activations);
    await managed.remove();
    managed.client.close();
    this.containers.delete(containerId);
    if (!wasRemovedHere && !managed.isBorrowed) this.options.logger.warn({ containerId, reason: how }, 'container ended by itself');
    this.emit({ type: 'containerRemoved', at: this.now, containerId, reason: managed.removalRequested ? 'requested' : 'crashed' });
  }

  private async start(command: StartActivation): Promise<void> {
    const { activationId, containerId } = command;
    const pending = this.pending.get(activationId);
    const managed = this.containers.get(containerId);
    if (pending === undefined || managed === undefined) {
      // The container ended between the decision and now; its `containerRemoved` is on its way.
      this.options.logger.warn({ activationId, containerId }, 'activation was sent to a container that is gone');
      return;
    }
    let finish: () => void = () => undefined;
    const dealtWith = new Promise<void>((resolve) => {
      finish = resolve;
    });
    managed.activations.add(dealtWith);
    let isInitialized = !command.init;
    try {
      this.running.add(activationId);
      const outcome = await managed.run(command, pending.message, pending.action, () => {
        isInitialized = true;
        // The scheduler waits for it only where further calls may go in.
        if (pending.action.limits.concurrency > 1) this.emit({ type: 'activationInitialized', at: this.now, activationId, containerId });
      });
      this.running.delete(activationId);
      if (outcome.wasUnserved) {
        this.options.logger.warn({ activationId, containerId }, 'a warm container refused the activation; it is tried in another');
        if (this.isClosing) this.execute({ type: 'failActivation', activationId, reason: 'container-failed' });
        else this.emit({ type: 'activationUnserved', at: this.now, activationId, containerId });
        return;
      }
      this.pending.delete(activationId);
      const reported = this.options.listener.ran(pending, command, outcome);
      // The next activation's output must not mix with this one's; a container that goes anyway is not waited for.
      if (!isInitialized) managed.failedInit = outcome.response;
      const containerUsable = leavesContainerUsable(outcome.response) && (await outcome.logs).isComplete;
      this.emit({
        type: 'activationFinished',
        at: this.now,
        activationId,
        containerId,
        containerUsable,
        initMs: outcome.initMs ?? 0,
        loadMs: outcome.loadMs,
        runMs: outcome.runMs,
        ...(outcome.diskBytes === undefined ? {} : { diskBytes: outcome.diskBytes }),
      });
      await reported;
    } finally {
      managed.activations.delete(dealtWith);
      finish();
    }
  }

  private async fail(command: FailActivation): Promise<void> {
    const pending = this.pending.get(command.activationId);
    if (pending === undefined) return;
    this.pending.delete(command.activationId);
    await this.options.listener.failed(pending, command.reason, this.containers.get(command.failedIn ?? '')?.failedInit);
  }

  private async load(command: Load): Promise<void> {
    const { containerId, actionKey } = command;
    const failed = (reason: LoadFailureReason, error?: ExtensionErrorReply): void => {
      this.emit({ type: 'loadFailed', at: this.now, containerId, actionKey, reason, predictedBytes: error?.predictedBytes, usedBytes: error?.memory?.usedBytes });
    };
    const managed = this.containers.get(containerId);
    let action: ActionDocument | undefined;
    try {
      action = await this.options.catalog.find(actionKey);
    } catch (error) {
      this.options.logger.warn({ containerId, actionKey, reason: describeError(error) }, 'the action of a load could not be fetched');
      failed('error');
      return;
    }
    const artifacts = artifactsSchema.safeParse(action?.annotations['preload']);
    if (managed === undefined) {
      failed('cancelled');
      return;
    }
    // A key that finds another revision is one whose code is gone.
    if (action?.actionKey !== actionKey || !artifacts.success) {
      failed('artifact');
      return;
    }
    const { namespace } = parseActionKey(actionKey);
    try {
      const value = {
        ...managed.slotNameOf(actionKey),
        namespace,
        artifacts: artifacts.data,
        deadlineMs: this.options.loadTimeoutMs,
        // Unpacked ahead, never run ahead: what is left of the call's /init is to require it.
        code: { code: action.code, binary: action.binary, main: action.main },
        ...(managed.isBorrowed ? { stemCellOnly: true } : {}),
      };
      const reply = await managed.awake(() => managed.client.load({ value }, this.options.loadTimeoutMs));
      if (reply.ok) {
        const { loadMs, residentBytes, memory, diskBytes } = reply.reply;
        this.emit({ type: 'loadSucceeded', at: this.now, containerId, actionKey, loadMs, residentBytes, usedBytes: memory.usedBytes, ...(diskBytes === undefined ? {} : { diskBytes }) });
        return;
      }
      if (managed.isBorrowed && failureReasonOf[reply.error.code] === 'cancelled') {
        // Its owner has taken it. That it is gone from here says more than that a load failed.
        await managed.remove();
        return;
      }
      if (reply.error.code === 'artifact') this.options.logger.error({ containerId, actionKey, reason: reply.error.error }, 'artifacts cannot be loaded');
      failed(failureReasonOf[reply.error.code], reply.error);
    } catch (error) {
      if (!this.isClosing) this.options.logger.warn({ containerId, actionKey, reason: describeError(error) }, 'load got no answer');
      if (managed.isBorrowed) {
        await managed.remove();
        return;
      }
      failed('error');
    }
  }

  private async offload(command: Offload): Promise<void> {
    const { containerId, actionKey } = command;
    const managed = this.containers.get(containerId);
    if (managed === undefined) return;
    try {
      const reply = await managed.awake(() => managed.client.offload({ value: managed.slotNameOf(actionKey) }, offloadTimeoutMs));
      const usedBytes = reply.ok ? reply.reply.memory.usedBytes : ((await managed.usedBytes()) ?? 0);
      this.emit({ type: 'offloadCompleted', at: this.now, containerId, actionKey, usedBytes });
    } catch (error) {
      // A container that cannot free memory cannot be reasoned about any more.
      if (!this.isClosing) this.options.logger.error({ containerId, actionKey, reason: describeError(error) }, 'off-load got no answer; the container is removed');
      await managed.remove();
    }
  }

  private async clean(command: CleanContainer): Promise<void> {
    const managed = this.containers.get(command.containerId);
    if (managed === undefined) return;
    const failure = await managed.clean(command.retain);
    if (failure !== undefined) {
      if (!this.isClosing) this.options.logger.error({ containerId: command.containerId, reason: failure }, 'container could not be cleaned; it is removed');
      await managed.remove();
      return;
    }
    this.emit({ type: 'containerCleaned', at: this.now, containerId: command.containerId, usedBytes: (await managed.usedBytes()) ?? 0 });
  }

  private async remove(command: RemoveContainer): Promise<void> {
    const managed = this.containers.get(command.containerId);
    if (managed === undefined) return;
    managed.removalRequested = true;
    await managed.remove();
  }
}
