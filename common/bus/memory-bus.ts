// The embedded default bus: topics in this process's memory. Bounded: the oldest records of a topic go first.
import type { Bus, BusRecord, SubscribeOptions, Subscription } from './bus.ts';

/** Records a topic keeps for groups that start from the earliest. */
export const defaultRetainedRecords = 10_000;

interface Member {
  readonly options: SubscribeOptions;
  closed: boolean;
}

/** One group's reading of one topic: where it stands, and its members in turn. */
class GroupReader {
  readonly members: Member[] = [];
  nextOffset: number;
  private turn = 0;
  private pumping: Promise<void> | undefined;
  private readonly topic: Topic;

  constructor(topic: Topic, nextOffset: number) {
    this.topic = topic;
    this.nextOffset = nextOffset;
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
      const member = this.members[this.turn % Math.max(1, this.members.length)];
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
    }
  }
}

class Topic {
  readonly name: string;
  readonly groups = new Map<string, GroupReader>();
  private readonly records: BusRecord[] = [];
  private firstOffset = 0;
  private readonly retainedRecords: number;

  constructor(name: string, retainedRecords: number) {
    this.name = name;
    this.retainedRecords = retainedRecords;
  }

  get endOffset(): number {
    return this.firstOffset + this.records.length;
  }

  append(value: string, key: string | null): void {
    this.records.push({ topic: this.name, key, value, offset: this.endOffset });
    if (this.records.length > 2 * this.retainedRecords) {
      const dropped = this.records.length - this.retainedRecords;
      this.records.splice(0, dropped);
      this.firstOffset += dropped;
    }
    for (const group of this.groups.values()) void group.pump();
  }

  /** The record at an offset, or the oldest one kept when that offset is gone. */
  at(offset: number): BusRecord | undefined {
    return this.records[Math.max(0, offset - this.firstOffset)];
  }

  group(name: string, from: 'earliest' | 'latest'): GroupReader {
    let group = this.groups.get(name);
    if (group === undefined) {
      group = new GroupReader(this, from === 'earliest' ? this.firstOffset : this.endOffset);
      this.groups.set(name, group);
    }
    return group;
  }
}

/** An in-process {@link Bus}. Delivery is at most once, as OpenWhisk's: a record is taken before it is handled. */
export class MemoryBus implements Bus {
  private readonly topics = new Map<string, Topic>();
  private readonly retainedRecords: number;
  private closed = false;

  constructor(retainedRecords = defaultRetainedRecords) {
    this.retainedRecords = retainedRecords;
  }

  async publish(topic: string, value: string, key?: string): Promise<void> {
    if (this.closed) throw new Error('the bus is closed');
    this.topic(topic).append(value, key ?? null);
    await Promise.resolve();
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    if (this.closed) throw new Error('the bus is closed');
    const group = this.topic(options.topic).group(options.group, options.from);
    const member: Member = { options, closed: false };
    group.members.push(member);
    void group.pump();
    await Promise.resolve();
    return {
      close: async () => {
        if (member.closed) return;
        member.closed = true;
        group.members.splice(group.members.indexOf(member), 1);
        await group.pump();
      },
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    const readers = [...this.topics.values()].flatMap((topic) => [...topic.groups.values()]);
    for (const reader of readers) reader.members.length = 0;
    await Promise.all(readers.map((reader) => reader.pump()));
  }

  private topic(name: string): Topic {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new Topic(name, this.retainedRecords);
      this.topics.set(name, topic);
    }
    return topic;
  }
}
