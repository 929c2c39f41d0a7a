// The namespaces that the platform's operators have blocked, read again every few minutes.
// Wire facts: core/invoker/NamespaceBlacklist.scala of Apache OpenWhisk; view namespaceThrottlings/blockedNamespaces.
import { z } from 'zod';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { exchange, type HttpTarget } from './http-json.ts';

/** `whisk.blacklist.poll-interval`. */
const periodMs = 5 * 60_000;

export interface NamespaceBlocklistOptions {
  readonly couch: HttpTarget;
  /** Database of the subjects, such as `whisk_local_subjects`. */
  readonly database: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const viewSchema = z.object({ rows: z.array(z.object({ key: z.string() })) });

export class NamespaceBlocklist {
  private readonly options: NamespaceBlocklistOptions;
  private blocked: ReadonlySet<string> = new Set();
  private cancel: CancelTimer | undefined;

  constructor(options: NamespaceBlocklistOptions) {
    this.options = options;
  }

  has(namespace: string): boolean {
    return this.blocked.has(namespace);
  }

  /** Reads the list now and from time to time; what was read last holds while the database is away. */
  async start(): Promise<void> {
    const { couch, database, clock, logger } = this.options;
    this.cancel = clock.setTimer(clock.now() + periodMs, () => void this.start());
    try {
      const reply = await exchange(couch, 'GET', `/${encodeURIComponent(database)}/_design/namespaceThrottlings/_view/blockedNamespaces?reduce=false`);
      if (reply.status !== 200) throw new Error(`CouchDB answered ${reply.status}`);
      this.blocked = new Set(viewSchema.parse(JSON.parse(reply.body.toString('utf8'))).rows.map(({ key }) => key));
    } catch (error) {
      logger.error({ reason: describeError(error) }, 'the blocked namespaces could not be read');
    }
  }

  stop(): void {
    this.cancel?.();
  }
}
