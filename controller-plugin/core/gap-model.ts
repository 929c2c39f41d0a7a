// How long an action will be silent: four models of its gaps compete, each weighted by how well it foretold the past ones.
import type { GapForecast } from '../../common/gap-forecast.ts';
import { gapDensity, leastGapMs } from '../../common/gap-forecast.ts';
import { noteCall, noTimetable, timetableSpreadMs, type Timetable } from './timetable-model.ts';

/** Mean gaps of the regimes that an action may be in: each three times the one before, from 30 ms to 4.4 h. */
const regimeMeansMs: readonly number[] = Array.from({ length: 13 }, (_, index) => 30 * 3 ** index);
/** Chance that the regime changes from one gap to the next, for the model in which it stays. */
const changeShare = 0.1;
/** The long-run shares of the regimes look back on this many gaps; before the first gap they are even, which counts for two. */
const longRunGaps = 64;
const priorGaps = 2;
/** A period and its spread look back on this many gaps, and say something from the third on. */
const periodGaps = 12;
const leastPeriodGaps = 2;
/** No spread is believed that is smaller than this share of the period, or than this. */
const leastSpreadShare = 0.02;
const leastSpreadMs = 20;
/** How well a model has foretold fades by this factor with each gap: the last twenty count most. */
const memory = 0.95;
/** Log of what gaps around a period are thought less likely by, before any gap. */
const periodPrior = -1;
/** Smaller parts are left out of a forecast. */
const leastWeight = 0.01;
const leastDensity = 1e-300;

/** What is kept of an action's gaps: a few hundred bytes. Follows from the gaps, so it is never written down. */
export interface GapModel {
  count: number;
  /** Shares of the regimes for the next gap, if the regime tends to stay; and in the long run. */
  staying: number[];
  longRun: number[];
  /** Of the last gaps, moved. */
  periodMs: number;
  varianceMs2: number;
  timetable: Timetable;
  /** Faded log-likelihoods of the past gaps: regime stays, long run, period, timetable. */
  scores: [staying: number, longRun: number, period: number, timetable: number];
}

export function noGaps(): GapModel {
  const even = new Array<number>(regimeMeansMs.length).fill(1 / regimeMeansMs.length);
  return { count: 0, staying: [...even], longRun: even, periodMs: 0, varianceMs2: 0, timetable: noTimetable(), scores: [0, 0, periodPrior, 0] };
}

/** The model of these gaps, oldest first. */
export function modelOf(gapsMs: readonly number[]): GapModel {
  const model = noGaps();
  for (const gapMs of gapsMs) noteGap(model, gapMs);
  return model;
}

/**
 * Takes one more gap Δ in: each model is scored by ln of the density it gave to Δ, then learns from it.
 *
 * Regimes are exponential with means m_j; both models of them have the density Σ w_j·e^(−Δ/m_j)/m_j and learn by Bayes' rule,
 * w_j ← w_j·e^(−Δ/m_j)/m_j / Σ. In one, the regime stays but for one gap in ten (the forward step of a hidden Markov model,
 * Rabiner 1989): it is in a burst with the first short gaps, and out of it with the first long one. In the other each gap draws
 * its regime anew (a hyperexponential, learnt by stochastic expectation-maximisation, Cappé and Moulines 2009): bursts with
 * pauses between them. The third is a period with a spread, for what is called again so long after its last call; the fourth a timetable,
 * for timers that come when they are due whether or not the last call was late. Of these two the one that foretells better speaks for both.
 *
 * Worked: gaps of 1 s, 40 of them, then 60 s: the staying model goes from a mean of 1.1 s to one of about a minute, the long
 * run keeps nine tenths of its weight at about a second.
 */
export function noteGap(model: GapModel, gap: number): void {
  const gapMs = Math.max(gap, leastGapMs);
  const { staying, longRun, scores } = model;
  const densities = regimeMeansMs.map((meanMs) => Math.exp(-gapMs / meanMs) / meanMs);
  let stayingDensity = leastDensity;
  let longRunDensity = leastDensity;
  for (const [regime, density] of densities.entries()) {
    stayingDensity += (staying[regime] ?? 0) * density;
    longRunDensity += (longRun[regime] ?? 0) * density;
  }
  if (model.count >= leastPeriodGaps) {
    scores[0] = memory * scores[0] + Math.log(stayingDensity);
    scores[1] = memory * scores[1] + Math.log(longRunDensity);
    scores[2] = memory * scores[2] + Math.log(leastDensity + gapDensity(model.periodMs, spreadOf(model), gapMs));
    scores[3] = memory * scores[3] + Math.log(leastDensity + gapDensity(model.timetable.nextDueMs, timetableSpreadOf(model), gapMs));
  }
  const newest = 1 / Math.min(model.count + 1 + priorGaps, longRunGaps);
  for (const [regime, density] of densities.entries()) {
    const [stays, isLongRun] = [staying[regime] ?? 0, longRun[regime] ?? 0];
    const inLongRun = isLongRun + newest * ((isLongRun * density) / longRunDensity - isLongRun);
    longRun[regime] = inLongRun;
    staying[regime] = ((1 - changeShare) * stays * density) / stayingDensity + changeShare * inLongRun;
  }
  const share = 1 / Math.min(model.count + 1, periodGaps);
  const offMs = gapMs - model.periodMs;
  model.periodMs += share * offMs;
  model.varianceMs2 = (1 - share) * (model.varianceMs2 + share * offMs * offMs);
  noteCall(model.timetable, gapMs);
  model.count += 1;
}

/** The spread of the next gap around the period: wider than that of the past ones where these are few, √(1 + 3/n). */
function spreadOf({ periodMs, varianceMs2, count }: GapModel): number {
  const known = Math.max(1, Math.min(count, periodGaps));
  return Math.max(Math.sqrt(varianceMs2 * (1 + 3 / known)), leastSpreadShare * periodMs, leastSpreadMs);
}

function timetableSpreadOf({ timetable }: GapModel): number {
  return Math.max(timetableSpreadMs(timetable), leastSpreadShare * timetable.periodMs, leastSpreadMs);
}

/** What the models foretell of the next gap, each with its weight e^score / Σ e^score; undefined before the first gap. */
export function forecastOf(model: GapModel): GapForecast | undefined {
  if (model.count === 0) return undefined;
  const best = Math.max(...model.scores);
  const [staying, longRun, period, timetable] = model.scores.map((score) => Math.exp(score - best)) as [number, number, number, number];
  const isRegularKnown = model.count > leastPeriodGaps;
  const regular = isRegularKnown ? period + timetable : 0;
  const sum = staying + longRun + regular;
  const regimes: (readonly [number, number])[] = [];
  for (const [regime, meanGapMs] of regimeMeansMs.entries()) {
    const weight = (staying * (model.staying[regime] ?? 0) + longRun * (model.longRun[regime] ?? 0)) / sum;
    if (weight >= leastWeight) regimes.push([weight, meanGapMs]);
  }
  if (regular / sum < leastWeight) return { regimes };
  const weight = regular / sum;
  if (period >= timetable) return { regimes, regular: { weight, periodMs: model.periodMs, spreadMs: spreadOf(model) } };
  return { regimes, regular: { weight, periodMs: model.timetable.nextDueMs, spreadMs: timetableSpreadOf(model) } };
}
