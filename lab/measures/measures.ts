// What one run under one policy is measured by. Formulas only; run-meter.ts counts.
import type { StartType } from '../../invoker-plugin/core/commands.ts';
import type { RegularityClass } from '../traces/regularity.ts';

export interface Measures {
  readonly activations: number;
  readonly failed: number;
  readonly byStartType: Readonly<Record<StartType, number>>;
  /** Share of the successful activations that found their artifacts: warm or preloaded. */
  readonly hitShare: number;
  /** The same for the functions of each class of regularity; undefined where there is none. */
  readonly hitShareByRegularity: Readonly<Partial<Record<RegularityClass, number>>>;
  /** Startup (wait + init + load) of the successful activations, in ms. */
  readonly startupMeanMs: number;
  readonly startupP50Ms: number;
  readonly startupP90Ms: number;
  readonly startupP99Ms: number;
  /** 1 − loading on the path of calls / what it would have been had every call loaded. */
  readonly loadRemovedShare: number;
  /** Σ lifetime × memory limit of containers during the replay, in GiB·s; and the part of it in which nothing ran. */
  readonly memoryGibSeconds: number;
  readonly wastedGibSeconds: number;
  /** Loads ahead of calls that were begun, for each activation. */
  readonly loadsPerActivation: number;
  readonly containersCreated: number;
  /** Containers and artifacts that went to make room for others. */
  readonly evictions: number;
  /** Score of the cloud-native contest's Scaler task, 0 to 100. */
  readonly scalerScore: number;
  /** Share of the startup that could be avoided and was not; see {@link regretOf}. */
  readonly regret: number;
}

/**
 * The contest's score: 50·(Σ run GB·s / Σ container GB·s + Σ run / (Σ startup + Σ run)), and 0 where fewer than 99.95 % of the
 * calls succeeded. Source: the task's description (Aliyun "Scaler", 2023). Worked: containers busy half of their lives and
 * startups as long as the runs: 50·(0.5 + 0.5) = 50.
 */
export function scalerScoreOf(input: { runGibSeconds: number; heldGibSeconds: number; runMs: number; startupMs: number; succeededShare: number }): number {
  const { runGibSeconds, heldGibSeconds, runMs, startupMs, succeededShare } = input;
  if (succeededShare < 0.9995 || heldGibSeconds === 0 || runMs === 0) return 0;
  return 50 * (runGibSeconds / heldGibSeconds + runMs / (startupMs + runMs));
}

/**
 * Of the startup that no policy has to have, the share that this one had: (startup − floor) / (all cold − floor). 0: as good as
 * any policy can be that knows the future; 1: every call started cold. Worked: mean 300 ms, floor 10, all cold 3010: 0.097.
 */
export function regretOf(input: { startupMs: number; floorMs: number; allColdMs: number }): number {
  const { startupMs, floorMs, allColdMs } = input;
  return allColdMs <= floorMs ? 0 : (startupMs - floorMs) / (allColdMs - floorMs);
}
