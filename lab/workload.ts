// What a comparison replays: functions with their costs, and their calls in order of time, the same for every policy.
import type { ActionKey } from '../common/action-identity.ts';
import type { ActionWishes } from '../invoker-plugin/core/wishes.ts';
import type { ActionCosts } from './simulation/costs.ts';

export interface LabFunction {
  readonly actionKey: ActionKey;
  readonly namespace: string;
  readonly memoryLimitBytes: number;
  /**
   * Activations of it that one container may run at once; 1 where it is not given. They do not slow each other down, and measures of
   * memory count each of them as a container's.
   */
  readonly concurrencyLimit?: number | undefined;
  readonly costs: ActionCosts;
  /** Lengths of runs where an arrival has none of its own: taken in turn. */
  readonly runSamplesMs: readonly number[];
  /** What its action asks of the scheduler; policies that know nothing of it go on without. */
  readonly wishes?: ActionWishes | undefined;
}

export interface LabArrival {
  /** Milliseconds from the beginning of the replay. */
  readonly atMs: number;
  /** Index into the functions. */
  readonly functionIndex: number;
  /** Length of its run with everything in place; absent where the trace does not say. */
  readonly runMs: number | undefined;
}

export interface Workload {
  readonly functions: readonly LabFunction[];
  /** Length of the trace in ms; memory is counted for at least that long. */
  readonly durationMs: number;
  /** In order of time; may be asked for as often as needed, and gives the same each time; of all functions, or of those that are asked for by their index. */
  readonly arrivals: (isAskedFor?: (functionIndex: number) => boolean) => Iterable<LabArrival>;
}
