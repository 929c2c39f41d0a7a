// Keeps what is known of actions up with their documents. Controllers say when one changed, on `cacheInvalidation`, for five
// minutes (the topic's retention); an activation names version and revision, so that one of a version that is not known says
// the same to a planner that was away, or that nobody told.
import { forCaller, type ActionCatalog, type ActionDocument } from '../../common/action-document.ts';
import { parseActionKey, unversionedNameOf, type ActionKey } from '../../common/action-identity.ts';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import type { ActionDeployed, ActionRemoved } from '../core/events.ts';

export interface KnownActionsOptions {
  readonly catalog: ActionCatalog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The key under which an action is known by now; undefined while it is not. */
  readonly newestKey: (unversionedName: string) => ActionKey | undefined;
  /** Every key under which a provider's action is known, of all versions and callers. */
  readonly knownKeys: (qualifiedName: string) => readonly ActionKey[];
  readonly onFact: (fact: ActionDeployed | ActionRemoved) => void;
}

/** Where the database did not answer, an action's later activations ask again, not more often than this. */
const askAgainAfterMs = 1000;
/** Actions that are to be asked for again. */
const mostUnlearnt = 20_000;

export class KnownActions {
  private readonly options: KnownActionsOptions;
  /** Actions whose document is still to be fetched, and from when it may be asked for. */
  private readonly unlearnt = new Map<ActionKey, number>();
  private isStopped = false;

  constructor(options: KnownActionsOptions) {
    this.options = options;
  }

  /** Nothing is said from now on. */
  stop(): void {
    this.isStopped = true;
  }

  /**
   * The key that an arrival counts for: a call of a version that has been replaced is a call of its successor. The document of
   * a version that is not known is fetched; nobody waits for it.
   */
  keyOfArrival(arrived: ActionKey): ActionKey {
    const newest = this.options.newestKey(unversionedNameOf(arrived));
    if (newest !== undefined && isOlderThan(arrived, newest)) return newest;
    const isDue = (this.unlearnt.get(arrived) ?? Infinity) <= this.options.clock.now();
    if (newest !== arrived || isDue) void this.learn(arrived, newest);
    return arrived;
  }

  /** An action was created, changed or deleted. */
  async changed(qualifiedName: string): Promise<void> {
    const latest = await this.latestOf(qualifiedName);
    if (latest === 'unknown' || this.isStopped) return;
    const known = new Set(this.options.knownKeys(qualifiedName));
    if (latest === undefined) {
      for (const key of known) this.remove(key);
      return;
    }
    if (!known.has(latest.actionKey)) this.deploy(latest);
    known.add(latest.actionKey);
    for (const key of [...known]) this.replace(key, latest, known);
  }

  /** The current document; `unknown` where the database is away: it must not hold the topics up. */
  async latestOf(qualifiedName: string): Promise<ActionDocument | undefined | 'unknown'> {
    try {
      return await this.options.catalog.findLatest(qualifiedName);
    } catch (error) {
      this.options.logger.warn({ action: qualifiedName, reason: describeError(error) }, 'the catalog does not say what an action is');
      return 'unknown';
    }
  }

  private async learn(key: ActionKey, former: ActionKey | undefined): Promise<void> {
    this.askAgain(key, this.options.clock.now() + askAgainAfterMs);
    const { qualifiedName, version, revision, namespace } = parseActionKey(key);
    const latest = await this.latestOf(qualifiedName);
    if (latest === 'unknown' || this.isStopped) return;
    this.unlearnt.delete(key);
    // One that is called and not there is being deleted, or there is no database to ask.
    if (latest === undefined) return;
    if (revision === undefined && latest.version === version) {
      // A message without a revision says no more than this.
      this.deploy({ ...latest, actionKey: key });
      return;
    }
    this.deploy(forCaller(latest, namespace));
    const known = new Set(this.options.knownKeys(qualifiedName));
    for (const earlier of new Set([key, ...(former === undefined ? [] : [former])])) this.replace(earlier, latest, known);
  }

  private askAgain(key: ActionKey, at: number): void {
    this.unlearnt.delete(key);
    this.unlearnt.set(key, at);
    const [oldest] = this.unlearnt.keys();
    if (this.unlearnt.size > mostUnlearnt && oldest !== undefined) this.unlearnt.delete(oldest);
  }

  /** The newest version takes over what is known of another one, for the same caller. */
  private replace(key: ActionKey, latest: ActionDocument, known: Set<ActionKey>): void {
    const successor = forCaller(latest, parseActionKey(key).namespace);
    if (successor.actionKey === key) return;
    if (!known.has(successor.actionKey)) this.deploy(successor);
    known.add(successor.actionKey);
    this.remove(key);
  }

  private deploy({ actionKey, limits }: ActionDocument): void {
    this.options.onFact({ type: 'actionDeployed', at: this.options.clock.now(), actionKey, memoryMegabytes: limits.memoryMegabytes });
  }

  private remove(actionKey: ActionKey): void {
    this.options.onFact({ type: 'actionRemoved', at: this.options.clock.now(), actionKey });
  }
}

/** By the count that CouchDB puts before a revision, which goes on when a document is deleted and made anew. */
function isOlderThan(key: ActionKey, other: ActionKey): boolean {
  return revisionCountOf(key) < revisionCountOf(other);
}

function revisionCountOf(key: ActionKey): number {
  return Number(/^(\d+)-/.exec(parseActionKey(key).revision ?? '')?.[1] ?? Number.NaN);
}
