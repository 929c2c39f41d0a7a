// Reads OpenWhisk's topics in consumer groups of its own and says what they tell: arrivals, measurements, heartbeats,
// deployments. It disturbs nobody, decides nothing and remembers nothing but which topics it reads.
import { forCaller, type ActionCatalog } from '../../common/action-document.ts';
import { actionKeyOf, type ActionKey } from '../../common/action-identity.ts';
import type { Bus, BusRecord, Subscription } from '../../common/bus/bus.ts';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { acknowledgementSchema, completedTopic } from '../../common/messages/acknowledgement.ts';
import { actionKeyOfMessage, activationMessageSchema, invokerTopic, isHealthCheck } from '../../common/messages/activation-message.ts';
import { bytesOfSize } from '../../common/messages/byte-size.ts';
import { cacheInvalidationSchema, cacheInvalidationTopic } from '../../common/messages/cache-invalidation.ts';
import { eventMessageSchema, eventsTopic } from '../../common/messages/event-message.ts';
import { healthTopic, pingMessageSchema } from '../../common/messages/ping-message.ts';
import { RecordReader } from '../../common/messages/record-reader.ts';
import { openWhiskTopicSettings } from '../../common/messages/topics.ts';
import type { PreloaderEvent } from '../core/events.ts';
import { ActionReview } from './action-review.ts';
import { KnownActions } from './known-actions.ts';
import { arrivalOfEvent, measurementOfAcknowledgement, measurementOfEvent, type Measurement } from './facts.ts';

export const arrivalSources = ['topics', 'events'] as const;
/**
 * `topics`: off each invoker's topic, when they arrive. `events`: worked out from the user events, when activations end; for
 * whoever may read nothing else.
 */
export type ArrivalSource = (typeof arrivalSources)[number];

export interface ObserverOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly catalog: ActionCatalog;
  readonly arrivalsFrom: ArrivalSource;
  /** Invokers whose topics are read from the start; others are found by their heartbeats. */
  readonly invokers: readonly number[];
  /** The key under which an action is known by now; undefined while it is not. */
  readonly newestKey: (unversionedName: string) => ActionKey | undefined;
  /** Every key under which a provider's action is known, of all versions and callers. */
  readonly knownKeys: (qualifiedName: string) => readonly ActionKey[];
  /** Every key of every action. */
  readonly allKeys: () => Iterable<ActionKey>;
  /** Takes a fact; records wait until it is done. */
  readonly onFact: (fact: PreloaderEvent) => void;
}

/** Put before the topic's name: stock readers have groups of other names, and each topic is read by itself. */
const groupPrefix = 'instainfer-observer-';

type Take = (record: BusRecord) => Promise<void> | void;

export class Observer {
  private readonly options: ObserverOptions;
  private readonly records: RecordReader;
  private readonly subscriptions = new Map<string, Promise<Subscription | undefined>>();
  private readonly known: KnownActions;
  private readonly review: ActionReview;
  private stopped = false;

  constructor(options: ObserverOptions) {
    this.options = options;
    this.records = new RecordReader(options.logger);
    this.known = new KnownActions(options);
    const { catalog, clock, logger, allKeys } = options;
    this.review = new ActionReview({ catalog, clock, logger, known: allKeys, changed: (name) => this.known.changed(name) });
  }

  /** Resolves when every topic that is known by now is read; rejects when there is no reading OpenWhisk's own. */
  async start(): Promise<void> {
    const { bus, arrivalsFrom, invokers } = this.options;
    // The controller creates them; until it does, nobody could read them.
    await bus.ensureTopic(cacheInvalidationTopic, openWhiskTopicSettings.cacheInvalidation);
    await bus.ensureTopic(eventsTopic, openWhiskTopicSettings.events);
    await bus.ensureTopic(healthTopic, openWhiskTopicSettings.health);
    this.read(cacheInvalidationTopic, (record) => this.takeInvalidation(record));
    this.read(eventsTopic, (record) => this.takeEvent(record));
    this.read(healthTopic, (record) => {
      this.takePing(record);
    });
    if (arrivalsFrom === 'topics') for (const invoker of invokers) this.readInvoker(invoker);
    await Promise.all(this.subscriptions.values());
    this.review.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.known.stop();
    await this.review.stop();
    const subscriptions = await Promise.all(this.subscriptions.values());
    await Promise.all(subscriptions.map((subscription) => subscription?.close()));
    this.subscriptions.clear();
  }

  /** Marks the places reached now; what it returns makes them those from which the next observer goes on. */
  async markPlaces(): Promise<() => Promise<void>> {
    const subscriptions = await Promise.all(this.subscriptions.values());
    const keeps = subscriptions.flatMap((subscription) => subscription?.markPlace() ?? []);
    return async () => {
      await Promise.all(keeps.map((keep) => keep()));
    };
  }

  /** Records that were published and not handled yet, by topic. */
  async lag(): Promise<Map<string, number>> {
    const entries = [...this.subscriptions].map(async ([topic, subscription]) => [topic, (await (await subscription)?.lag()) ?? 0] as const);
    return new Map(await Promise.all(entries));
  }

  /** Unreadable records that were skipped, by topic. */
  get unreadable(): ReadonlyMap<string, number> {
    return this.records.unreadable;
  }

  private readInvoker(invoker: number): void {
    this.read(invokerTopic(invoker), (record) => {
      this.takeArrival(record, invoker);
    });
  }

  /** Heartbeats are worth nothing when they are old; everything else is read on from where the group was. */
  private read(topic: string, take: Take): void {
    if (this.stopped || this.subscriptions.has(topic)) return;
    const { bus, logger } = this.options;
    const onError = (error: unknown, record: BusRecord): void => {
      logger.error({ topic: record.topic, partition: record.partition, offset: record.offset, reason: describeError(error) }, 'a record could not be handled');
    };
    const place = topic === healthTopic ? ({ from: 'latest' } as const) : ({ from: 'earliest', group: `${groupPrefix}${topic}`, placeKeptBy: 'reader' } as const);
    const subscription = bus.subscribe({ topic, ...place, handle: take, onError }).catch((error: unknown) => {
      // The topic may not exist yet, or not any more: whatever names it next asks again.
      this.subscriptions.delete(topic);
      logger.warn({ topic, reason: describeError(error) }, 'a topic cannot be read');
      return undefined;
    });
    this.subscriptions.set(topic, subscription);
  }

  private takeArrival(record: BusRecord, invoker: number): void {
    const message = this.records.read(activationMessageSchema, record);
    if (message === undefined || isHealthCheck(message)) return;
    this.read(completedTopic(message.rootControllerIndex.asString), (each) => {
      this.takeAcknowledgement(each);
    });
    const { topic, offset } = record;
    // The controller stamped the arrival; the time of reading says only how far behind this reader is.
    this.options.onFact({ type: 'arrivalObserved', at: message.transid[1], actionKey: this.known.keyOfArrival(actionKeyOfMessage(message)), invoker, place: { topic, offset } });
  }

  private takeAcknowledgement(record: BusRecord): void {
    const acknowledgement = this.records.read(acknowledgementSchema, record);
    if (acknowledgement === undefined) return;
    const measurement = measurementOfAcknowledgement(acknowledgement);
    if (measurement !== undefined) this.measured(measurement, record.publishedAt);
  }

  private async takeEvent(record: BusRecord): Promise<void> {
    const event = this.records.read(eventMessageSchema, record);
    if (event === undefined || event.eventType !== 'Activation') return;
    const measurement = measurementOfEvent(event);
    if (measurement === undefined) return;
    if (this.options.arrivalsFrom === 'events') {
      const actionKey = await this.keyOf(measurement.unversionedName, event.body.name, event.namespace);
      const invoker = Number(/^invoker(\d+)/.exec(event.source)?.[1] ?? Number.NaN);
      const { topic, offset } = record;
      this.options.onFact({ type: 'arrivalObserved', at: arrivalOfEvent(event), actionKey, ...(Number.isNaN(invoker) ? {} : { invoker }), place: { topic, offset } });
    }
    this.measured(measurement, event.timestamp);
  }

  private measured({ unversionedName, ...measured }: Measurement, at: number): void {
    const actionKey = this.options.newestKey(unversionedName);
    if (actionKey !== undefined) this.options.onFact({ type: 'activationMeasured', at, actionKey, ...measured });
  }

  /** Events name no version: it is the newest one that is known, or that the catalog has. */
  private async keyOf(unversionedName: string, qualifiedName: string, namespace: string): Promise<ActionKey> {
    const known = this.options.newestKey(unversionedName);
    if (known !== undefined) return known;
    const document = await this.known.latestOf(qualifiedName);
    return document === undefined || document === 'unknown' ? actionKeyOf(qualifiedName, undefined, { namespace }) : forCaller(document, namespace).actionKey;
  }

  private takePing(record: BusRecord): void {
    const ping = this.records.read(pingMessageSchema, record);
    if (ping === undefined) return;
    const { instance: invoker, userMemory } = ping.name;
    if (this.options.arrivalsFrom === 'topics') this.readInvoker(invoker);
    // By this process's clock, as the controllers do it: those of the invokers may differ.
    this.options.onFact({ type: 'invokerPinged', at: this.options.clock.now(), invoker, isEnabled: ping.isEnabled, userMemoryBytes: bytesOfSize(userMemory) ?? 0 });
  }

  private async takeInvalidation(record: BusRecord): Promise<void> {
    const message = this.records.read(cacheInvalidationSchema, record);
    if (message === undefined) return;
    await this.known.changed(message.key.mainId);
  }
}
