// A whole OpenWhisk in one process: the embedded controller, the planner and an invoker over one bus, with a store that
// outlives it. It puts the parts together and starts and ends them; what it shows of itself is an ObservedSystem.
import type { ActionKey } from '../common/action-identity.ts';
import type { Bus } from '../common/bus/bus.ts';
import type { ActionDocument } from '../common/action-document.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/logger.ts';
import { onlyInvoker } from '../controller-plugin/embedded/balancer.ts';
import { EmbeddedController } from '../controller-plugin/embedded/controller.ts';
import { defaultPreloaderConfig } from '../controller-plugin/core/config.ts';
import { Preloader } from '../controller-plugin/preloader.ts';
import type { MayWish } from '../invoker-plugin/action-wishes.ts';
import type { FinishedActivation } from '../invoker-plugin/activation-answers.ts';
import type { SchedulerConfig } from '../invoker-plugin/core/config.ts';
import { createState, type SchedulerState } from '../invoker-plugin/core/state.ts';
import type { LoadEstimate } from '../common/load-estimate.ts';
import type { ContainerDriver } from '../invoker-plugin/drivers/driver.ts';
import { embeddedServing, Invoker } from '../invoker-plugin/invoker.ts';
import type { ModelFileReader } from '../invoker-plugin/reading-ahead.ts';
import { declaresArtifacts } from '../runtime/protocol.ts';
import { guestNamespace, type Namespaces } from './namespaces.ts';
import type { Asked, DeployedAction, ObservedSystem, SchedulerStep, StopListening } from './observed-system.ts';
import { Activations, type Retention } from './store/activations.ts';
import { openDatabase, type Database } from './store/database.ts';
import { Entities } from './store/entities.ts';
import { documentOfAction, type StoredAction } from './store/entity.ts';

export interface SystemOptions {
  readonly dataFolder: string;
  readonly retention: Retention;
  readonly namespaces: Namespaces;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly driver: ContainerDriver;
  readonly scheduler: SchedulerConfig;
  /** The most activations that one container runs at once; absent: 1. */
  readonly concurrencyMax?: number | undefined;
  /** Environment of every runtime container. */
  readonly environment: Readonly<Record<string, string>>;
  readonly pauseGraceMs: number | undefined;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  /** Reads model files ahead of loads; absent: nothing does. */
  readonly fileReader?: ModelFileReader | undefined;
  /** Whose actions may ask for what is at the expense of others. */
  readonly mayWish: MayWish;
  /** How long {@link StandaloneSystem.stop} lets activations finish. */
  readonly graceMs: number;
}

const invokerId = 0;
const controllerId = '0';

export class StandaloneSystem implements ObservedSystem {
  readonly startedAt: number;
  readonly schedulerConfig: SchedulerConfig;
  readonly entities: Entities;
  readonly activations: Activations;
  readonly controller: EmbeddedController;
  private readonly options: SystemOptions;
  private readonly database: Database;
  private readonly invoker: Invoker;
  private readonly preloader: Preloader;
  private readonly stepListeners = new Set<(step: SchedulerStep) => void>();
  private readonly deployedActions = new WeakMap<StoredAction, DeployedAction>();
  private readonly finishedListeners = new Set<(finished: FinishedActivation) => void>();
  private state: Readonly<SchedulerState> = createState();
  private steps = 0;

  /** Opens the store; nothing runs until {@link start}. @throws AppError DATA_FOLDER_IN_USE, DATA_FOLDER */
  static async open(options: SystemOptions): Promise<StandaloneSystem> {
    const database = await openDatabase(options.dataFolder);
    const { clock, logger, retention } = options;
    try {
      return new StandaloneSystem(options, database, await Entities.open(database), await Activations.open({ database, clock, logger, retention }));
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(options: SystemOptions, database: Database, entities: Entities, activations: Activations) {
    const { bus, clock, logger, scheduler, namespaces } = options;
    const guest = namespaces.userOf(guestNamespace);
    if (guest === undefined) throw new Error('there is always a guest');
    this.options = options;
    this.database = database;
    this.entities = entities;
    this.activations = activations;
    this.startedAt = clock.now();
    this.schedulerConfig = scheduler;
    this.invoker = new Invoker({
      ...embeddedServing(scheduler.poolMemoryBytes, options.concurrencyMax),
      concurrencyMax: options.concurrencyMax,
      activationStore: activations,
      graceMs: options.graceMs,
      instance: invokerId,
      bus,
      clock,
      logger,
      driver: options.driver,
      pauseGraceMs: options.pauseGraceMs,
      catalog: entities,
      scheduler,
      environment: options.environment,
      publishEvents: true,
      estimate: options.estimate,
      fileReader: options.fileReader,
      mayWish: options.mayWish,
      onFinished: (finished) => {
        for (const listener of this.finishedListeners) listener(finished);
      },
      onStep: (event, commands, state) => {
        this.state = state;
        this.steps += 1;
        for (const listener of this.stepListeners) listener({ seq: this.steps, event, commands, state });
      },
    });
    this.preloader = new Preloader({ bus, clock, logger, catalog: entities, invokers: [invokerId], config: defaultPreloaderConfig });
    // What is deployed is in the entities before it is announced.
    this.controller = new EmbeddedController({ bus, clock, logger, catalog: { put: () => undefined }, controllerId, balancer: onlyInvoker(invokerId), user: guest });
  }

  /** Starts all parts; the actions of an earlier life are known, and loaded ahead, again. */
  async start(): Promise<void> {
    await this.controller.start();
    if (this.schedulerConfig.preload) await this.preloader.start();
    await this.invoker.start();
    for (const { actionKey } of this.actions()) await this.invoker.deploy(actionKey);
  }

  /** Ends all parts; no container is left, and everything that was answered is on disk. */
  async stop(): Promise<void> {
    await this.invoker.stop();
    await this.preloader.stop();
    await this.controller.stop();
    await this.options.bus.close();
    await this.activations.close();
    await this.database.close();
  }

  /** To be called after an action was deleted or replaced: what is resident of it goes. */
  async forget(actionKey: ActionKey, qualifiedName: string): Promise<void> {
    this.invoker.remove(actionKey);
    await this.controller.announce(qualifiedName);
  }

  get schedulerState(): Readonly<SchedulerState> {
    return this.state;
  }

  get measuredInvoker(): Invoker {
    return this.invoker;
  }

  get measuredPlanner(): Preloader {
    return this.preloader;
  }

  actions(): readonly DeployedAction[] {
    return this.entities.actions().map((action) => this.deployedAction(action));
  }

  /** An entity is replaced, never changed: what it is like is found out once, for lists are asked for several times a second. */
  private deployedAction(action: StoredAction): DeployedAction {
    const known = this.deployedActions.get(action);
    if (known !== undefined) return known;
    const { actionKey, qualifiedName, annotations, kind, limits } = documentOfAction(action, '');
    const deployed = { actionKey, qualifiedName, kind, memoryMegabytes: limits.memoryMegabytes, declaresArtifacts: declaresArtifacts(annotations['preload']) };
    this.deployedActions.set(action, deployed);
    return deployed;
  }

  onStep(listener: (step: SchedulerStep) => void): StopListening {
    this.stepListeners.add(listener);
    return () => this.stepListeners.delete(listener);
  }

  onFinished(listener: (finished: FinishedActivation) => void): StopListening {
    this.finishedListeners.add(listener);
    return () => this.finishedListeners.delete(listener);
  }

  load(actionKey: ActionKey): Asked {
    const containerId = this.commandOf('load', actionKey, () => {
      this.invoker.askLoad(actionKey);
    });
    return containerId === undefined ? { ok: false, reason: 'No idle container of its memory size has room for it and lacks it, it declares no artifacts, or its annotations say that none are kept now.' } : { ok: true, containerId };
  }

  offload(containerId: string, actionKey: ActionKey): Asked {
    const found = this.commandOf('offload', actionKey, () => {
      this.invoker.askOffload(containerId, actionKey);
    });
    return found === undefined ? { ok: false, reason: 'The container is not idle, or does not hold it.' } : { ok: true, containerId: found };
  }

  /** The container that a command went to in the step that `ask` makes. */
  private commandOf(type: 'load' | 'offload', actionKey: ActionKey, ask: () => void): string | undefined {
    let containerId: string | undefined;
    const stop = this.onStep(({ commands }) => {
      for (const command of commands) if (command.type === type && command.actionKey === actionKey) containerId ??= command.containerId;
    });
    ask();
    stop();
    return containerId;
  }
}
