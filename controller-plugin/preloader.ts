// The Proactive Pre-loader's shell: reads arrivals off the invokers' topics and deployments off `cacheInvalidation`, in a
// consumer group of its own, and publishes the plans that its core computes. It is never on the path of a call.
import type { ActionCatalog } from '../common/action-document.ts';
import type { ActionKey } from '../common/action-identity.ts';
import type { Bus, BusRecord, Subscription } from '../common/bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { actionKeyOfMessage, activationMessageSchema, invokerTopic, isHealthCheck } from '../common/messages/activation-message.ts';
import { cacheInvalidationSchema, cacheInvalidationTopic } from '../common/messages/cache-invalidation.ts';
import { encode } from '../common/messages/codec.ts';
import { RecordReader } from '../common/messages/record-reader.ts';
import type { PreloaderConfig } from './core/config.ts';
import type { PreloaderEvent } from './core/events.ts';
import { createState, type PreloaderState } from './core/state.ts';
import { step } from './core/step.ts';
import { planTopic, type Plan } from './protocol.ts';

export interface PreloaderOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly catalog: ActionCatalog;
  /** Ids of the invokers whose topics are read. */
  readonly invokers: readonly number[];
  readonly config: PreloaderConfig;
}

const group = 'instainfer-preloader';

export class Preloader {
  private readonly options: PreloaderOptions;
  private readonly records: RecordReader;
  private state: PreloaderState = createState();
  private subscriptions: Subscription[] = [];
  /** Deployed key of each qualified name, to tell an update from a deletion. */
  private readonly deployed = new Map<string, ActionKey>();

  constructor(options: PreloaderOptions) {
    this.options = options;
    this.records = new RecordReader(options.logger);
  }

  async start(): Promise<void> {
    const topics: { topic: string; take: (record: BusRecord) => Promise<void> }[] = [
      ...this.options.invokers.map((invoker) => ({ topic: invokerTopic(invoker), take: (record: BusRecord) => this.takeArrival(record) })),
      { topic: cacheInvalidationTopic, take: (record: BusRecord) => this.takeInvalidation(record) },
    ];
    for (const { topic, take } of topics) {
      const subscription = await this.options.bus.subscribe({
        topic,
        group,
        from: 'latest',
        handle: take,
        onError: (error, record) => {
          this.options.logger.error({ topic: record.topic, offset: record.offset, reason: describeError(error) }, 'a record could not be handled');
        },
      });
      this.subscriptions.push(subscription);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.splice(0).map((subscription) => subscription.close()));
  }

  private async takeArrival(record: BusRecord): Promise<void> {
    const message = this.records.read(activationMessageSchema, record);
    if (message === undefined || isHealthCheck(message)) return;
    // The controller stamped the arrival; the time of reading says only how far behind this reader is.
    await this.submit({ type: 'arrivalObserved', at: message.transid[1], actionKey: actionKeyOfMessage(message) });
  }

  private async takeInvalidation(record: BusRecord): Promise<void> {
    const message = this.records.read(cacheInvalidationSchema, record);
    if (message === undefined) return;
    const qualifiedName = message.key.mainId;
    const action = await this.options.catalog.findLatest(qualifiedName);
    const before = this.deployed.get(qualifiedName);
    const at = this.options.clock.now();
    if (before !== undefined && before !== action?.actionKey) {
      this.deployed.delete(qualifiedName);
      await this.submit({ type: 'actionRemoved', at, actionKey: before });
    }
    if (action === undefined || before === action.actionKey) return;
    this.deployed.set(qualifiedName, action.actionKey);
    await this.submit({ type: 'actionDeployed', at, actionKey: action.actionKey });
  }

  private async submit(event: PreloaderEvent): Promise<void> {
    const result = step(this.state, event, this.options.config);
    this.state = result.state;
    for (const actionPlan of result.plans) {
      const plan: Plan = { formatVersion: 1, ...actionPlan };
      await this.options.bus.publish(planTopic, encode(plan), plan.actionKey);
    }
  }
}
