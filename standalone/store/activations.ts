// Activation records: written in batches as they come, listed out of an index in memory, dropped by age and by count. What a
// reader was shown is on disk: a reader waits for the write that is under way, never the other way round.
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { whiskActivationSchema, type WhiskActivation } from '../../common/messages/acknowledgement.ts';
import type { ActivationStore } from '../../invoker-plugin/stores/activation-store.ts';
import { separator, type Database } from './database.ts';
import { indexedName, NamespaceIndex, type IndexEntry } from './namespace-index.ts';

export interface Retention {
  /** A record older than this goes. */
  readonly ageMs: number;
  /** Records of one namespace; the oldest go first. */
  readonly count: number;
}

export interface ActivationsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retention: Retention;
}

export interface ActivationQuery {
  /** The action's name, or `package/name`; absent: all. */
  readonly name?: string | undefined;
  /** Epoch ms of the start, both inclusive. */
  readonly since?: number | undefined;
  readonly upto?: number | undefined;
}

export interface Page {
  readonly skip: number;
  readonly limit: number;
}

const recordPrefix = `activation${separator}`;
const summaryPrefix = `summary${separator}`;
const ageCheckEveryMs = 60_000;
/** Records written at once; what comes meanwhile is the next batch. */
const mostPerBatch = 1000;
/** How long a record waits for others to be written with it, unless somebody wants to read. */
const gatherMs = 50;

interface Pending {
  readonly record: WhiskActivation;
  readonly entry: IndexEntry;
}

export class Activations implements ActivationStore {
  private readonly options: ActivationsOptions;
  private readonly namespaces = new Map<string, NamespaceIndex>();
  private pending: Pending[] = [];
  private writing: Promise<void> | undefined;
  /** Undefined while no write is due. */
  private cancelWrite: CancelTimer | undefined;
  private takenCount = 0;
  /** Written or given up. */
  private writtenCount = 0;
  private cancelAgeCheck: CancelTimer = () => undefined;
  private readonly awaited = new Map<string, ((record: WhiskActivation) => void)[]>();

  private constructor(options: ActivationsOptions) {
    this.options = options;
  }

  /** Reads the index back; what is over its time goes. */
  static async open(options: ActivationsOptions): Promise<Activations> {
    const activations = new Activations(options);
    for await (const key of options.database.keys({ gt: summaryPrefix, lt: `${summaryPrefix}\uffff` })) {
      const [, namespace = '', start = '', id = '', name = ''] = key.split(separator);
      activations.indexOf(namespace).add({ start: Number(start), id, name });
    }
    await activations.retain();
    activations.armAgeCheck();
    return activations;
  }

  store(record: WhiskActivation): void {
    this.takenCount += 1;
    this.pending.push({ record, entry: { start: Number(record.start), id: record.activationId, name: indexedName(record) } });
    for (const resolve of this.awaited.get(record.activationId) ?? []) resolve(record);
    this.awaited.delete(record.activationId);
    this.writeSoon();
  }

  /** Resolves with the record of an activation once it has ended, or at once when it has. */
  async whenStored(namespace: string, activationId: string): Promise<WhiskActivation> {
    // Listening first: between a look and the listening it could come.
    let hear: (record: WhiskActivation) => void = () => undefined;
    const coming = new Promise<WhiskActivation>((resolve) => {
      hear = resolve;
    });
    this.awaited.set(activationId, [...(this.awaited.get(activationId) ?? []), hear]);
    const there = await this.get(namespace, activationId);
    if (there === undefined) return coming;
    const others = (this.awaited.get(activationId) ?? []).filter((listener) => listener !== hear);
    if (others.length === 0) this.awaited.delete(activationId);
    else this.awaited.set(activationId, others);
    return there;
  }

  async get(namespace: string, id: string): Promise<WhiskActivation | undefined> {
    await this.written();
    const text = await this.options.database.get(recordKey(namespace, id));
    return text === undefined ? undefined : whiskActivationSchema.parse(JSON.parse(text));
  }

  /** The newest first, each as the JSON text of a list's entry, or of the whole record with `docs`. */
  async list(namespace: string, query: ActivationQuery, page: Page, docs: boolean): Promise<string[]> {
    await this.written();
    const entries = this.namespaces.get(namespace)?.page(query, page) ?? [];
    const keys = entries.map((entry) => (docs ? recordKey(namespace, entry.id) : summaryKey(namespace, entry)));
    return (await this.options.database.getMany(keys)).filter((text) => text !== undefined);
  }

  async count(namespace: string, query: ActivationQuery): Promise<number> {
    await this.written();
    return this.namespaces.get(namespace)?.count(query) ?? 0;
  }

  /** Resolves when everything taken so far is on disk or given up. */
  async close(): Promise<void> {
    this.cancelAgeCheck();
    await this.written();
  }

  /** What was taken before this call is on disk, and in the index, after it. */
  private async written(): Promise<void> {
    const upTo = this.takenCount;
    while (this.writtenCount < upTo) {
      this.write();
      await this.writing;
    }
  }

  private writeSoon(): void {
    if (this.cancelWrite !== undefined || this.writing !== undefined) return;
    const { clock } = this.options;
    this.cancelWrite = clock.setTimer(clock.now() + gatherMs, () => {
      this.write();
    });
  }

  private write(): void {
    if (this.writing !== undefined || this.pending.length === 0) return;
    this.cancelWrite?.();
    this.cancelWrite = undefined;
    const batch = this.pending.slice(0, mostPerBatch);
    this.pending = this.pending.slice(mostPerBatch);
    this.writing = this.writeBatch(batch)
      .catch((error: unknown) => {
        this.options.logger.error({ count: batch.length, reason: describeError(error) }, 'activation records could not be written');
      })
      .then(() => {
        this.writtenCount += batch.length;
        this.writing = undefined;
        if (this.pending.length > 0) this.writeSoon();
      });
  }

  private async writeBatch(batch: readonly Pending[]): Promise<void> {
    const operations = this.options.database.batch();
    for (const { record, entry } of batch) {
      operations.put(recordKey(record.namespace, entry.id), JSON.stringify(record)).put(summaryKey(record.namespace, entry), JSON.stringify(summaryOf(record)));
    }
    await operations.write();
    const touched = new Set(batch.map(({ record }) => record.namespace));
    for (const { record, entry } of batch) this.indexOf(record.namespace).add(entry);
    for (const namespace of touched) await this.dropBeyondCount(namespace);
  }

  private async dropBeyondCount(namespace: string): Promise<void> {
    const excess = this.indexOf(namespace).length - this.options.retention.count;
    if (excess > 0) await this.drop(namespace, this.indexOf(namespace).takeOldest(excess));
  }

  /** Drops what is beyond the age or the count. */
  private async retain(): Promise<void> {
    const oldest = this.options.clock.now() - this.options.retention.ageMs;
    for (const [namespace, index] of this.namespaces) {
      await this.drop(namespace, index.takeBefore(oldest));
      await this.dropBeyondCount(namespace);
    }
  }

  private async drop(namespace: string, entries: readonly IndexEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.options.database.batch(entries.flatMap((entry) => [recordKey(namespace, entry.id), summaryKey(namespace, entry)].map((key) => ({ type: 'del', key }) as const)));
  }

  private armAgeCheck(): void {
    const { clock, logger } = this.options;
    this.cancelAgeCheck = clock.setTimer(clock.now() + ageCheckEveryMs, () => {
      this.armAgeCheck();
      this.retain().catch((error: unknown) => {
        logger.error({ reason: describeError(error) }, 'old activation records could not be dropped');
      });
    });
  }

  private indexOf(namespace: string): NamespaceIndex {
    let index = this.namespaces.get(namespace);
    if (index === undefined) this.namespaces.set(namespace, (index = new NamespaceIndex()));
    return index;
  }
}

/** An entry of a list (the views of A/files/whisks_design_document): no result, no logs. */
function summaryOf(record: WhiskActivation): Record<string, unknown> {
  const { namespace, name, version, publish, annotations, activationId, start, end, cause, response } = record;
  return { namespace, name, version, publish, annotations, activationId, start, end, duration: Number(end) - Number(start), ...(cause === undefined ? {} : { cause }), statusCode: response.statusCode };
}

const recordKey = (namespace: string, id: string): string => `${recordPrefix}${namespace}${separator}${id}`;
/** Sorts by start; holds all that the index has to know. Fifteen digits of milliseconds last for thirty thousand years. */
const summaryKey = (namespace: string, { start, id, name }: IndexEntry): string => [`summary`, namespace, String(start).padStart(15, '0'), id, name].join(separator);
