// What a running standalone system shows of itself, and what can be asked of it beside OpenWhisk's API. The console and the
// metrics know the system through this alone.
import type { ActionKey } from '../common/action-identity.ts';
import type { MeasuredPlanner } from '../controller-plugin/planner-metrics.ts';
import type { FinishedActivation } from '../invoker-plugin/activation-answers.ts';
import type { SchedulerCommand } from '../invoker-plugin/core/commands.ts';
import type { SchedulerConfig } from '../invoker-plugin/core/config.ts';
import type { SchedulerEvent } from '../invoker-plugin/core/events.ts';
import type { SchedulerState } from '../invoker-plugin/core/state.ts';
import type { MeasuredInvoker } from '../invoker-plugin/metrics.ts';

/** One step of the scheduler. `state` is the live one after the step: to be read at once, never kept or changed. */
export interface SchedulerStep {
  /** Counts from 1 since the start. */
  readonly seq: number;
  readonly event: SchedulerEvent;
  readonly commands: readonly SchedulerCommand[];
  readonly state: Readonly<SchedulerState>;
}

/** An action as a list shows it. */
export interface DeployedAction {
  readonly actionKey: ActionKey;
  /** `namespace[/package]/name`. */
  readonly qualifiedName: string;
  readonly kind: string;
  readonly memoryMegabytes: number;
  /** Whether it declares models or libraries, so that it can be loaded ahead. */
  readonly declaresArtifacts: boolean;
}

/** What came of asking for a load or an off-load: a command to a container, or why there is none. */
export type Asked = { readonly ok: true; readonly containerId: string } | { readonly ok: false; readonly reason: string };

/** Stops the listening it was returned for. */
export type StopListening = () => void;

export interface ObservedSystem {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly schedulerConfig: SchedulerConfig;
  /** The scheduler's state after the last step; empty before the first. Not to be changed. */
  readonly schedulerState: Readonly<SchedulerState>;
  readonly measuredInvoker: MeasuredInvoker;
  /** The Proactive Pre-loader. Its plans are in the actions of the scheduler's state. */
  readonly measuredPlanner: MeasuredPlanner;
  /** Newest versions of all actions, of every namespace. */
  actions(): readonly DeployedAction[];
  /** Calls `listener` after every step of the scheduler. */
  onStep(listener: (step: SchedulerStep) => void): StopListening;
  /** Calls `listener` for every activation that was answered. */
  onFinished(listener: (finished: FinishedActivation) => void): StopListening;
  /** Loads the artifacts of an action into an idle container that has room. */
  load(actionKey: ActionKey): Asked;
  /** Off-loads them from an idle container; they are not loaded ahead again for a minute. */
  offload(containerId: string, actionKey: ActionKey): Asked;
}
