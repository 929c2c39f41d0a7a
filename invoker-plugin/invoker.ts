// The invoker: takes activations off its topic and plans off theirs, lets the scheduler decide, answers the controller.
// Construction wires the parts; the parts do the work.
import { schedule, type ScheduledTask } from 'node-cron';
import { bytesPerMegabyte, type ActionCatalog, type ActionDocument } from '../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../common/action-identity.ts';
import type { Bus, BusRecord, Subscription } from '../common/bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { actionKeyOfMessage, activationMessageSchema, invokerTopic, type ActivationMessage } from '../common/messages/activation-message.ts';
import type { WhiskActivation } from '../common/messages/acknowledgement.ts';
import { encode } from '../common/messages/codec.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';
import { healthTopic } from '../common/messages/ping-message.ts';
import { RecordReader } from '../common/messages/record-reader.ts';
import { planSchema, planTopic } from '../controller-plugin/protocol.ts';
import { artifactsSchema } from '../runtime/protocol.ts';
import { Acknowledger } from './acknowledger.ts';
import { activationRecord, fallbackRecord } from './activation-record.ts';
import { platformFailure, refusedActivation } from './activation-result.ts';
import { CommandExecutor, type ActivationListener, type PendingActivation } from './command-executor.ts';
import type { FailActivation, SchedulerCommand, StartActivation } from './core/commands.ts';
import type { SchedulerConfig } from './core/config.ts';
import type { SchedulerEvent } from './core/events.ts';
import type { SchedulerState } from './core/state.ts';
import type { ContainerDriver } from './drivers/driver.ts';
import type { ActivationOutcome } from './managed-container.ts';
import { ResidencyReporter } from './residency-reporter.ts';
import { SchedulerLoop } from './scheduler-loop.ts';

/** An activation that was answered; `command` and `outcome` are absent when it never reached a container. */
export interface FinishedActivation {
  readonly message: ActivationMessage;
  readonly record: WhiskActivation;
  readonly arrivedAt: number;
  readonly command?: StartActivation | undefined;
  readonly outcome?: ActivationOutcome | undefined;
}

/** First guess of what a load takes and holds, until one has been measured. */
export interface LoadEstimate {
  readonly loadMs: number;
  readonly residentBytes: number;
}

export interface InvokerOptions {
  readonly instance: number;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly driver: ContainerDriver;
  readonly catalog: ActionCatalog;
  readonly scheduler: SchedulerConfig;
  /** Environment of every runtime container. */
  readonly environment: Readonly<Record<string, string>>;
  readonly publishEvents: boolean;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  /** Sees every answered activation, after its acknowledgement. */
  readonly onFinished: (finished: FinishedActivation) => void;
  /** Sees every step of the scheduler. */
  readonly onStep: (event: SchedulerEvent, commands: readonly SchedulerCommand[], state: SchedulerState) => void;
}

/** Longest a load ahead of time may take before it is given up. */
const loadTimeoutMs = 120_000;

const failureTexts: Record<FailActivation['reason'], string> = {
  'action-unknown': 'Action could not be found or may have been deleted.',
  'memory-limit-exceeds-pool': 'The action needs more memory than this invoker has; lower its limit or enlarge the invoker.',
  'container-failed': 'Failed to provision resources to run the action.',
  'queue-full': 'Too many activations wait at this invoker; try again later.',
};

export class Invoker implements ActivationListener {
  private readonly options: InvokerOptions;
  private readonly records: RecordReader;
  private readonly instance: InvokerInstance;
  private readonly loop: SchedulerLoop;
  private readonly executor: CommandExecutor;
  private readonly acknowledger: Acknowledger;
  private readonly residency: ResidencyReporter;
  private readonly known = new Set<ActionKey>();
  private subscriptions: Subscription[] = [];
  private heartbeat: ScheduledTask | undefined;

  constructor(options: InvokerOptions) {
    this.options = options;
    this.records = new RecordReader(options.logger);
    this.instance = { instance: options.instance, userMemory: `${options.scheduler.poolMemoryBytes} B`, instanceType: 'invoker', tags: [], dedicatedNamespaces: [], uniqueName: String(options.instance) };
    this.acknowledger = new Acknowledger({ bus: options.bus, instance: this.instance, publishEvents: options.publishEvents });
    this.residency = new ResidencyReporter({ bus: options.bus, invoker: options.instance, logger: options.logger });
    this.executor = new CommandExecutor(
      { driver: options.driver, catalog: options.catalog, clock: options.clock, logger: options.logger, listener: this, environment: options.environment, loadTimeoutMs },
      (event) => {
        this.loop.submit(event);
      },
    );
    this.loop = new SchedulerLoop({
      config: options.scheduler,
      clock: options.clock,
      execute: (command) => {
        this.executor.execute(command);
      },
      observe: (event, commands, state) => {
        this.residency.observe(event, state);
        options.onStep(event, commands, state);
      },
    });
  }

  /** Subscribes, starts the heartbeat and the stem cells. */
  async start(): Promise<void> {
    const { bus } = this.options;
    const onError = (error: unknown, record: BusRecord): void => {
      this.options.logger.error({ topic: record.topic, offset: record.offset, reason: describeError(error) }, 'a record could not be handled');
    };
    this.loop.submit({ type: 'ticked', at: this.options.clock.now() });
    const group = invokerTopic(this.options.instance);
    this.subscriptions = [
      await bus.subscribe({ topic: invokerTopic(this.options.instance), group, from: 'earliest', handle: (record) => this.takeActivation(record), onError }),
      await bus.subscribe({
        topic: planTopic,
        from: 'earliest',
        handle: (record) => this.takePlan(record),
        onError,
      }),
    ];
    this.heartbeat = schedule('* * * * * *', () => bus.publish(healthTopic, encode({ name: this.instance, isEnabled: true })));
  }

  /** An action was created, updated or is first seen: the scheduler may prepare for it. */
  async deploy(key: ActionKey): Promise<ActionDocument | undefined> {
    const action = await this.options.catalog.find(key);
    if (action === undefined || this.known.has(action.actionKey)) return action;
    const { actionKey } = action;
    this.known.add(actionKey);
    const artifacts = artifactsSchema.safeParse(action.annotations['preload']);
    const estimate = this.options.estimate(action);
    this.loop.submit({
      type: 'actionDeployed',
      at: this.options.clock.now(),
      actionKey,
      namespace: parseActionKey(actionKey).namespace,
      memoryLimitBytes: action.limits.memoryMegabytes * bytesPerMegabyte,
      declaresArtifacts: artifacts.success && artifacts.data.models.length + artifacts.data.libraries.length > 0,
      estimatedLoadMs: estimate.loadMs,
      estimatedResidentBytes: estimate.residentBytes,
    });
    return action;
  }

  /** Activations taken and not answered yet. */
  get pendingCount(): number {
    return this.executor.pendingCount;
  }

  /** Takes nothing more, lets what runs finish, removes the containers. Idempotent. */
  async stop(): Promise<void> {
    await this.heartbeat?.destroy();
    this.heartbeat = undefined;
    await this.options.bus.publish(healthTopic, encode({ name: this.instance, isEnabled: false }));
    await Promise.all(this.subscriptions.splice(0).map((subscription) => subscription.close()));
    this.loop.stop();
    await this.options.driver.close();
    await this.executor.settled();
  }

  async ran(pending: PendingActivation, command: StartActivation, outcome: ActivationOutcome): Promise<void> {
    const { message, action, arrivedAt } = pending;
    const record = activationRecord(message, action, outcome.response, {
      startedAt: outcome.startedAt,
      endedAt: outcome.endedAt,
      initMs: outcome.initMs,
      waitMs: Math.max(0, outcome.readyAt - message.transid[1]),
      timedOut: outcome.timedOut,
    });
    if (action.limits.logsMegabytes === 0) {
      await this.acknowledger.combined(message, record);
    } else {
      await this.acknowledger.result(message, record);
      record.logs = await outcome.logs;
      await this.acknowledger.completion(message, record);
    }
    this.options.onFinished({ message, record, arrivedAt, command, outcome });
  }

  async failed(pending: PendingActivation, reason: FailActivation['reason']): Promise<void> {
    await this.refuse(pending.message, pending.arrivedAt, platformFailure(failureTexts[reason]));
  }

  private async refuse(message: ActivationMessage, arrivedAt: number, response: WhiskActivation['response']): Promise<void> {
    const record = fallbackRecord(message, response, this.options.clock.now());
    await this.acknowledger.combined(message, record);
    this.options.onFinished({ message, record, arrivedAt });
  }

  private async takeActivation(record: BusRecord): Promise<void> {
    const message = this.records.read(activationMessageSchema, record);
    if (message === undefined) return;
    const arrivedAt = this.options.clock.now();
    const action = await this.deploy(actionKeyOfMessage(message));
    if (action === undefined) {
      await this.refuse(message, arrivedAt, refusedActivation(failureTexts['action-unknown']));
      return;
    }
    this.executor.accept({ message, action, arrivedAt });
    this.loop.submit({ type: 'activationArrived', at: arrivedAt, activationId: message.activationId, actionKey: action.actionKey });
  }

  private async takePlan(record: BusRecord): Promise<void> {
    const message = this.records.read(planSchema, record);
    if (message === undefined) return;
    const { formatVersion: _formatVersion, ...plan } = message;
    // A plan may be the first this invoker hears of an action: one that was deployed and never called.
    if ((await this.deploy(plan.actionKey)) === undefined) return;
    this.loop.submit({ type: 'planReceived', at: this.options.clock.now(), ...plan });
  }
}
