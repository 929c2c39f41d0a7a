// Tells a scheduler of actions and of plans for them: each action once, before anything else about it.
import { bytesPerMegabyte, type ActionCatalog, type ActionDocument, type CatalogAccess } from '../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../common/action-identity.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/logger.ts';
import type { Plan } from '../controller-plugin/protocol.ts';
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

  constructor(options: DeploymentsOptions) {
    this.options = options;
  }

  /** An action was created, updated or is first seen: the scheduler may prepare for it. */
  async deploy(key: ActionKey, access?: CatalogAccess): Promise<ActionDocument | undefined> {
    const { catalog, clock, concurrencyMax, estimate, submit } = this.options;
    const action = await catalog.find(key, access);
    if (action === undefined || this.known.has(action.actionKey)) return action;
    const { actionKey } = action;
    this.known.add(actionKey);
    const { loadMs, residentBytes } = estimate(action);
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
    });
    return action;
  }

  /** What cannot be followed is said once for each version of the action, which is served all the same. */
  private wishesOf({ actionKey, annotations }: ActionDocument): ActionWishes | undefined {
    const { namespace, qualifiedName } = parseActionKey(actionKey);
    const [owner = ''] = qualifiedName.split('/', 1);
    const { wishes, problems } = readWishes(annotations, [owner, namespace], this.options.mayWish ?? nobodyMayWish);
    for (const { annotation, text } of problems) this.options.logger.warn({ actionKey, annotation, reason: text }, 'an annotation of an action is not followed');
    return wishes;
  }

  /** An action that was deleted is new when it comes again. */
  forget(key: ActionKey): void {
    this.known.delete(key);
  }

  async takePlan({ formatVersion: _formatVersion, invokers, ...plan }: Plan): Promise<void> {
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
