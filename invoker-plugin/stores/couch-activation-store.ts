// Activation records into OpenWhisk's activation database in CouchDB, in batches as the stock invoker writes them.
// Wire facts: core/database/{Batcher,CouchDbRestStore,ArtifactActivationStore}.scala.
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import type { ActivationStore } from './activation-store.ts';
import { exchange, type HttpTarget } from './http-json.ts';

/** Records of one request (whisk.couchdb, Batcher). */
const mostRecordsOfBatch = 500;
const mostAttempts = 4;
const firstRetryMs = 200;
/** Records that may wait while the database is away; the oldest are given up first. */
const mostWaiting = 20_000;

export interface CouchActivationStoreOptions {
  readonly couch: HttpTarget;
  /** Database of the activations, such as `whisk_local_activations`. */
  readonly database: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const bulkReplySchema = z.array(z.object({ id: z.string().optional(), ok: z.boolean().optional(), error: z.string().optional() }));

export class CouchActivationStore implements ActivationStore {
  private readonly options: CouchActivationStoreOptions;
  private readonly waiting: WhiskActivation[] = [];
  private writing: Promise<void> | undefined;
  private writtenRecords = 0;
  private lostRecords = 0;

  constructor(options: CouchActivationStoreOptions) {
    this.options = options;
  }

  /** Since the start, for metrics. */
  get counts(): { readonly written: number; readonly lost: number; readonly waiting: number } {
    return { written: this.writtenRecords, lost: this.lostRecords, waiting: this.waiting.length };
  }

  store(activation: WhiskActivation): void {
    this.waiting.push(activation);
    if (this.waiting.length > mostWaiting) this.lose(this.waiting.splice(0, 1), 'the database is away for too long');
    this.writing ??= this.writeAll();
  }

  async close(): Promise<void> {
    await this.writing;
  }

  private async writeAll(): Promise<void> {
    // What is stored in the same turn goes into the same batch.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.write(this.waiting.splice(0, mostRecordsOfBatch));
    this.writing = undefined;
  }

  private async write(records: readonly WhiskActivation[]): Promise<void> {
    const updated = Math.floor(this.options.clock.now());
    const docs = records.map((record) => ({ _id: `${record.namespace}/${record.activationId}`, entityType: 'activation', updated, ...record }));
    const body = JSON.stringify({ docs });
    for (let attempt = 1; ; attempt += 1) {
      const failure = await this.attempt(body);
      if (failure === undefined) return;
      if (attempt === mostAttempts) return this.lose(records, failure);
      await new Promise<void>((resolve) => {
        this.options.clock.setTimer(this.options.clock.now() + firstRetryMs * 2 ** (attempt - 1), resolve);
      });
    }
  }

  /** @returns why nothing was written, or undefined. */
  private async attempt(body: string): Promise<string | undefined> {
    try {
      const reply = await exchange(this.options.couch, 'POST', `/${encodeURIComponent(this.options.database)}/_bulk_docs`, { body });
      if (reply.status !== 201 && reply.status !== 202) return `CouchDB answered ${reply.status}`;
      for (const { id, error } of bulkReplySchema.parse(JSON.parse(reply.body.toString('utf8')))) {
        if (error === undefined) this.writtenRecords += 1;
        // A conflict is a record that is there already: an earlier attempt got through and its answer was lost.
        else if (error !== 'conflict') this.lose([], `CouchDB refused ${id ?? 'a record'}: ${error}`, 1);
      }
      return undefined;
    } catch (error) {
      return describeError(error);
    }
  }

  private lose(records: readonly WhiskActivation[], reason: string, count = records.length): void {
    this.lostRecords += count;
    this.options.logger.error({ records: count, firstActivationId: records[0]?.activationId, reason }, 'activation records could not be stored');
  }
}
