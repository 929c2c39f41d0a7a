// The embedded default bus: topics in this process's memory. Bounded: the oldest records of a topic go first, or on a
// compacted topic all but the newest of each key.
import type { Bus, SubscribeOptions, Subscription, TopicSettings } from './bus.ts';
import { messageTooLarge } from './bus-errors.ts';
import { MemoryTopic } from './memory-topic.ts';

/** Records a topic keeps for groups that start from the earliest. */
export const defaultRetainedRecords = 10_000;

/** Largest record of a topic that was created without a limit: Kafka's own default, less its framing. */
const defaultMaxMessageBytes = 1_048_576;

interface Member {
  readonly options: SubscribeOptions;
  closed: boolean;
  paused: boolean;
}

/** One group's reading of one topic: where it stands, and its members in turn. */
class GroupReader {
  readonly members: Member[] = [];
  nextOffset: number;
  /** After the last record that was handled. */
  handledOffset: number;
  /** Where the group's next reader begins, when its readers keep the place themselves. */
  keptOffset: number;
  private turn = 0;
  private pumping: Promise<void> | undefined;
  private readonly topic: MemoryTopic;

  constructor(topic: MemoryTopic, nextOffset: number) {
    this.topic = topic;
    this.nextOffset = nextOffset;
    this.handledOffset = nextOffset;
    this.keptOffset = nextOffset;
  }

  /** Hands over what is there, one record at a time; resolves when nothing is left or nobody reads. */
  pump(): Promise<void> {
    this.pumping ??= this.drain();
    return this.pumping;
  }

  private async drain(): Promise<void> {
    // Let publish() return first: a bus that calls its reader inside the publisher's stack hides ordering faults.
    await Promise.resolve();
    for (;;) {
      const record = this.topic.at(this.nextOffset);
      const ready = this.members.filter((member) => !member.paused);
      const member = ready[this.turn % Math.max(1, ready.length)];
      if (record === undefined || member === undefined) {
        // Cleared in the same turn as the last look: a record appended later finds no pump and starts one.
        this.pumping = undefined;
        return;
      }
      this.nextOffset = record.offset + 1;
      this.turn += 1;
      try {
        await member.options.handle(record);
      } catch (error) {
        member.options.onError(error, record);
      }
      this.handledOffset = this.nextOffset;
    }
  }
}

/** A topic with what reads it. */
class ReadTopic {
  readonly log: MemoryTopic;
  readonly maxMessageBytes: number;
  readonly groups = new Map<string, GroupReader>();
  /** Readers without a group. */
  readonly alone = new Set<GroupReader>();

  constructor(name: string, retainedRecords: number, settings: TopicSettings) {
    this.log = new MemoryTopic(name, retainedRecords, settings.compacted === true);
    this.maxMessageBytes = settings.maxMessageBytes ?? defaultMaxMessageBytes;
  }

  get readers(): GroupReader[] {
    return [...this.groups.values(), ...this.alone];
  }

  publish(value: string | null, key: string | null, publishedAt: number): void {
    this.log.append(value, key, publishedAt, () => Math.min(this.log.endOffset, ...this.readers.map((reader) => reader.nextOffset)));
    for (const reader of this.readers) void reader.pump();
  }

  reader({ group, from }: SubscribeOptions): GroupReader {
    const known = group === undefined ? undefined : this.groups.get(group);
    if (known !== undefined) return known;
    const reader = new GroupReader(this.log, from === 'earliest' ? this.log.firstOffset : this.log.endOffset);
    if (group === undefined) this.alone.add(reader);
    else this.groups.set(group, reader);
    return reader;
  }
}

export interface MemoryBusOptions {
  /** Records kept by each topic; {@link defaultRetainedRecords}. The other retention settings of a topic are a broker's. */
  readonly retainedRecords?: number;
  /** Stamps the records, epoch milliseconds; the wall clock. */
  readonly now?: () => number;
}

/**
 * An in-process {@link Bus}. Topics have one partition; one that nobody created comes into being with default settings
 * when it is first used.
 */
export class MemoryBus implements Bus {
  private readonly topics = new Map<string, ReadTopic>();
  private readonly retainedRecords: number;
  private readonly now: () => number;
  private closed = false;

  constructor(options: MemoryBusOptions = {}) {
    this.retainedRecords = options.retainedRecords ?? defaultRetainedRecords;
    this.now = options.now ?? Date.now;
  }

  async ensureTopic(topic: string, settings: TopicSettings = {}): Promise<void> {
    this.topic(topic, settings);
    await Promise.resolve();
  }

  async publish(topicName: string, value: string | null, key?: string): Promise<void> {
    if (this.closed) throw new Error('the bus is closed');
    const topic = this.topic(topicName);
    const bytes = Buffer.byteLength(value ?? '') + Buffer.byteLength(key ?? '');
    if (bytes > topic.maxMessageBytes) throw messageTooLarge(topicName, bytes, topic.maxMessageBytes);
    topic.publish(value, key ?? null, this.now());
    await Promise.resolve();
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    if (this.closed) throw new Error('the bus is closed');
    const topic = this.topic(options.topic);
    const reader = topic.reader(options);
    if (options.placeKeptBy === 'reader' && reader.members.length === 0) reader.nextOffset = reader.handledOffset = reader.keptOffset;
    const member: Member = { options, closed: false, paused: false };
    reader.members.push(member);
    void reader.pump();
    await Promise.resolve();
    return {
      close: async () => {
        if (member.closed) return;
        member.closed = true;
        reader.members.splice(reader.members.indexOf(member), 1);
        topic.alone.delete(reader);
        await reader.pump();
      },
      pause: () => {
        member.paused = true;
      },
      resume: () => {
        member.paused = false;
        void reader.pump();
      },
      markPlace: () => {
        const place = reader.handledOffset;
        return () => {
          reader.keptOffset = Math.max(reader.keptOffset, place);
          return Promise.resolve();
        };
      },
      lag: () => Promise.resolve(topic.log.countFrom(reader.nextOffset)),
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    const readers = [...this.topics.values()].flatMap((topic) => topic.readers);
    for (const reader of readers) reader.members.length = 0;
    await Promise.all(readers.map((reader) => reader.pump()));
  }

  private topic(name: string, settings: TopicSettings = {}): ReadTopic {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new ReadTopic(name, this.retainedRecords, settings);
      this.topics.set(name, topic);
    }
    return topic;
  }
}
