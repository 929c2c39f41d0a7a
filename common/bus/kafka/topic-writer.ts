// Publishing to one topic: in order, one request at a time. Whatever is published while a request is under way goes out
// together in the next, so a busy topic batches by itself and an idle one waits for nothing.
import { setTimeout as delay } from 'node:timers/promises';
import { type Message, type Producer } from 'kafkajs';
import type { Logger } from '../../logger.ts';
import { messageTooLarge } from '../bus-errors.ts';
import { RequestPace } from './request-pace.ts';
import { causeOf, isMissingTopic, isUnanswered } from './errors.ts';

/** Records of one request together; below every sensible max.message.bytes, which limits a batch and not a record. */
const maxBatchBytes = 262_144;
const maxBatchRecords = 1_000;
/** As OpenWhisk's producer: what a broker refuses for the moment is sent again this often, after this long. */
const resends = 3;
const resendAfterMs = 100;
/** Between attempts to reach a broker that does not answer. */
const reconnectAfterMs = 250;

export interface TopicWriterOptions {
  /** As the broker has it. */
  readonly topic: string;
  readonly producer: Producer;
  readonly logger: Logger;
  readonly requestTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
  readonly isClosed: () => boolean;
}

interface Pending {
  readonly message: Message;
  readonly bytes: number;
  readonly publishedAt: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class TopicWriter {
  private readonly options: TopicWriterOptions;
  private readonly pace = new RequestPace();
  private readonly queue: Pending[] = [];
  private sending: Promise<void> | undefined;

  constructor(options: TopicWriterOptions) {
    this.options = options;
  }

  /** Resolves when the leader has the record. */
  publish(value: string | null, key: string | null): Promise<void> {
    const publishedAt = Date.now();
    const buffer = value === null ? null : Buffer.from(value);
    const message: Message = {
      value: buffer,
      timestamp: String(publishedAt),
      // OpenWhisk's records have no key and are all in partition 0.
      ...(key === null ? { partition: 0 } : { key }),
    };
    return new Promise((resolve, reject) => {
      this.queue.push({ message, bytes: (buffer?.length ?? 0) + Buffer.byteLength(key ?? ''), publishedAt, resolve, reject });
      this.sending ??= this.sendAll();
    });
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.sending;
  }

  private async sendAll(): Promise<void> {
    // The rest of this turn may publish more.
    await Promise.resolve();
    while (this.queue.length > 0) {
      const waitMs = this.pace.note(performance.now());
      if (waitMs > 0 && !this.options.isClosed()) await delay(waitMs);
      await this.deliver(this.takeBatch());
    }
    this.sending = undefined;
  }

  private takeBatch(): Pending[] {
    let [count, bytes] = [0, 0];
    for (const { bytes: size } of this.queue) {
      if (count > 0 && (count === maxBatchRecords || bytes + size > maxBatchBytes)) break;
      count += 1;
      bytes += size;
    }
    return this.queue.splice(0, count);
  }

  private async deliver(batch: Pending[]): Promise<void> {
    try {
      await this.send(batch);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (causeOf(error).type !== 'MESSAGE_TOO_LARGE') {
        for (const { reject } of batch) reject(error);
      } else if (batch.length > 1) {
        // The limit is on what goes together: apart, perhaps none is too large, and never more than the guilty ones.
        for (const pending of batch) await this.deliver([pending]);
      } else {
        for (const { reject, bytes } of batch) reject(messageTooLarge(this.options.topic, bytes, undefined));
      }
    }
  }

  private async send(batch: readonly Pending[]): Promise<void> {
    const { topic, producer, requestTimeoutMs } = this.options;
    const messages = batch.map(({ message }) => message);
    for (let refusals = 0; ; ) {
      try {
        await producer.send({ topic, acks: 1, timeout: requestTimeoutMs, messages });
        return;
      } catch (error) {
        if (this.options.isClosed()) throw error;
        if (isUnanswered(error) && !isMissingTopic(error)) {
          if (Date.now() - (batch[0]?.publishedAt ?? 0) > this.options.deliveryTimeoutMs) throw error;
          await delay(reconnectAfterMs);
        } else {
          const cause = causeOf(error);
          // A request that timed out may have been carried out: sent again, it could be there twice.
          if (cause.retriable !== true || cause.name === 'KafkaJSRequestTimeoutError' || refusals === resends) throw error;
          refusals += 1;
          await delay(resendAfterMs);
        }
      }
    }
  }
}
