// Tells a scheduler of actions and of plans for them: each action once, before anything else about it.
import { bytesPerMegabyte, type ActionCatalog, type ActionDocument, type CatalogAccess } from '../common/action-document.ts';
import { parseActionKey, unversionedNameOf, type ActionKey } from '../common/action-identity.ts';
import type { BusRecord } from '../common/bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/logger.ts';
import type { RecordReader } from '../common/messages/record-reader.ts';
import { planSchema, type Plan } from '../controller-plugin/protocol.ts';
import { declaresArtifacts } from '../runtime/protocol.ts';
import type { LoadEstimate } from '../common/load-estimate.ts';
import { nobodyMayWish, readWishes, type MayWish } from './action-wishes.ts';
import type { SchedulerEvent } from './core/events.ts';
import type { ActionWishes } from './core/wishes.ts';

export interface DeploymentsOptions {
  readonly catalog: ActionCatalog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absent: nobody may. */
  readonly mayWish: MayWish | undefined;
  /** The invoker that prepares: plans may be for others. */
  readonly invoker: number;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  /** Activations that one container may run at once, whatever an action's own limit says. */
  readonly concurrencyMax: number;
  readonly submit: (event: SchedulerEvent) => void;
}

export class Deployments {
  private readonly options: DeploymentsOptions;
  private readonly known = new Set<ActionKey>();
  /** The version announced last, by its name without the version. */
  private readonly newest = new Map<string, ActionKey>();

  constructor(options: DeploymentsOptions) {
    this.options = options;
  }

  /** An action was created, updated or is first seen: the scheduler may prepare for it. */
  async deploy(key: ActionKey, access?: CatalogAccess): Promise<ActionDocument | undefined> {
    const action = await this.options.catalog.find(key, access);
    if (action !== undefined) this.announce(action);
    return action;
  }

  /** The scheduler knows the action after this. */
  announce(action: ActionDocument): void {
    const { clock, concurrencyMax, estimate, submit } = this.options;
    const { actionKey } = action;
    if (this.known.has(actionKey)) return;
    this.known.add(actionKey);
    this.newest.set(unversionedNameOf(actionKey), actionKey);
    const { loadMs, residentBytes, files = [] } = estimate(action);
    const wishes = this.wishesOf(action);
    const concurrencyLimit = Math.min(action.limits.concurrency, concurrencyMax);
    submit({
      type: 'actionDeployed',
      at: clock.now(),
      actionKey,
      namespace: parseActionKey(actionKey).namespace,
      memoryLimitBytes: action.limits.memoryMegabytes * bytesPerMegabyte,
      declaresArtifacts: declaresArtifacts(action.annotations['preload']),
      estimatedLoadMs: loadMs,
      estimatedResidentBytes: residentBytes,
      ...(wishes === undefined ? {} : { wishes }),
      ...(concurrencyLimit > 1 ? { concurrencyLimit } : {}),
      ...(files.length > 0 ? { files } : {}),
    });
  }

  /** What cannot be followed is said once for each version of the action, which is served all the same. */
  private wishesOf({ actionKey, annotations }: ActionDocument): ActionWishes | undefined {
    const { namespace, qualifiedName } = parseActionKey(actionKey);
    const [owner = ''] = qualifiedName.split('/', 1);
    const { wishes, problems } = readWishes(annotations, [owner, namespace], this.options.mayWish ?? nobodyMayWish);
    for (const { annotation, text } of problems) this.options.logger.warn({ actionKey, annotation, reason: text }, 'an annotation of an action is not followed');
    return wishes;
  }

  /** The newest version of an action is gone: what is resident of it goes, and it is new when it comes again. */
  remove(key: ActionKey): void {
    this.options.submit({ type: 'actionRemoved', at: this.options.clock.now(), actionKey: key });
    this.known.delete(key);
    const name = unversionedNameOf(key);
    if (this.newest.get(name) === key) this.newest.delete(name);
  }

  /**
   * The planner has withdrawn the plan: the action was deleted, or is one of too many. A version that has a successor here has
   * given way to it already, and late calls of it may still come.
   */
  withdrawPlan(key: ActionKey): void {
    if (this.newest.get(unversionedNameOf(key)) === key) this.remove(key);
  }

  /** A record of the plans' topic; one without a value withdraws the plan. */
  async takePlanRecord(record: BusRecord, records: RecordReader): Promise<void> {
    if (record.value === null) {
      if (record.key !== null) this.withdrawPlan(record.key);
      return;
    }
    const plan = records.read(planSchema, record);
    if (plan !== undefined) await this.takePlan(plan);
  }

  private async takePlan({ formatVersion: _formatVersion, invokers, ...plan }: Plan): Promise<void> {
    const { clock, invoker, submit } = this.options;
    if (invokers !== undefined && !invokers.includes(invoker)) {
      // Others prepare for it; what this one expects of it are the calls that it sees come here all the same.
      if (this.known.has(plan.actionKey)) submit({ type: 'planReceived', at: clock.now(), ...plan, prewarmWindowMs: undefined, elsewhere: true });
      return;
    }
    // A plan may be the first this invoker hears of an action: one that was deployed and never called.
    if (!this.known.has(plan.actionKey) && (await this.deploy(plan.actionKey))?.actionKey !== plan.actionKey) return;
    submit({ type: 'planReceived', at: clock.now(), ...plan });
  }
}
