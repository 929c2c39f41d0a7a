// What a place for an action is worth, in expected saved milliseconds. A place is a container in which the next call
// would find the artifacts. Formulas only; who gets a place is decided elsewhere.
import type { ActionKey } from '../../common/action-identity.ts';
import { followProbability, type FollowForecast } from '../../common/follow-forecast.ts';
import { arrivalProbability, regularlyDueAfterMs, survivalOf } from '../../common/gap-forecast.ts';
import { busyPlacesOf, freePlacesOf, type Action } from './action.ts';
import type { SchedulerConfig } from './config.ts';
import { aheadLoadMsOf, busyWindowMsOf, runMsOf, savedMsOf } from './learn.ts';
import type { SchedulerState } from './state.ts';

/** Arrivals the in-core estimate of the rate looks back on, and how many it needs before it says anything. */
export const recentArrivalCount = 8;
const leastArrivalsForRate = 3;
/** −ln(1 − 0.94): a Poisson process of rate λ is silent for longer than this many mean gaps in 6 % of its gaps. */
const silentGaps = 2.813;
/** −ln(1 − 0.06): share of the mean gap after an arrival before which the next is unlikely (6 %). */
const unlikelyGapShare = 0.0619;
/** Chance that an action will be called within the horizon, while nothing but its deployment or a single arrival is known of it. */
const assumedProbability = 0.3;
/** A load ahead of time costs processor time; it has to be expected to save at least this share of what it takes. */
export const loadCostShare = 0.05;
/** And at least this much, whatever it costs. */
export const leastSavedMs = 1;
/** "Soon", as a share of the horizon: 10 s of a minute. And the weight of the whole horizon beside it. */
const contestShare = 1 / 6;
const wholeHorizonShare = 0.15;
/** Horizons for which an action's probability is kept during one step. */
const mostForetold = 4;
/**
 * Off-load window of an action without a planned one, where keep-alive is shorter: an artifact is cheaper to keep than a
 * container. OpenWhisk's own keep-alive. The value falls with the silence all the while.
 */
const unplannedOffloadWindowMs = 600_000;
/** An action whose off-load window is over stays resident this long where nobody needs the room. */
const expiredRetentionMs = 600_000;

/** Rate of the last few arrivals, counted up to now, so that it falls while nothing arrives; per ms, 0 before three. */
function burstRatePerMs(action: Action, now: number): number {
  const first = action.recentArrivals[0];
  if (first === undefined || action.recentArrivals.length < leastArrivalsForRate) return 0;
  const gaps = action.recentArrivals.length - 1;
  return gaps / Math.max(now - first, gaps);
}

const noCalls: readonly FollowForecast[] = [];

/** Calls of other actions that the action's next one may follow, where calls of it come here. */
function followedBy(action: Action): readonly FollowForecast[] {
  const { plan, lastArrivalAt } = action;
  if (plan?.follows === undefined || plan.elsewhere === true) return noCalls;
  return plan.follows.filter(({ at }) => at > (lastArrivalAt ?? 0));
}

/** When the off-load window of the action ends; it starts at its last arrival, at its deployment or at a call that it may follow, whichever is latest. */
export function offloadDueAt(action: Action, config: SchedulerConfig): number {
  let from = Math.max(action.lastArrivalAt ?? 0, action.deployedAt);
  for (const { at } of followedBy(action)) from = Math.max(from, at);
  return from + (action.plan?.offloadWindowMs ?? Math.max(config.keepAliveMs, unplannedOffloadWindowMs));
}

/** When what is resident of the action goes even if nobody needs the room. */
export function expiresAt(action: Action, config: SchedulerConfig): number {
  return offloadDueAt(action, config) + expiredRetentionMs;
}

/**
 * λ, per ms: the larger of the plan's rate and that of the burst the action is in, as far as the silence since the last
 * arrival lets it: at most the rate at which such a silence is a 6 % event (a burst that is over stops counting, without
 * a threshold at which two artifacts could take turns). 0 once the off-load window is over.
 *
 * Worked: a plan of 1 per 4 s and 60 s of silence: min(0.25, 2.813 / 60) = 0.047 per s.
 */
export function arrivalRatePerMs(action: Action, now: number, config: SchedulerConfig): number {
  if (action.lastArrivalAt === undefined || now > offloadDueAt(action, config)) return 0;
  const planned = action.plan?.elsewhere === true ? 0 : (action.plan?.arrivalRatePerMs ?? 0);
  const rate = Math.max(planned, burstRatePerMs(action, now));
  return Math.min(rate, silentGaps / Math.max(now - action.lastArrivalAt, 1));
}

/** Deployed lately and not called since, or called once or twice: too little is known for a rate. */
function isYoung(action: Action, now: number, config: SchedulerConfig): boolean {
  if (now > offloadDueAt(action, config) || action.plan?.elsewhere === true) return false;
  if (action.lastArrivalAt === undefined || action.lastArrivalAt < action.deployedAt) return true;
  return action.recentArrivals.length < leastArrivalsForRate && (action.plan?.arrivalRatePerMs ?? 0) === 0;
}

/**
 * P(N ≥ k) for N Poisson with the given mean. Summed in log space: no factorial, nothing overflows.
 * Worked: k = 2, mean 0.2: 1 − e^−0.2·(1 + 0.2) = 0.0175.
 */
export function poissonTail(k: number, mean: number): number {
  if (k <= 0) return 1;
  if (mean <= 0) return 0;
  let logTerm = -mean;
  let below = Math.exp(logTerm);
  for (let i = 1; i < k; i += 1) {
    logTerm += Math.log(mean / i);
    below += Math.exp(logTerm);
  }
  return Math.max(0, 1 - below);
}

/**
 * The call of another action that makes a call of this one most probable within the horizon. Of several only that one counts:
 * those of a chain are mostly followed by the same call.
 */
function likeliestFollowed(action: Action, now: number, horizonMs: number): { readonly actionKey: ActionKey; readonly probability: number } | undefined {
  let likeliest: { readonly actionKey: ActionKey; readonly probability: number } | undefined;
  for (const followed of followedBy(action)) {
    const probability = followProbability(followed, now, horizonMs);
    if (probability > (likeliest?.probability ?? 0)) likeliest = { actionKey: followed.actionKey, probability };
  }
  return likeliest;
}

/** The action whose call makes one of this action within the horizon more probable than the silence since its last one does. */
export function predecessorOf(action: Action, now: number, config: SchedulerConfig): ActionKey | undefined {
  const { plan, lastArrivalAt } = action;
  const likeliest = likeliestFollowed(action, now, config.valueHorizonMs);
  if (likeliest === undefined) return undefined;
  const bySilence = plan?.gaps === undefined || lastArrivalAt === undefined ? 0 : arrivalProbability(plan.gaps, now - lastArrivalAt, config.valueHorizonMs);
  return likeliest.probability > bySilence ? likeliest.actionKey : undefined;
}

/**
 * P(called within the horizon | silent since the last call), where the plan foretells the gaps of calls that come here: by the
 * gaps, or because another action was called that it tends to follow.
 */
function foretoldProbability(action: Action, now: number, horizonMs: number): number | undefined {
  const { plan, lastArrivalAt } = action;
  if (plan?.gaps === undefined || plan.elsewhere === true || lastArrivalAt === undefined) return undefined;
  // One step asks the same of an action for every container that is compared.
  let known = action.foretold;
  if (known?.gaps !== plan.gaps || known.at !== now || known.lastArrivalAt !== lastArrivalAt) {
    known = { gaps: plan.gaps, at: now, lastArrivalAt, silent: survivalOf(plan.gaps, now - lastArrivalAt), byHorizon: [] };
    action.foretold = known;
  }
  for (const [knownHorizonMs, probability] of known.byHorizon) if (knownHorizonMs === horizonMs) return probability;
  const bySilence = arrivalProbability(plan.gaps, now - lastArrivalAt, horizonMs, known.silent);
  const probability = 1 - (1 - bySilence) * (1 - (likeliestFollowed(action, now, horizonMs)?.probability ?? 0));
  if (known.byHorizon.length < mostForetold) known.byHorizon.push([horizonMs, probability]);
  return probability;
}

/**
 * Probability that one more free place, beside `freePlaces` others, is used within the horizon.
 *
 * In the long run (Poisson arrivals see time averages) an arrival needs the k-th place when at least k − 1 others came
 * within the busy window W before it, so the k-th place is used at the rate λ·P(N_W ≥ k − 1), and for k = 1 at λ:
 * 1 − e^(−λ·horizon). Worked: λ = 1/s, W = 200 ms, horizon 10 s: first place 1.00, second 1 − e^(−10·0.181) = 0.84, third
 * 1 − e^(−10·0.0175) = 0.16. And right now, while some places are in busy containers, it is used if freePlaces + 1 more
 * arrive before one of those is back: P(N_W ≥ freePlaces + 1). The larger of the two counts. A place of an action that may run
 * c calls in one container takes c of them.
 *
 * Where the plan foretells the gaps, that says how probable the first place's use is, given the silence so far: near nothing
 * just after the call of a timer, near one when the next is due or when another action was called that it follows. No further
 * place is used more than the first.
 */
export function useProbability(action: Action, freePlaces: number, now: number, horizonMs: number, config: SchedulerConfig): number {
  if (action.superseded) return 0;
  const rate = arrivalRatePerMs(action, now, config);
  const busyPlaces = busyPlacesOf(action);
  const places = freePlaces + busyPlaces;
  const assumed = places === 0 && isYoung(action, now, config) ? 1 - (1 - assumedProbability) ** (horizonMs / config.valueHorizonMs) : 0;
  if (rate === 0) return assumed;
  const arrivalsWhileBusy = rate * busyWindowMsOf(action);
  const steadyRate = places === 0 ? rate : rate * poissonTail(places * action.concurrencyLimit, arrivalsWhileBusy);
  const byRate = 1 - Math.exp(-steadyRate * horizonMs);
  const byForecast = foretoldProbability(action, now, horizonMs) ?? byRate;
  const steady = Math.max(assumed, places === 0 ? byForecast : Math.min(byRate, byForecast));
  if (busyPlaces === 0) return steady;
  return Math.max(steady, poissonTail(freePlaces * action.concurrencyLimit + 1, Math.min(arrivalsWhileBusy, rate * horizonMs)));
}

/**
 * The probability by which places are held against each other: mostly that of being used soon, because a place can be given
 * to something else within seconds. Over the whole horizon everything that is called every few seconds would be worth the
 * same; over the short one alone everything that is not due yet would be worth nothing.
 */
export function contestProbability(action: Action, freePlaces: number, now: number, config: SchedulerConfig): number {
  const soon = useProbability(action, freePlaces, now, config.valueHorizonMs * contestShare, config);
  return (1 - wholeHorizonShare) * soon + wholeHorizonShare * useProbability(action, freePlaces, now, config.valueHorizonMs, config);
}

/**
 * What a call saves that uses one more place beside n others, in ms. With no other it would load; with others, it would have
 * waited for one of them to be idle again: a run, or as many as have piled up there. With a load ρ = λ·run/n on each of them a
 * backlog is worked off 1 − ρ as fast as it grows, so at most run / (1 − ρ), and never more than the load.
 *
 * Worked: a load of 4000 ms, runs of 250 ms: the first place saves 4000 ms; a second one 500 ms with 2 calls a second, and
 * 4000 ms again with 4 a second, which one place cannot serve.
 */
export function usedPlaceSavesMs(action: Action, freePlaces: number, now: number, config: SchedulerConfig): number {
  const savedMs = savedMsOf(action);
  const others = (freePlaces + busyPlacesOf(action)) * action.concurrencyLimit;
  if (others <= 0) return savedMs;
  const runMs = runMsOf(action);
  const idleShare = 1 - (arrivalRatePerMs(action, now, config) * runMs) / others;
  return idleShare * savedMs <= runMs ? savedMs : runMs / idleShare;
}

/**
 * Expected saved latency, in ms, of one more place beside `freePlaces` others, times the action's priority, within a horizon,
 * or as places are held against each other.
 */
export function placeValueMs(action: Action, freePlaces: number, now: number, config: SchedulerConfig, horizonMs?: number): number {
  const probability = horizonMs === undefined ? contestProbability(action, freePlaces, now, config) : useProbability(action, freePlaces, now, horizonMs, config);
  return probability * usedPlaceSavesMs(action, freePlaces, now, config) * action.wishes.priority;
}

/**
 * What one of n borrowed places is worth, held or not. Their owner does not know what is in them and takes any: an artifact
 * in k of n is found by k/n of the calls, so that the last place is worth as much as the first.
 */
function borrowedPlaceValueMs(action: Action, count: number, now: number, config: SchedulerConfig, horizonMs?: number): number {
  return placeValueMs(action, 0, now, config, horizonMs) / count;
}

/** What the action would gain with one more place than it has. */
export function nextPlaceValueMs(state: SchedulerState, action: Action, config: SchedulerConfig, horizonMs?: number): number {
  const borrowed = state.borrowedCounts.get(action.memoryLimitBytes) ?? 0;
  if (borrowed > 0) return borrowedPlaceValueMs(action, borrowed, state.now, config, horizonMs);
  return placeValueMs(action, freePlacesOf(action), state.now, config, horizonMs);
}

/** Whether one more place is expected to save, over the whole horizon, what loading costs. */
export function isWorthLoading(state: SchedulerState, action: Action, config: SchedulerConfig): boolean {
  return nextPlaceValueMs(state, action, config, config.valueHorizonMs) >= leastLoadValueMs(action);
}

/** What the action would lose with one of the free places it has. */
export function heldPlaceValueMs(state: SchedulerState, action: Action, config: SchedulerConfig): number {
  if (action.removed) return 0;
  const borrowed = state.borrowedCounts.get(action.memoryLimitBytes) ?? 0;
  if (borrowed > 0) return borrowedPlaceValueMs(action, borrowed, state.now, config);
  return placeValueMs(action, Math.max(0, freePlacesOf(action) - 1), state.now, config);
}

/** What a load has to be worth at least: its cost in processor time. */
function leastLoadValueMs(action: Action): number {
  return Math.max(leastSavedMs, loadCostShare * aheadLoadMsOf(action));
}

/**
 * When a place that is not worth loading now will be, without anything happening: the next call of a timer has come near. Infinity
 * where nothing says so. Twice the probability that a load asks for, so that the look comes late rather than in vain.
 */
export function worthLoadingFrom({ plan, lastArrivalAt }: Action, { valueHorizonMs }: SchedulerConfig): number {
  if (plan?.gaps === undefined || plan.elsewhere === true || lastArrivalAt === undefined) return Infinity;
  return lastArrivalAt + regularlyDueAfterMs(plan.gaps, 2 * loadCostShare, valueHorizonMs);
}

/** When the next load of the action is due: after its pre-load window, or at once where too little is known of it or another action was called that it follows. */
export function loadDueAt(action: Action, now: number, config: SchedulerConfig): number {
  const rate = arrivalRatePerMs(action, now, config);
  if (rate === 0 || action.lastArrivalAt === undefined || isYoung(action, now, config) || followedBy(action).length > 0) return action.deployedAt;
  return action.lastArrivalAt + Math.min(action.plan?.preloadWindowMs ?? Infinity, unlikelyGapShare / rate);
}
