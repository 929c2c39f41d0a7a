// One subscription on Kafka. Records are taken in as OpenWhisk's feed takes them: fetched, the position committed, then
// handed over one at a time; while the buffer is full nothing is fetched, so a slow handler holds the broker back and not
// the heap. A reader without a group keeps its position itself.
//
// kafkajs gives a consumer up for good on some errors, or when a broker stays away: then this makes a new one.
import { setTimeout as delay } from 'node:timers/promises';
import { type Admin, type Consumer, type EachBatchPayload, type Kafka, type KafkaMessage } from 'kafkajs';
import type { Logger } from '../../logger.ts';
import type { BusRecord, SubscribeOptions, Subscription } from '../bus.ts';
import { causeOf, isCoordinatorAway } from './errors.ts';
import type { KafkaTiming } from './options.ts';
import { rangeAssigner } from './range-assigner.ts';
import { RequestPace } from './request-pace.ts';
import { RecordBuffer } from './record-buffer.ts';

export interface ReaderOptions {
  readonly subscribe: SubscribeOptions;
  /** Topic and group as the broker has them; a reader without a group joins one that nobody else knows. */
  readonly topic: string;
  readonly groupId: string;
  readonly keepsPlace: boolean;
  readonly client: Kafka;
  /** Asks with a connection of its own; tries again when the broker was away. */
  readonly ask: <T>(question: (admin: Admin) => Promise<T>) => Promise<T>;
  readonly timing: KafkaTiming;
  readonly logger: Logger;
}

/** From a consumer that was given up to its successor. */
const restartAfterMs = 500;
/** A commit whose answer got lost is repeated after this. */
const commitAgainAfterMs = 200;
/** How long leaving in order may take before the group is left to find out by itself. */
const leaveTimeoutMs = 5_000;

export class KafkaReader implements Subscription {
  private readonly options: ReaderOptions;
  private readonly buffer: RecordBuffer;
  private readonly pace = new RequestPace();
  private consumer: Consumer | undefined;
  private restartTimer: NodeJS.Timeout | undefined;
  private closing: Promise<void> | undefined;
  private assigned: readonly number[] = [];
  /** For each partition, the end of the topic when the subscription began: where `latest` starts. */
  private ends = new Map<number, number>();
  /** For each partition, the offset after the last record taken in. */
  private readonly takenTo = new Map<number, number>();
  /** Settles when the partitions of the current assignment have their positions. */
  private placed: Promise<void> = Promise.resolve();
  private running: Promise<void> = Promise.resolve();
  private resolveStarted: () => void = () => undefined;
  private rejectStarted: (error: unknown) => void = () => undefined;

  constructor(options: ReaderOptions) {
    this.options = options;
    this.buffer = new RecordBuffer(options.subscribe);
  }

  /** Resolves when this reader is a member of its group and has its position. */
  async start(): Promise<void> {
    const { ask, topic } = this.options;
    const offsets = await ask((admin) => admin.fetchTopicOffsets(topic));
    this.ends = new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
    const started = new Promise<void>((resolve, reject) => {
      this.resolveStarted = resolve;
      this.rejectStarted = reject;
    });
    if (!this.options.keepsPlace && this.options.subscribe.from === 'latest') for (const [partition, end] of this.ends) this.takenTo.set(partition, end);
    await this.run();
    await started;
  }

  pause(): void {
    this.buffer.pause();
  }

  resume(): void {
    this.buffer.resume();
  }

  markPlace(): () => Promise<void> {
    const places = new Map(this.buffer.handled);
    return async () => {
      const { topic } = this.options;
      const offsets = [...places].filter(([partition]) => this.assigned.includes(partition)).map(([partition, offset]) => ({ topic, partition, offset: String(offset) }));
      const { consumer } = this;
      if (offsets.length === 0) return;
      if (consumer === undefined) throw new Error(`the reader of ${topic} is between two members of its group`);
      await this.committing(() => consumer.commitOffsets(offsets));
    };
  }

  async lag(): Promise<number> {
    const { ask, topic, groupId, keepsPlace } = this.options;
    const offsets = await ask((admin) => admin.fetchTopicOffsets(topic));
    const unknown = offsets.some(({ partition }) => this.assigned.includes(partition) && !this.buffer.handedOver.has(partition));
    const committed = keepsPlace && unknown && this.buffer.size === 0 ? await ask((admin) => admin.fetchOffsets({ groupId, topics: [topic] })) : [];
    let records = 0;
    for (const { partition, high, low } of offsets) {
      if (!this.assigned.includes(partition)) continue;
      const place = Number(committed[0]?.partitions.find((entry) => entry.partition === partition)?.offset ?? -1);
      const begin = this.options.subscribe.from === 'latest' ? (this.ends.get(partition) ?? 0) : Number(low);
      records += Number(high) - (this.buffer.handedOver.get(partition) ?? (place >= 0 ? place : begin));
    }
    return records;
  }

  close(): Promise<void> {
    this.closing ??= this.leave();
    return this.closing;
  }

  private get commitsBeforeHandling(): boolean {
    return this.options.keepsPlace && this.options.subscribe.placeKeptBy !== 'reader';
  }

  private get isClosed(): boolean {
    return this.closing !== undefined;
  }

  private async leave(): Promise<void> {
    clearTimeout(this.restartTimer);
    // From here on eachBatch takes nothing more in.
    const left = await this.buffer.close();
    this.rejectStarted(new Error('the subscription was closed'));
    const { consumer } = this;
    if (consumer === undefined) return;
    const gone = this.giveBack(consumer, left).then(() => consumer.disconnect());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.options.logger.warn({ topic: this.options.topic }, 'the broker did not answer; the group finds out by itself that this member left');
        resolve();
      }, leaveTimeoutMs);
    });
    await Promise.race([gone.catch(() => undefined), late]);
    clearTimeout(timer);
  }

  /** Sets the group's position back to the first record that nobody was handed. */
  private async giveBack(consumer: Consumer, left: readonly BusRecord[]): Promise<void> {
    if (left.length === 0 || !this.commitsBeforeHandling) return;
    const first = new Map<number, number>();
    for (const { partition, offset } of left) if (!first.has(partition)) first.set(partition, offset);
    const offsets = [...first].filter(([partition]) => this.assigned.includes(partition)).map(([partition, offset]) => ({ topic: this.options.topic, partition, offset: String(offset) }));
    try {
      await consumer.commitOffsets(offsets);
    } catch (error) {
      this.options.logger.warn({ topic: this.options.topic, records: left.length, reason: causeOf(error).message }, 'records were taken and could not be given back');
    }
  }

  private async run(): Promise<void> {
    const { client, groupId, topic, timing } = this.options;
    const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: Math.ceil(timing.sessionTimeoutMs / 1_000), restartOnFailure: () => Promise.resolve(false) };
    const consumer = client.consumer({
      groupId,
      partitionAssigners: [rangeAssigner],
      sessionTimeout: timing.sessionTimeoutMs,
      rebalanceTimeout: timing.sessionTimeoutMs,
      heartbeatInterval: timing.heartbeatIntervalMs,
      maxWaitTimeInMs: timing.fetchWaitMs,
      maxBytes: 4 * 2 ** 20,
      metadataMaxAge: 15_000,
      allowAutoTopicCreation: false,
      retry,
    });
    this.consumer = consumer;
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.crashed(consumer, payload.error);
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.joined(consumer, payload.memberAssignment[topic] ?? []);
    });
    try {
      await consumer.connect();
      // A group's `latest` is kept by this reader, as kafkajs would look for the end only at its first fetch.
      await consumer.subscribe({ topic, fromBeginning: true });
      this.running = consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (batch) => this.take(batch) });
      await this.running;
    } catch (error) {
      this.crashed(consumer, error);
    }
  }

  private crashed(consumer: Consumer, error: unknown): void {
    if (this.isClosed || this.consumer !== consumer) return;
    this.consumer = undefined;
    const cause = causeOf(error);
    this.options.logger.warn({ topic: this.options.topic, reason: cause.message }, 'the reader lost its group and joins again');
    void consumer.disconnect().catch(() => undefined);
    // Before the first position nobody relies on this reader: what cannot be helped is the caller's to know.
    if (cause.retriable === false) this.rejectStarted(error);
    this.restartTimer = setTimeout(() => void this.run(), restartAfterMs);
  }

  private joined(consumer: Consumer, partitions: readonly number[]): void {
    const { topic, keepsPlace, subscribe } = this.options;
    this.assigned = partitions;
    if (!this.commitsBeforeHandling) for (const [partition, offset] of this.takenTo) if (partitions.includes(partition)) consumer.seek({ topic, partition, offset: String(offset) });
    this.placed = keepsPlace && subscribe.from === 'latest' ? this.placeAtEnd(consumer, partitions) : Promise.resolve();
    this.placed.then(this.resolveStarted, (error: unknown) => {
      if (!this.isClosed) this.options.logger.warn({ topic, reason: causeOf(error).message }, 'the reader could not set its position and waits for the next assignment');
    });
  }

  /** Commits the end of the topic for each partition in which the group has no position yet. */
  private async placeAtEnd(consumer: Consumer, partitions: readonly number[]): Promise<void> {
    const { ask, groupId, topic } = this.options;
    if (partitions.length === 0) return;
    const committed = (await ask((admin) => admin.fetchOffsets({ groupId, topics: [topic] })))[0]?.partitions ?? [];
    const without = partitions.filter((partition) => !this.takenTo.has(partition) && Number(committed.find((entry) => entry.partition === partition)?.offset ?? -1) < 0);
    if (without.length === 0) return;
    const offsets = without.map((partition) => ({ topic, partition, offset: String(this.ends.get(partition) ?? 0) }));
    // kafkajs ignores commits until run() has returned.
    await this.running;
    await consumer.commitOffsets(offsets);
    for (const offset of offsets) consumer.seek(offset);
  }

  private async take({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, isRunning, isStale }: EachBatchPayload): Promise<void> {
    await this.placed;
    const { topic } = this.options;
    for (let begin = 0; begin < batch.messages.length; ) {
      while (this.buffer.room === 0 && !this.isClosed) {
        await this.buffer.untilRoom(this.options.timing.heartbeatIntervalMs);
        await heartbeat();
      }
      if (this.isClosed || !isRunning() || isStale()) return;
      const chunk = batch.messages.slice(begin, begin + this.buffer.room);
      const last = chunk.at(-1);
      if (last === undefined) return;
      const next = Number(last.offset) + 1;
      if (this.commitsBeforeHandling) {
        await this.committing(() => commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition: batch.partition, offset: String(next) }] }] }));
      }
      resolveOffset(last.offset);
      this.takenTo.set(batch.partition, next);
      this.buffer.add(chunk.map((message) => this.recordOf(batch.partition, message)));
      begin += chunk.length;
      await heartbeat();
    }
    const waitMs = this.pace.note(performance.now());
    if (waitMs > 0) await delay(waitMs);
  }

  /** A commit whose answer got lost may have counted: it is repeated until it is known, or the session is over. */
  private async committing(commit: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + this.options.timing.sessionTimeoutMs;
    for (;;) {
      try {
        await commit();
        return;
      } catch (error) {
        if (!isCoordinatorAway(error) || Date.now() > deadline || this.isClosed) throw error;
        await delay(commitAgainAfterMs);
      }
    }
  }

  private recordOf(partition: number, { offset, key, value, timestamp }: KafkaMessage): BusRecord {
    return {
      topic: this.options.subscribe.topic,
      partition,
      offset: Number(offset),
      key: key?.toString() ?? null,
      value: value?.toString() ?? null,
      publishedAt: Number(timestamp),
    };
  }
}
