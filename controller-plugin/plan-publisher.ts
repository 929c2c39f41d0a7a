// Publishes plans: at once when an action's last one is long enough ago, else when it is. An action that is called a
// hundred times a second gets ten plans a second, not a hundred.
import type { ActionKey } from '../common/action-identity.ts';
import type { Bus } from '../common/bus/bus.ts';
import type { CancelTimer, Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { encode } from '../common/messages/codec.ts';
import type { ActionPlan } from './core/plan.ts';
import { planTopic, type Plan } from './protocol.ts';

export interface PlanPublisherOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The plan as things stand; undefined for an action that is not known any more: its record is deleted. */
  readonly planOf: (actionKey: ActionKey) => ActionPlan | undefined;
  /** Least time between two plans of one action. */
  readonly intervalMs: number;
}

/** Plans under way at once. */
const batchSize = 64;

export class PlanPublisher {
  private readonly options: PlanPublisherOptions;
  /** Actions whose plan is to be made anew, in the order in which they asked, and when it may go out. */
  private readonly due = new Map<ActionKey, number>();
  private readonly lastAt = new Map<ActionKey, number>();
  private cancelTimer: CancelTimer | undefined;
  private publishing: Promise<void> | undefined;
  private stopped = false;
  /** Plans published since the start. */
  published = 0;

  constructor(options: PlanPublisherOptions) {
    this.options = options;
  }

  /** What is known of the action has changed. */
  touch(actionKey: ActionKey): void {
    if (this.due.has(actionKey)) return;
    this.due.set(actionKey, (this.lastAt.get(actionKey) ?? -Infinity) + this.options.intervalMs);
    this.run();
  }

  /** Plans that wait to go out. */
  get waiting(): number {
    return this.due.size;
  }

  /** Publishes what is due, in its order, and waits for it. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer?.();
    await this.publishing;
    await this.publishDue(Infinity);
  }

  private run(): void {
    if (this.stopped) return;
    this.publishing ??= this.publishDue(this.options.clock.now()).finally(() => {
      this.publishing = undefined;
      this.arm();
    });
  }

  /** Wakes up when the next one may go out. */
  private arm(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    if (this.stopped || this.due.size === 0) return;
    let next = Infinity;
    for (const at of this.due.values()) next = Math.min(next, at);
    this.cancelTimer = this.options.clock.setTimer(next, () => {
      this.run();
    });
  }

  private async publishDue(now: number): Promise<void> {
    // Plans asked for in this turn go out together.
    await Promise.resolve();
    for (;;) {
      const keys: ActionKey[] = [];
      for (const [key, at] of this.due) {
        if (at <= now && keys.push(key) === batchSize) break;
      }
      if (keys.length === 0) break;
      await Promise.all(keys.map((key) => this.publish(key)));
    }
    // What was published longer ago than the interval holds nobody up.
    for (const [key, at] of this.lastAt) if (at + this.options.intervalMs <= now) this.lastAt.delete(key);
  }

  private async publish(actionKey: ActionKey): Promise<void> {
    const { bus, clock, logger, planOf } = this.options;
    this.due.delete(actionKey);
    this.lastAt.set(actionKey, clock.now());
    const actionPlan = planOf(actionKey);
    try {
      const plan: Plan | undefined = actionPlan === undefined ? undefined : { formatVersion: 1, ...actionPlan };
      await bus.publish(planTopic, plan === undefined ? null : encode(plan), actionKey);
      this.published += 1;
    } catch (error) {
      logger.warn({ actionKey, reason: describeError(error) }, 'a plan could not be published; the next arrival makes another');
      // No arrival follows the end of a plan.
      if (actionPlan === undefined && !this.stopped) this.touch(actionKey);
    }
  }
}
