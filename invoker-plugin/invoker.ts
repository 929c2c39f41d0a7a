// The invoker: takes activations off its topic and plans off theirs, lets the scheduler decide, answers the controller.
// Construction wires the parts; the parts do the work.
import { randomUUID } from 'node:crypto';
import type { ActionCatalog, ActionDocument, CatalogAccess } from '../common/action-document.ts';
import type { ActionKey } from '../common/action-identity.ts';
import type { Bus, BusRecord, Subscription } from '../common/bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { invokerTopic } from '../common/messages/activation-message.ts';
import { eventsTopic } from '../common/messages/event-message.ts';
import { healthTopic } from '../common/messages/ping-message.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';
import { RecordReader } from '../common/messages/record-reader.ts';
import { compactedTopicSettings, openWhiskTopicSettings } from '../common/messages/topics.ts';
import { planTopic } from '../controller-plugin/protocol.ts';
import { Acknowledger } from './acknowledger.ts';
import type { MayWish } from './action-wishes.ts';
import { ActivationAnswers, type FinishedActivation } from './activation-answers.ts';
import { ActivationIntake, mostActivationsInHand, type IntakePolicy } from './activation-intake.ts';
import { CommandExecutor } from './command-executor.ts';
import type { SchedulerCommand } from './core/commands.ts';
import type { SchedulerConfig } from './core/config.ts';
import type { SchedulerEvent } from './core/events.ts';
import { expectedStartupMs, isWorthTaking } from './core/forward.ts';
import type { Action } from './core/action.ts';
import type { SchedulerState } from './core/state.ts';
import type { LoadEstimate } from '../common/load-estimate.ts';
import { Deployments } from './deployments.ts';
import type { ContainerDriver } from './drivers/driver.ts';
import { readingAhead, type ModelFileReader, type ReadingAhead } from './reading-ahead.ts';
import { Forwarding, type ForwardingCounts } from './forwarding/forwarding.ts';
import { Heartbeat } from './heartbeat.ts';
import { residencyTopic } from './protocol.ts';
import { ResidencyReporter } from './residency-reporter.ts';
import { SchedulerLoop } from './scheduler-loop.ts';
import { noActivationStore, storeEverything, type ActivationStore, type StorePolicy } from './stores/activation-store.ts';

/** What differs between serving a deployment and serving this process's own controller. */
export interface ServingOptions {
  readonly intake: IntakePolicy;
  readonly activationStore: ActivationStore;
  readonly storePolicy: StorePolicy;
  /** Whether activations go to the invoker that holds their artifacts, where that is another one; absent: no. */
  readonly forward?: boolean;
  /** How long {@link Invoker.stop} lets activations finish that are in hand. */
  readonly graceMs: number;
}

/** For a controller in the same process: every kind, no records, and an end at once. */
export function embeddedServing(poolMemoryBytes: number, concurrencyMax = 1): ServingOptions {
  return {
    intake: { mostInHand: mostActivationsInHand(poolMemoryBytes, concurrencyMax), kinds: ['nodejs:*'], stale: 'run', parameterKeys: {}, isBlocked: () => false },
    activationStore: noActivationStore,
    storePolicy: storeEverything,
    graceMs: 0,
  };
}

export interface InvokerOptions extends ServingOptions {
  readonly instance: number;
  /** Names beside the number, as controllers show them; the unique one is the number where it is not given. */
  readonly uniqueName?: string | undefined;
  readonly displayedName?: string | undefined;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly driver: ContainerDriver;
  readonly catalog: ActionCatalog;
  readonly scheduler: SchedulerConfig;
  /** Environment of every runtime container. */
  readonly environment: Readonly<Record<string, string>>;
  /** OpenWhisk's `whisk.concurrency-limit.max`: the most activations that one container runs at once; absent: 1, its default. */
  readonly concurrencyMax?: number | undefined;
  /** A container that has served is paused when it has been idle for so long (a stock invoker: 10 s); absent: never. */
  readonly pauseGraceMs?: number | undefined;
  readonly publishEvents: boolean;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  /** Reads model files ahead of loads; absent: this process has no path to the model store. */
  readonly fileReader?: ModelFileReader | undefined;
  /** Whose actions may ask for what is at the expense of others; absent: nobody's. */
  readonly mayWish?: MayWish;
  /** Sees every answered activation, after its acknowledgement. */
  readonly onFinished: (finished: FinishedActivation) => void;
  /** Sees every step of the scheduler. */
  readonly onStep: (event: SchedulerEvent, commands: readonly SchedulerCommand[], state: SchedulerState) => void;
}

/** How long {@link Invoker.stop} waits for the broker to say who has the activations that were offered. */
const settleTimeoutMs = 3_000;
/** Longest a load ahead of time may take before it is given up. */
const loadTimeoutMs = 120_000;

export class Invoker {
  private readonly options: InvokerOptions;
  private readonly records: RecordReader;
  private readonly instance: InvokerInstance;
  private readonly loop: SchedulerLoop;
  private readonly executor: CommandExecutor;
  private readonly answers: ActivationAnswers;
  private readonly intake: ActivationIntake;
  readonly heartbeat: Heartbeat;
  private readonly residency: ResidencyReporter;
  private readonly forwarding: Forwarding | undefined;
  /** Names this life of the process: what an earlier one reported is void. */
  private readonly life = randomUUID();
  private schedulerState: SchedulerState | undefined;
  private readonly deployments: Deployments;
  private readonly reading: ReadingAhead | undefined;
  private subscriptions: Subscription[] = [];
  private activations: Subscription | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: InvokerOptions) {
    this.options = options;
    this.records = new RecordReader(options.logger);
    this.instance = instanceOf(options);
    const { bus, clock, logger } = options;
    const acknowledger = new Acknowledger({ bus, logger, instance: this.instance, publishEvents: options.publishEvents });
    this.answers = new ActivationAnswers({
      logger: options.logger,
      clock,
      acknowledger,
      store: options.activationStore,
      storePolicy: options.storePolicy,
      onFinished: (finished) => {
        this.intake.answered();
        options.onFinished(finished);
      },
    });
    this.intake = new ActivationIntake({
      clock,
      logger,
      records: this.records,
      policy: options.intake,
      acknowledger,
      answers: this.answers,
      find: (actionKey, apiKey) => this.deploy(actionKey, { apiKey }),
      offer: (message, action) => this.forwarding?.offer(message, action),
      admit: (message, action, arrivedAt, onBehalfOf) => {
        this.executor.accept({ message, action, arrivedAt, onBehalfOf });
        // Its plan may have been withdrawn since it was found.
        this.deployments.announce(action);
        this.loop.submit({ type: 'activationArrived', at: arrivedAt, activationId: message.activationId, actionKey: action.actionKey });
      },
    });
    this.deployments = new Deployments({
      catalog: options.catalog,
      clock,
      logger,
      mayWish: options.mayWish,
      invoker: options.instance,
      estimate: options.estimate,
      concurrencyMax: options.concurrencyMax ?? 1,
      submit: (event) => {
        this.loop.submit(event);
      },
    });
    this.heartbeat = new Heartbeat({ bus, clock, logger, instance: this.instance });
    this.residency = new ResidencyReporter({ bus, clock, logger, invoker: options.instance, life: this.life });
    if (options.forward === true) this.forwarding = this.createForwarding();
    this.reading = readingAhead(options.scheduler, { reader: options.fileReader, clock, logger, emit: (event) => this.loop.submit(event) });
    this.executor = new CommandExecutor(
      { driver: options.driver, catalog: options.catalog, clock: options.clock, logger: options.logger, listener: this.answers, environment: containerEnvironmentOf(options), loadTimeoutMs, pauseGraceMs: options.pauseGraceMs, reading: this.reading },
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
        this.schedulerState = state;
        this.residency.observe(event, commands, state);
        options.onStep(event, commands, state);
      },
    });
  }

  /**
   * In the stock invoker's order: its topic, the containers, the subscription, and only then the first ping, which is
   * what makes controllers send work.
   */
  async start(): Promise<void> {
    const { bus } = this.options;
    const onError = (error: unknown, record: BusRecord): void => {
      this.options.logger.error({ topic: record.topic, offset: record.offset, reason: describeError(error) }, 'a record could not be handled');
    };
    await this.options.driver.start();
    const topic = invokerTopic(this.options.instance);
    await bus.ensureTopic(topic, openWhiskTopicSettings.invoker);
    // The controllers' own, with their settings: an invoker that is there before any controller has somewhere to ping.
    await bus.ensureTopic(healthTopic, openWhiskTopicSettings.health);
    if (this.options.publishEvents) await bus.ensureTopic(eventsTopic, openWhiskTopicSettings.events);
    await bus.ensureTopic(planTopic, compactedTopicSettings);
    await bus.ensureTopic(residencyTopic, compactedTopicSettings);
    this.loop.submit({ type: 'ticked', at: this.options.clock.now() });
    this.reading?.start();
    this.activations = await bus.subscribe({
      topic,
      group: topic,
      from: 'earliest',
      handle: (record) => {
        this.intake.take(record);
      },
      onError,
    });
    this.intake.attach(this.activations);
    this.subscriptions = [this.activations, await bus.subscribe({ topic: planTopic, from: 'earliest', handle: (record) => this.deployments.takePlanRecord(record, this.records), onError })];
    await this.forwarding?.start();
    this.heartbeat.enable();
  }

  /** An action was created, updated or is first seen: the scheduler may prepare for it. */
  deploy(key: ActionKey, access?: CatalogAccess): Promise<ActionDocument | undefined> {
    return this.deployments.deploy(key, access);
  }

  /** The newest version of an action that is to be forgotten: what is resident of it goes. */
  remove(actionKey: ActionKey): void {
    this.deployments.remove(actionKey);
  }

  /** A person asks for a load ahead of time; what came of it is in the step that {@link InvokerOptions.onStep} sees. */
  askLoad(actionKey: ActionKey): void {
    this.loop.submit({ type: 'loadAsked', at: this.options.clock.now(), actionKey });
  }

  /** A person asks for an off-load from an idle container. */
  askOffload(containerId: string, actionKey: ActionKey): void {
    this.loop.submit({ type: 'offloadAsked', at: this.options.clock.now(), containerId, actionKey });
  }

  /** Activations taken and not answered yet. */
  get pendingCount(): number {
    return this.intake.inHandCount;
  }

  /** Activations on the topic that were not taken yet. */
  async lag(): Promise<number> {
    return (await this.activations?.lag()) ?? 0;
  }

  /** Records that could not be read since the start, by topic. */
  get unreadable(): ReadonlyMap<string, number> {
    return this.records.unreadable;
  }

  /** Name that the stock invoker would show for itself, such as `invoker0/0`. */
  get name(): string {
    const { instance, uniqueName, displayedName } = this.instance;
    return [`invoker${instance}`, uniqueName, displayedName].filter((part) => part !== undefined).join('/');
  }

  /**
   * Says that no work is wanted, takes nothing more, lets finish what is in hand within the grace period, answers the rest
   * as interrupted, and removes the containers. Idempotent.
   */
  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async shutDown(): Promise<void> {
    const { clock, driver, activationStore, graceMs } = this.options;
    await this.heartbeat.disable();
    await Promise.all(this.subscriptions.splice(0).map((subscription) => subscription.close()));
    await this.forwarding?.settle(clock.now() + settleTimeoutMs);
    await this.intake.whenIdle(clock.now() + graceMs);
    this.answers.interrupt();
    this.loop.stop();
    this.reading?.stop();
    this.executor.abandonUnstarted();
    await driver.close();
    await this.executor.settled();
    await this.forwarding?.stop();
    this.residency.stop();
    await activationStore.close();
  }

  /** What forwarding has done since the start; undefined where it is off. */
  get forwardingCounts(): Readonly<ForwardingCounts> | undefined {
    return this.forwarding?.counts;
  }

  private createForwarding(): Forwarding {
    const { bus, clock, logger, scheduler } = this.options;
    const find = (actionKey: ActionKey): Action | undefined => this.schedulerState?.actions.get(actionKey);
    return new Forwarding({
      bus,
      clock,
      logger,
      records: this.records,
      instance: this.instance,
      life: this.life,
      startupMsOf: (actionKey) => {
        const action = find(actionKey);
        return action === undefined || this.schedulerState === undefined ? undefined : expectedStartupMs(this.schedulerState, scheduler, action, clock.now());
      },
      isWorthTaking: (actionKey, promised) => {
        const action = find(actionKey);
        return action !== undefined && this.schedulerState !== undefined && isWorthTaking(this.schedulerState, scheduler, action, promised, clock.now());
      },
      load: () => {
        const queued = this.schedulerState?.waiting.size ?? 0;
        return { queued, running: Math.max(0, this.intake.inHandCount - queued) };
      },
      take: (message, origin) => {
        this.intake.takeForwarded(message, origin);
      },
    });
  }
}

/** A stem cell may come to serve any action: overlapping runs are allowed everywhere or nowhere, as ansible's setting does it. */
function containerEnvironmentOf({ environment, concurrencyMax = 1 }: InvokerOptions): Readonly<Record<string, string>> {
  return concurrencyMax > 1 ? { ...environment, __OW_ALLOW_CONCURRENT: 'true' } : environment;
}

function instanceOf({ instance, uniqueName, displayedName, scheduler }: InvokerOptions): InvokerInstance {
  return {
    instance,
    userMemory: `${scheduler.poolMemoryBytes} B`,
    instanceType: 'invoker',
    tags: [],
    dedicatedNamespaces: [],
    uniqueName: uniqueName ?? String(instance),
    ...(displayedName === undefined ? {} : { displayedName }),
  };
}
