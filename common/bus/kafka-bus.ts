// The bus over Apache Kafka, for everything that OpenWhisk's own parts and ours say to each other across processes. The
// wire settings are those of OpenWhisk's own producers and consumers (docs/kafka.md).
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Partitioners, type Admin, type ITopicConfig, type Kafka, type Producer } from 'kafkajs';
import type { Bus, SubscribeOptions, Subscription, TopicSettings } from './bus.ts';
import { appErrorOf, causeOf, isLeaderAway, isUnanswered } from './kafka/errors.ts';
import { createClient, defaultTiming, fewRetries, Naming, type KafkaBusOptions, type KafkaTiming } from './kafka/options.ts';
import { KafkaReader } from './kafka/reader.ts';
import { TopicWriter } from './kafka/topic-writer.ts';

export type { KafkaBusOptions, KafkaSasl, KafkaTiming, KafkaTls } from './kafka/options.ts';

/** Between two looks whether a broker knows of a topic by now. */
const askAgainMs = 50;

export class KafkaBus implements Bus {
  private readonly options: KafkaBusOptions;
  private readonly timing: KafkaTiming;
  private readonly naming: Naming;
  /** Readers live through a broker that is away; their client tries for as long as the group waits for them. */
  private readonly readerClient: Kafka;
  private readonly admin: Admin;
  private readonly producer: Producer;
  private readonly writers = new Map<string, TopicWriter>();
  private readonly readers = new Set<KafkaReader>();
  private closed = false;

  private constructor(options: KafkaBusOptions) {
    this.options = options;
    this.timing = { ...defaultTiming, ...options.timing };
    this.naming = new Naming(options);
    const client = createClient(options, this.timing, fewRetries);
    this.readerClient = createClient(options, this.timing, { ...fewRetries, retries: Math.ceil(this.timing.sessionTimeoutMs / fewRetries.maxRetryTime) });
    this.admin = client.admin();
    // Sending again is the writer's to decide: kafkajs would also repeat what may have been carried out.
    this.producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false, metadataMaxAge: 15_000, retry: { retries: 0 } });
  }

  /** @throws {AppError} BROKER_UNAVAILABLE when no broker answers, BROKER_REFUSED when it does not take the credentials */
  static async connect(options: KafkaBusOptions): Promise<KafkaBus> {
    const bus = new KafkaBus(options);
    try {
      await bus.admin.connect();
      await bus.producer.connect();
      return bus;
    } catch (error) {
      await bus.close();
      throw bus.explain(error);
    }
  }

  async ensureTopic(topic: string, settings: TopicSettings = {}): Promise<void> {
    const name = this.naming.topic(topic);
    try {
      if ((await this.ask((admin) => admin.listTopics())).includes(name)) return;
      // false when somebody else was faster.
      await this.ask((admin) => admin.createTopics({ waitForLeaders: false, topics: [topicConfig(name, settings)] }));
      await this.leaderOf(name);
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** Deletes the topics that begin with this bus's prefix: for a run that had topics of its own. */
  async removeTopics(): Promise<void> {
    const prefix = this.naming.prefix('');
    if (prefix === '') throw new Error('a bus without a prefix has no topics of its own');
    const topics = (await this.ask((admin) => admin.listTopics())).filter((name) => name.startsWith(prefix));
    if (topics.length > 0) await this.ask((admin) => admin.deleteTopics({ topics }));
  }

  /**
   * Resolves when the new topic can be written to. kafkajs would wait too, but gives up when a broker that is busy does not
   * know the topic yet.
   */
  private async leaderOf(name: string): Promise<void> {
    const deadline = performance.now() + this.timing.requestTimeoutMs;
    for (;;) {
      try {
        const { topics } = await this.ask((admin) => admin.fetchTopicMetadata({ topics: [name] }));
        if (topics[0]?.partitions.every(({ leader }) => leader >= 0) === true) {
          // Every leader is asked: one that was named may not have heard of it yet.
          await this.ask((admin) => admin.fetchTopicOffsets(name));
          return;
        }
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      await sleep(askAgainMs);
    }
  }

  async publish(topic: string, value: string | null, key?: string): Promise<void> {
    if (this.closed) throw new Error('the bus is closed');
    try {
      await this.writer(topic).publish(value, key ?? null);
    } catch (error) {
      throw this.explain(error, topic);
    }
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    if (this.closed) throw new Error('the bus is closed');
    const reader = new KafkaReader({
      subscribe: options,
      topic: this.naming.topic(options.topic),
      groupId: this.naming.prefix(options.topic) + (options.group ?? `${this.options.clientId}-${randomUUID()}`),
      keepsPlace: options.group !== undefined,
      client: this.readerClient,
      ask: (question) => this.ask(question),
      timing: this.timing,
      logger: this.options.logger,
    });
    this.readers.add(reader);
    try {
      await reader.start();
    } catch (error) {
      this.readers.delete(reader);
      await reader.close();
      throw this.explain(error, options.topic);
    }
    return {
      close: async () => {
        await reader.close();
        this.readers.delete(reader);
      },
      pause: () => {
        reader.pause();
      },
      resume: () => {
        reader.resume();
      },
      markPlace: () => reader.markPlace(),
      lag: () => reader.lag(),
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.readers].map((reader) => reader.close()));
    await Promise.all([...this.writers.values()].map((writer) => writer.settled()));
    await Promise.all([this.producer.disconnect(), this.admin.disconnect()]);
  }

  private writer(topic: string): TopicWriter {
    let writer = this.writers.get(topic);
    if (writer === undefined) {
      const { requestTimeoutMs, deliveryTimeoutMs } = this.timing;
      writer = new TopicWriter({ topic: this.naming.topic(topic), producer: this.producer, logger: this.options.logger, requestTimeoutMs, deliveryTimeoutMs, isClosed: () => this.closed });
      this.writers.set(topic, writer);
    }
    return writer;
  }

  /** kafkajs' admin client does not come back by itself when its broker went away, nor wait for a leader. */
  private async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.timing.requestTimeoutMs;
    for (;;) {
      try {
        return await question(this.admin);
      } catch (error) {
        if (this.closed) throw error;
        if (isUnanswered(error) || causeOf(error).name === 'KafkaJSRequestTimeoutError') {
          await this.admin.connect();
          return question(this.admin);
        }
        if (!isLeaderAway(error) || performance.now() > deadline) throw error;
        await sleep(askAgainMs);
      }
    }
  }

  private explain(error: unknown, topic?: string): unknown {
    return appErrorOf(error, topic, this.options.brokers);
  }
}

function topicConfig(topic: string, settings: TopicSettings): ITopicConfig {
  const entries: [string, string | number | undefined][] = [
    ['retention.ms', settings.retentionMs],
    ['retention.bytes', settings.retentionBytes],
    ['segment.bytes', settings.segmentBytes],
    ['max.message.bytes', settings.maxMessageBytes],
    ['cleanup.policy', settings.compacted === true ? 'compact' : undefined],
  ];
  const configEntries = entries.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value: String(value) }]));
  return { topic, numPartitions: settings.partitions ?? 1, replicationFactor: -1, configEntries };
}
