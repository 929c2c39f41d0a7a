// One row for each activation of a replay: a line of `output.log`. Live and simulated runs write the same rows.
import type { StartType } from '../../invoker-plugin/core/commands.ts';

export interface ActivationRow {
  readonly activationId: string;
  /** Short action name, such as `resnet50`. */
  readonly action: string;
  /** Milliseconds from the start of the replay to the arrival. */
  readonly arrival: number;
  readonly startType: StartType | 'none';
  /** Arrival to container chosen and ready. */
  readonly waitMs: number;
  /** Initialising the action's code. */
  readonly initMs: number;
  /** Loading libraries and models on the path of the call. */
  readonly loadMs: number;
  /** Running the action, without what of it was loading. */
  readonly runMs: number;
  readonly e2eMs: number;
  /** The model's share of the run, as the action reports it; absent where it does not. */
  readonly inferenceMs?: number | undefined;
  readonly container: string;
  readonly preloaded: boolean;
  /** OpenWhisk's activation status text. */
  readonly status: 'success' | 'application error' | 'action developer error' | 'whisk internal error';
}

/** Startup of an activation in ms: wait + init + load. */
export function startupMsOf(row: ActivationRow): number {
  return row.waitMs + row.initMs + row.loadMs;
}
