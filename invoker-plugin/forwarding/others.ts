// What this invoker knows of the others: which of them are alive, how they stand, and in which of their containers an
// action's artifacts are. Read off two compacted topics; bounded by what the others report.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Bus, BusRecord, Subscription } from '../../common/bus/bus.ts';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import type { RecordReader } from '../../common/messages/record-reader.ts';
import { compactedTopicSettings } from '../../common/messages/topics.ts';
import type { ForwardCandidate } from '../core/forward.ts';
import { residencySchema, residencyTopic, type Residency } from '../protocol.ts';
import { standingSchema, standingTopic, type Standing } from './messages.ts';

export interface OthersOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly records: RecordReader;
  readonly invoker: number;
}

interface Other {
  readonly standing: Standing;
  /** By this process's clock. */
  readonly heardAt: number;
}

export class Others {
  private readonly options: OthersOptions;
  private readonly invokers = new Map<number, Other>();
  private readonly containers = new Map<string, Residency>();
  private readonly holders = new Map<ActionKey, Set<string>>();
  private readonly lastFailureAt = new Map<number, number>();
  private readonly offered = new Map<string, number>();
  private subscriptions: Subscription[] = [];

  constructor(options: OthersOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const { bus, logger } = this.options;
    const onError = (error: unknown, record: BusRecord): void => {
      logger.error({ topic: record.topic, offset: record.offset, reason: describeError(error) }, 'a record could not be handled');
    };
    await bus.ensureTopic(residencyTopic, compactedTopicSettings);
    await bus.ensureTopic(standingTopic, compactedTopicSettings);
    this.subscriptions = [
      await bus.subscribe({ topic: residencyTopic, from: 'earliest', onError, handle: (record) => { this.takeResidency(record); } }),
      // Only what is said from now on: the newest word of a dead invoker would pass for a sign of life.
      await bus.subscribe({ topic: standingTopic, from: 'latest', onError, handle: (record) => { this.takeStanding(record); } }),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.splice(0).map((subscription) => subscription.close()));
  }

  /** The life of an invoker that is alive; undefined where none was heard of. */
  lifeOf(invoker: number): string | undefined {
    return this.invokers.get(invoker)?.standing.life;
  }

  /** The invokers with the action's artifacts, as the decision sees them. */
  candidatesFor(actionKey: ActionKey): ForwardCandidate[] {
    const now = this.options.clock.now();
    const places = new Map<number, number>();
    for (const id of this.holders.get(actionKey) ?? []) {
      const container = this.containers.get(id);
      if (container === undefined || !this.isOfThisLife(container)) continue;
      const free = freePlacesIn(container, actionKey);
      if (free > 0) places.set(container.invoker, (places.get(container.invoker) ?? 0) + free);
    }
    return [...places].flatMap(([invoker, count]) => {
      const other = this.invokers.get(invoker);
      if (other === undefined || !other.standing.takesOffers) return [];
      const freePlaces = count - (this.offered.get(`${invoker} ${actionKey}`) ?? 0);
      return [{ invoker, reportAgeMs: now - other.heardAt, queued: other.standing.queued, freePlaces, sinceFailureMs: now - (this.lastFailureAt.get(invoker) ?? -Infinity) }];
    });
  }

  /** An offer is under way: the place it is for is taken. The returned function is called when it is decided. */
  noteOffer(invoker: number, actionKey: ActionKey): (wasTaken: boolean) => void {
    const key = `${invoker} ${actionKey}`;
    this.offered.set(key, (this.offered.get(key) ?? 0) + 1);
    return (wasTaken) => {
      const left = (this.offered.get(key) ?? 1) - 1;
      if (left === 0) this.offered.delete(key);
      else this.offered.set(key, left);
      if (!wasTaken) this.lastFailureAt.set(invoker, this.options.clock.now());
    };
  }

  private isOfThisLife({ invoker, life }: Residency): boolean {
    return life === this.invokers.get(invoker)?.standing.life;
  }

  private takeStanding(record: BusRecord): void {
    if (record.value === null) {
      this.invokers.delete(Number(record.key));
      return;
    }
    const standing = this.options.records.read(standingSchema, record);
    if (standing === undefined || standing.invoker === this.options.invoker) return;
    this.invokers.set(standing.invoker, { standing, heardAt: this.options.clock.now() });
  }

  private takeResidency(record: BusRecord): void {
    const { key } = record;
    if (key === null) return;
    const residency = record.value === null ? undefined : this.options.records.read(residencySchema, record);
    const before = this.containers.get(key);
    if (before !== undefined) for (const actionKey of heldBy(before)) this.forgetHolder(actionKey, key);
    this.containers.delete(key);
    if (residency === undefined || residency.invoker === this.options.invoker) return;
    this.containers.set(key, residency);
    for (const actionKey of heldBy(residency)) {
      const holders = this.holders.get(actionKey);
      if (holders === undefined) this.holders.set(actionKey, new Set([key]));
      else holders.add(key);
    }
  }

  private forgetHolder(actionKey: ActionKey, key: string): void {
    const holders = this.holders.get(actionKey);
    holders?.delete(key);
    if (holders?.size === 0) this.holders.delete(actionKey);
  }
}

/** Its own action finds as many as it says; another's artifacts are there for one call, while nothing runs. */
function freePlacesIn({ idle, ownActionKey, ownSlots }: Residency, actionKey: ActionKey): number {
  const idlePlaces = idle ? 1 : 0;
  return ownActionKey === actionKey ? (ownSlots ?? idlePlaces) : idlePlaces;
}

function heldBy({ ownActionKey, resident }: Residency): ActionKey[] {
  const residents = resident.map(({ actionKey }) => actionKey);
  return ownActionKey === null ? residents : [ownActionKey, ...residents];
}
