// From an action's history to what the schedulers are told of it.
import { bytesPerMegabyte } from '../../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../../common/action-identity.ts';
import type { FollowForecast } from '../../common/follow-forecast.ts';
import type { GapForecast } from '../../common/gap-forecast.ts';
import type { PreloaderConfig } from './config.ts';
import { forecastOf, modelOf } from './gap-model.ts';
import { windowsFromHistogram } from './histogram.ts';
import { busyBytesOf, type PlacementDemand } from './placement.ts';
import { estimateRate } from './rate.ts';
import type { ArrivalHistory } from './state.ts';
import { arrivalQuantileMs } from './windows.ts';

/** Gaps before a rate is trusted to say when artifacts may go; before, the scheduler's default stands. */
const leastGapsForOffload = 5;

/** The plan as it is published (controller-plugin/protocol.ts), without the format version. */
export interface ActionPlan {
  readonly actionKey: ActionKey;
  readonly arrivalRatePerMs: number;
  readonly sampleCount: number;
  readonly lastArrivalAt: number;
  readonly preloadWindowMs?: number;
  readonly offloadWindowMs?: number;
  readonly prewarmWindowMs?: number;
  readonly keepAliveWindowMs?: number;
  /** How long it will be silent after `lastArrivalAt`; from two arrivals on. */
  readonly gaps?: GapForecast;
  /** Calls of other actions, later than `lastArrivalAt`, that its next one tends to follow. */
  readonly follows?: readonly FollowForecast[];
  /** Ids of the invokers that should prepare for it; absent: all of them. */
  readonly invokers?: readonly number[];
}

/** OpenWhisk's default memory limit, until the action's own is known. */
const assumedMemoryMegabytes = 256;
/** Until the first activation was measured. */
const assumedDurationMs = 1000;
/** An invoker that gets a smaller share of the calls got them by chance or long ago. */
const notableShare = 0.1;

/**
 * Before the first arrival: rate 0, no window but a pre-load window of 0, that is: load once, when memory allows. After one
 * arrival the same, since one arrival has no rate. From two on λ and T1; from five gaps on T2, or the tail of the histogram
 * where that is later: arrivals in bursts have long gaps that no Poisson process of their rate would have.
 */
export function planFor(actionKey: ActionKey, history: ArrivalHistory, config: PreloaderConfig): ActionPlan {
  const { ratePerMs, gapCount } = estimateRate(history.gapsMs);
  const lastArrivalAt = history.lastArrivalAt ?? history.deployedAt;
  const sampleCount = history.lastArrivalAt === undefined ? 0 : gapCount + 1;
  if (gapCount === 0) return { actionKey, arrivalRatePerMs: 0, sampleCount, lastArrivalAt, preloadWindowMs: 0 };
  const gaps = forecastOf((history.gapModel ??= modelOf(history.gapsMs)));
  const containers = windowsFromHistogram(history.histogram);
  const offloadWindowMs = Math.max(arrivalQuantileMs(config.offloadProbability, ratePerMs), containers?.tailMs ?? 0);
  return {
    actionKey,
    arrivalRatePerMs: ratePerMs,
    sampleCount,
    lastArrivalAt,
    preloadWindowMs: arrivalQuantileMs(config.loadProbability, ratePerMs),
    ...(gaps === undefined ? {} : { gaps }),
    ...(gapCount >= leastGapsForOffload ? { offloadWindowMs } : {}),
    ...(config.planContainerWindows && containers !== undefined
      ? {
          keepAliveWindowMs: containers.keepAliveWindowMs,
          ...(containers.prewarmWindowMs === undefined ? {} : { prewarmWindowMs: containers.prewarmWindowMs }),
        }
      : {}),
  };
}

/** What the placement has to provide for. */
export function demandOf(actionKey: ActionKey, history: ArrivalHistory, arrivalRatePerMs: number): PlacementDemand {
  const { qualifiedName, namespace } = parseActionKey(actionKey);
  const { invokers, times, memoryMegabytes } = history;
  const durationMs = times.count === 0 ? assumedDurationMs : times.durationMs;
  return {
    qualifiedName,
    caller: namespace,
    busyBytes: busyBytesOf(arrivalRatePerMs, durationMs, (memoryMegabytes ?? assumedMemoryMegabytes) * bytesPerMegabyte),
    seenAt: [...invokers].filter(([, share]) => share >= notableShare).map(([invoker]) => invoker),
  };
}
