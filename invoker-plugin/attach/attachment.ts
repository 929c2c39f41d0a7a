// Pre-loading beside an invoker that knows nothing of it: the scheduler that our own invoker uses, with the stem cells of
// the other as the only containers and plans as the only cause. It serves nobody and owns nothing.
import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import type { ActionCatalog, ActionDocument } from '../../common/action-document.ts';
import type { Bus, BusRecord, Subscription } from '../../common/bus/bus.ts';
import type { Clock } from '../../common/clock.ts';
import { AppError, describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { RecordReader } from '../../common/messages/record-reader.ts';
import { compactedTopicSettings } from '../../common/messages/topics.ts';
import { planTopic } from '../../controller-plugin/protocol.ts';
import type { MayWish } from '../action-wishes.ts';
import { CommandExecutor } from '../command-executor.ts';
import type { SchedulerCommand } from '../core/commands.ts';
import { usualWeighing, type SchedulerConfig } from '../core/config.ts';
import type { SchedulerEvent } from '../core/events.ts';
import type { SchedulerState } from '../core/state.ts';
import type { LoadEstimate } from '../../common/load-estimate.ts';
import { Deployments } from '../deployments.ts';
import type { ContainerDriver } from '../drivers/driver.ts';
import { residencyTopic } from '../protocol.ts';
import { readingAhead, type ModelFileReader, type ReadingAhead } from '../reading-ahead.ts';
import { ResidencyReporter } from '../residency-reporter.ts';
import { SchedulerLoop } from '../scheduler-loop.ts';
import { StemCellWatch } from './stem-cell-watch.ts';

export interface AttachmentOptions {
  /** Number of the invoker beside which this runs. */
  readonly invoker: number;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly engine: Docker;
  readonly catalog: ActionCatalog;
  readonly image: string;
  readonly kind: string;
  readonly pollMs: number;
  readonly scheduler: SchedulerConfig;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  /** Reads model files ahead of loads; absent: this process has no path to the model store. */
  readonly fileReader?: ModelFileReader | undefined;
  /** Whose actions may ask for what is at the expense of others; absent: nobody's. */
  readonly mayWish?: MayWish;
  /** Sees every step of the scheduler. */
  readonly onStep: (event: SchedulerEvent, commands: readonly SchedulerCommand[], state: SchedulerState) => void;
}

/** Settings of a scheduler that borrows: no pool, no policy, one load at a time. */
export const borrowingSchedulerConfig: SchedulerConfig = Object.freeze({
  poolMemoryBytes: 0,
  prewarmPolicy: 'none',
  preload: true,
  keepAliveMs: 600_000,
  zygoteWindowMs: 0,
  stemCellCount: 0,
  stemCellMemoryBytes: 0,
  maxConcurrentLoads: 1,
  ...usualWeighing,
  maxQueuedActivations: 0,
});

const loadTimeoutMs = 120_000;

/** The scheduler has no pool to start containers in; should it ask all the same, it hears why not. */
const noContainers: ContainerDriver = {
  start: () => Promise.resolve(),
  create: ({ containerId }) => Promise.reject(new AppError('CONTAINER_START', `Container ${containerId} was not started: attach starts none.`, 'This is a fault of the program: please report it.')),
  close: () => Promise.resolve(),
};

export class Attachment {
  private readonly options: AttachmentOptions;
  private readonly loop: SchedulerLoop;
  private readonly executor: CommandExecutor;
  private readonly deployments: Deployments;
  private readonly residency: ResidencyReporter;
  private readonly watch: StemCellWatch;
  private readonly records: RecordReader;
  private readonly reading: ReadingAhead | undefined;
  private plans: Subscription | undefined;
  private isStopped = false;

  constructor(options: AttachmentOptions) {
    this.options = options;
    this.records = new RecordReader(options.logger);
    const { bus, clock, logger, catalog, invoker, estimate, mayWish } = options;
    const submit = (event: SchedulerEvent): void => {
      this.loop.submit(event);
    };
    this.residency = new ResidencyReporter({ bus, clock, logger, invoker, life: randomUUID() });
    this.reading = readingAhead(options.scheduler, { reader: options.fileReader, clock, logger, emit: submit });
    const noActivations = { ran: () => Promise.resolve(), failed: () => Promise.resolve() };
    this.executor = new CommandExecutor({ driver: noContainers, catalog, clock, logger, listener: noActivations, environment: {}, loadTimeoutMs, pauseGraceMs: undefined, reading: this.reading }, submit);
    this.deployments = new Deployments({ catalog, clock, logger, mayWish, invoker, estimate, concurrencyMax: 1, submit });
    this.loop = new SchedulerLoop({
      config: options.scheduler,
      clock,
      execute: (command) => {
        this.executor.execute(command);
      },
      observe: (event, commands, state) => {
        this.residency.observe(event, commands, state);
        options.onStep(event, commands, state);
      },
    });
    this.watch = new StemCellWatch({
      engine: options.engine,
      clock,
      logger,
      image: options.image,
      kind: options.kind,
      pollMs: options.pollMs,
      onFound: ({ container, memoryLimitBytes, usedBytes, token }) => {
        this.executor.borrow(container, memoryLimitBytes, usedBytes, token);
      },
    });
  }

  /** @throws AppError CONTAINER_START when no engine answers */
  async start(): Promise<void> {
    const { bus, logger } = this.options;
    await bus.ensureTopic(planTopic, compactedTopicSettings);
    await bus.ensureTopic(residencyTopic, compactedTopicSettings);
    await this.watch.start();
    this.reading?.start();
    const onError = (error: unknown, { topic, offset }: BusRecord): void => {
      logger.error({ topic, offset, reason: describeError(error) }, 'a record could not be handled');
    };
    this.plans = await bus.subscribe({ topic: planTopic, from: 'earliest', handle: (record) => this.deployments.takePlanRecord(record, this.records), onError });
  }

  /** Asks nothing more of any container; what is resident stays for whoever takes it. Idempotent. */
  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    await this.plans?.close();
    this.watch.close();
    this.reading?.stop();
    await this.executor.settled();
    this.loop.stop();
    this.residency.stop();
  }
}
