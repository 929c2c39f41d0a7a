// How every consumer reads its records: what cannot be read is logged with its place, counted and skipped. Never a crash,
// never a stall, and never the record's content in a log: it may hold keys and users' data.
import type { z } from 'zod';
import type { BusRecord } from '../bus/bus.ts';
import type { DeepReadonly } from '../deep-readonly.ts';
import type { Logger } from '../logger.ts';
import { decode } from './codec.ts';

export class RecordReader {
  private readonly logger: Logger;
  private readonly counts = new Map<string, number>();

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /** Unreadable records since the start, by topic. */
  get unreadable(): ReadonlyMap<string, number> {
    return this.counts;
  }

  /** The message of a record, or undefined when it is not one of `schema`. */
  read<T>(schema: z.ZodType<T>, record: BusRecord): DeepReadonly<T> | undefined {
    const decoded = decode(schema, record.value);
    if (decoded.ok) return decoded.message;
    const { topic, partition, offset } = record;
    this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    this.logger.error({ topic, partition, offset, reason: decoded.reason }, 'unreadable record skipped');
    return undefined;
  }
}
