// The message bus as the plugins see it: topics of ordered records, read by groups. It says nothing of who carries it.

/** A record as it was published. */
export interface BusRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string;
  readonly offset: number;
}

export interface Subscription {
  /** No further record is handed over once this resolves; a handler under way has finished. */
  close(): Promise<void>;
}

export interface SubscribeOptions {
  readonly topic: string;
  /** Groups read independently; within a group each record goes to one member. */
  readonly group: string;
  /** `earliest`: everything the topic holds; `latest`: only what comes from now on. Applies to a group's first read. */
  readonly from: 'earliest' | 'latest';
  /** Called one record at a time, in order. A rejection is reported to `onError` and the record is not read again. */
  readonly handle: (record: BusRecord) => Promise<void> | void;
  readonly onError: (error: unknown, record: BusRecord) => void;
}

export interface Bus {
  /** Resolves when the record is accepted; records of one publisher on one topic keep their order. */
  publish(topic: string, value: string, key?: string): Promise<void>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Closes every subscription; publishing afterwards rejects. */
  close(): Promise<void>;
}
