// How long an action will be silent after a call, as the planner foretells it and the scheduler reads it. Formulas only.

/** Two arrivals in the same millisecond are taken to be this far apart. */
export const leastGapMs = 1;
/** Share of the gaps of a regular action that have nothing to do with its period: it was called by hand, or has stopped. */
const irregularShare = 0.02;
/** Below this share nothing can be said any more of what comes after so long a silence. */
const leastSurvival = 1e-9;

/** A mixture; weights sum to 1 at most: what is missing was too little to mention. */
export interface GapForecast {
  /** Weight and mean, in ms, of exponential gaps. */
  readonly regimes: readonly (readonly [weight: number, meanGapMs: number])[];
  /** Gaps around a period: logistic, with this standard deviation. */
  readonly regular?: { readonly weight: number; readonly periodMs: number; readonly spreadMs: number } | undefined;
}

/** The logistic distribution of standard deviation σ has the scale σ·√3/π. */
function scaleOf(spreadMs: number): number {
  return (spreadMs * Math.sqrt(3)) / Math.PI;
}

/** Density, per ms, of a gap of a regular action. */
export function gapDensity(periodMs: number, spreadMs: number, gapMs: number): number {
  const scaleMs = scaleOf(spreadMs);
  const falling = Math.exp(-Math.abs(gapMs - periodMs) / scaleMs);
  return ((1 - irregularShare) * falling) / (scaleMs * (1 + falling) ** 2) + (irregularShare * Math.exp(-gapMs / periodMs)) / periodMs;
}

/** Share of the gaps that are longer than `gapMs`, times the sum of the weights. */
export function survivalOf({ regimes, regular }: GapForecast, gapMs: number): number {
  let share = 0;
  for (const [weight, meanGapMs] of regimes) share += weight * Math.exp(-gapMs / meanGapMs);
  if (regular === undefined) return share;
  const { weight, periodMs, spreadMs } = regular;
  const onTime = 1 / (1 + Math.exp((gapMs - periodMs) / scaleOf(spreadMs)));
  return share + weight * ((1 - irregularShare) * onTime + irregularShare * Math.exp(-gapMs / periodMs));
}

/** Density of a gap of this length over the share of the gaps that are longer, per ms: how probable a call is at that moment. */
export function gapHazard(forecast: GapForecast, gap: number): number {
  const gapMs = Math.max(gap, leastGapMs);
  let density = 0;
  for (const [weight, meanGapMs] of forecast.regimes) density += (weight * Math.exp(-gapMs / meanGapMs)) / meanGapMs;
  if (forecast.regular !== undefined) density += forecast.regular.weight * gapDensity(forecast.regular.periodMs, forecast.regular.spreadMs, gapMs);
  // After a silence that nothing foretold, a call as rare as the silence was long.
  return density / Math.max(survivalOf(forecast, gapMs), leastSurvival) || 1 / gapMs;
}

/**
 * P(the next call comes within `horizonMs` | none came for `silenceMs`) = 1 − S(silence + horizon) / S(silence), with S the
 * share of the gaps that are longer.
 *
 * Worked: exponential gaps of 60 s: 1 − e^(−1/6) = 0.154 for the next 10 s, however long the silence. A period of 60 s with a
 * spread of 2 s: 0.002 after 20 s of silence, 0.98 after 55 s. Gaps of 1 s (0.9) and 300 s (0.1): 0.90 at once, 0.03 after 15 s.
 *
 * @param silent S(silence), where it is known already
 */
export function arrivalProbability(forecast: GapForecast, silenceMs: number, horizonMs: number, silent = survivalOf(forecast, silenceMs)): number {
  return silent < leastSurvival ? 0 : Math.min(1, Math.max(0, 1 - survivalOf(forecast, silenceMs + horizonMs) / silent));
}

/**
 * The silence after which a call within `horizonMs` is as probable as that because a period ends; Infinity where it is not before that end.
 * With the logistic survival S(t) = 1 / (1 + e^((t − period) / c)), q = probability / weight and k = e^(horizon / c),
 * 1 − S(t + horizon) / S(t) = q has the solution t = period + c·ln(q / (k·(1 − q) − 1)), where k·(1 − q) > 1.
 *
 * Worked: a period of 10 min with a spread of 5 s, weight 1: a call within a minute has the probability 0.1 from 534 s on.
 */
export function regularlyDueAfterMs({ regular }: GapForecast, probability: number, horizonMs: number): number {
  if (regular === undefined) return Infinity;
  const { weight, periodMs, spreadMs } = regular;
  const share = probability / (weight * (1 - irregularShare));
  const scaleMs = scaleOf(spreadMs);
  const left = 1 - share - Math.exp(-horizonMs / scaleMs);
  if (left <= 0) return Infinity;
  const dueMs = periodMs + scaleMs * Math.log(share / left) - horizonMs;
  // Later than the period itself it is the irregular gaps that count.
  return dueMs > periodMs ? Infinity : Math.max(0, dueMs);
}
