// The message bus as the plugins see it: topics of ordered records, read by groups. It says nothing of who carries it.
// Delivery is at most once, as OpenWhisk's: a group's position is moved past a record before the record is handled.

/** A record as it was published. */
export interface BusRecord {
  readonly topic: string;
  /** Records of one key are in one partition, and only within a partition is there an order. OpenWhisk uses partition 0 only. */
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  /** `null` on a compacted topic: what this key stood for is gone (a tombstone). */
  readonly value: string | null;
  /** When it was published, in epoch milliseconds, by the publisher's clock. */
  readonly publishedAt: number;
}

/** How a topic is created; what is absent is left to the broker. */
export interface TopicSettings {
  readonly partitions?: number;
  /** How long, and up to how many bytes, records are kept. */
  readonly retentionMs?: number;
  readonly retentionBytes?: number;
  readonly segmentBytes?: number;
  /** Largest record that is accepted. */
  readonly maxMessageBytes?: number;
  /** Keeps the newest record of each key instead of the newest records. */
  readonly compacted?: boolean;
}

export interface Subscription {
  /**
   * No further record is handed over once this resolves; a handler under way has finished. What was not handed over stays
   * for the group's next reader.
   */
  close(): Promise<void>;
  /** Hands over nothing after the record under way until {@link resume}; the group keeps its place. */
  pause(): void;
  resume(): void;
  /** Marks the place after the last record that was handled; what it returns makes that the group's place. */
  markPlace(): () => Promise<void>;
  /** Records published and not handed over yet to this reader (for a group: in the partitions this member reads). */
  lag(): Promise<number>;
}

export interface SubscribeOptions {
  readonly topic: string;
  /**
   * Groups read independently; within a group each record goes to one member. Absent: this reader alone, which keeps no
   * place and starts anew from `from` each time; that is how a compacted topic is read.
   */
  readonly group?: string;
  /** `earliest`: everything the topic holds; `latest`: only what comes from now on. With a group: for its first read only. */
  readonly from: 'earliest' | 'latest';
  /**
   * Who moves a group's place. `bus`, the default: past each record before it is handled. `reader`: only what
   * {@link Subscription.markPlace} returns; what was handled after that is handed to the group's next reader again.
   */
  readonly placeKeptBy?: 'bus' | 'reader';
  /** Called one record at a time, in order. A rejection is reported to `onError` and the record is not read again. */
  readonly handle: (record: BusRecord) => Promise<void> | void;
  readonly onError: (error: unknown, record: BusRecord) => void;
}

export interface Bus {
  /** Creates the topic if there is none of that name; a topic that exists is left as it is. */
  ensureTopic(topic: string, settings?: TopicSettings): Promise<void>;
  /**
   * Resolves when the record is accepted; records of one publisher on one topic keep their order.
   * @throws {AppError} MESSAGE_TOO_LARGE when the topic does not take a record of that size
   */
  publish(topic: string, value: string | null, key?: string): Promise<void>;
  /** Resolves when the reader has its place: from then on a `latest` reader misses nothing. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Closes every subscription; publishing afterwards rejects. */
  close(): Promise<void>;
}
