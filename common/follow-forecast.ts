// How soon an action's call follows another action's, as the planner foretells it and the scheduler reads it. Formulas only.
import type { ActionKey } from './action-identity.ts';

/** A call of another action that this one's calls tend to follow. Delays are log-logistic. */
export interface FollowForecast {
  /** The action that was called. */
  readonly actionKey: ActionKey;
  /** When, in epoch ms. */
  readonly at: number;
  /** That a call of this action follows, ever. */
  readonly probability: number;
  readonly medianDelayMs: number;
  /** Standard deviation of the delay's natural logarithm. */
  readonly spread: number;
}

/** Two calls in the same millisecond are taken to be this far apart. */
const leastDelayMs = 1;

/** e^((ln delay − ln median) / s), where the logistic distribution of standard deviation σ has the scale s = σ·√3/π. */
function oddsOf(medianDelayMs: number, spread: number, delayMs: number): number {
  return Math.exp(((Math.log(delayMs) - Math.log(medianDelayMs)) * Math.PI) / (spread * Math.sqrt(3)));
}

/** Share of the delays that are no longer than this one. Worked: half at the median; 0.86 at e times the median for a spread of 1. */
export function delayShare(medianDelayMs: number, spread: number, delayMs: number): number {
  if (delayMs <= 0) return 0;
  return 1 - 1 / (1 + oddsOf(medianDelayMs, spread, delayMs));
}

/** Density, per ms, of a delay. */
export function delayDensity(medianDelayMs: number, spread: number, delay: number): number {
  const delayMs = Math.max(delay, leastDelayMs);
  const share = delayShare(medianDelayMs, spread, delayMs);
  return (share * (1 - share) * Math.PI) / (spread * Math.sqrt(3) * delayMs);
}

/**
 * P(this action's call follows within `horizonMs` | it has not followed until `now`) =
 * p·(G(x + horizon) − G(x)) / (1 − p·G(x)), with x the time since the other's call and G the share of the delays up to then.
 *
 * Worked: p = 0.8, a median of 2 s, a spread of 0.5: 0.80 for the 10 s after the other's call; 0.01 ten seconds later.
 */
export function followProbability({ at, probability, medianDelayMs, spread }: FollowForecast, now: number, horizonMs: number): number {
  const before = delayShare(medianDelayMs, spread, now - at);
  const after = delayShare(medianDelayMs, spread, now - at + horizonMs);
  return Math.max(0, (probability * (after - before)) / Math.max(1 - probability * before, Number.EPSILON));
}
