// What the lab calls a policy: whatever takes the scheduler's events and answers with its commands. Ours is the very core that
// runs live; the rivals speak the same language, so one simulation carries all of them out and one meter measures them.
import type { ActionKey } from '../../common/action-identity.ts';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';

export interface PolicyStep {
  /** To be carried out in this order. */
  readonly commands: readonly SchedulerCommand[];
  /** Earliest time at which a `ticked` event is needed; late and superfluous ones do no harm. */
  readonly wakeAt: number | undefined;
}

/** One policy at work on one invoker. */
export interface Policy {
  step(event: SchedulerEvent): PolicyStep;
}

/** Settings of our scheduler that a comparison may vary. */
export type Weighing = Partial<Pick<SchedulerConfig, 'readAheadBytesPerSecond' | 'memoryPriceMsPerGibSecond'>>;

/** What every policy is told of the invoker it decides for. */
export interface PolicyInput {
  readonly poolMemoryBytes: number;
  /** Memory limit of the actions' containers, and so of stem cells. */
  readonly containerMemoryBytes: number;
  /** Keep-alive of every policy that has a fixed one; undefined leaves each at its own, as published. */
  readonly keepAliveMs: number | undefined;
  /** Share of a container that loads ahead leave free. */
  readonly headroomShare: number;
  /** What our scheduler weighs otherwise than usual. */
  readonly weighing?: Weighing | undefined;
  /** Seed of what a policy draws. */
  readonly seed: number;
  /** Simulated time at which the replay begins; what comes before is the deployment. */
  readonly replayStartsAt: number;
  /** Times of the calls of an action from then on, in order: for policies that are allowed to look ahead. */
  readonly arrivalsOf: (actionKey: ActionKey) => readonly number[];
}

export interface PolicyDefinition {
  /** What `--policies` calls it. */
  readonly name: string;
  readonly title: string;
  /** Where it is described. */
  readonly source: string;
  /** Whether it may use {@link PolicyInput.arrivalsOf}. */
  readonly looksAhead: boolean;
  readonly create: (input: PolicyInput) => Policy;
}
