// The Proactive Pre-loader: one observation in, new plans out. No clock, no I/O: the same events give the same plans.
import { unversionedNameOf, type ActionKey } from '../../common/action-identity.ts';
import type { PreloaderConfig } from './config.ts';
import type { ActivationMeasured, ArrivalObserved, PreloaderEvent, RecordPlace } from './events.ts';
import { followedCallsOf, followersOf, forgetCall, noteFollowing } from './following.ts';
import { createHistogram } from './histogram.ts';
import { arrivalsInLastHours, mostHours, noCounts } from './hourly-counts.ts';
import { noteTimes, noTimes } from './measured-times.ts';
import { notePing, reviewInvokers, standingsOf } from './observed-invokers.ts';
import { placementOf } from './placement.ts';
import { demandOf, planFor, type ActionPlan } from './plan.ts';
import { recordArrival } from './record-arrival.ts';
import { noteShare } from './invoker-shares.ts';
import { copiedParts, type ArrivalHistory, type PreloaderState } from './state.ts';

export interface StepResult {
  /** The state that was passed in, updated in place. */
  readonly state: PreloaderState;
  /** Plans that changed, to be published. A removed action has none: its record is deleted by whoever publishes. */
  readonly plans: ActionPlan[];
}

/** What an observation changed. */
export interface Recorded {
  /** Actions whose plans are to be made anew. */
  readonly changed: readonly ActionKey[];
  /** Actions that have no plan any more. */
  readonly forgotten: readonly ActionKey[];
}

/** Of the actions seen longest ago, as many are compared when one has to be forgotten. */
const comparedForForgetting = 8;
/** Topics of which an action remembers how far it was read: as many invokers as it may reasonably be sent to. */
const mostTopics = 16;
const nothing: Recorded = { changed: [], forgotten: [] };

/** Takes one event in and makes every plan that it changed. */
export function step(state: PreloaderState, event: PreloaderEvent, config: PreloaderConfig): StepResult {
  const { changed } = record(state, event, config);
  return { state, plans: changed.flatMap((actionKey) => makePlan(state, actionKey, config) ?? []) };
}

/** Takes one event in without making plans, for whoever makes them less often than arrivals come. */
export function record(state: PreloaderState, event: PreloaderEvent, config: PreloaderConfig): Recorded {
  switch (event.type) {
    case 'actionDeployed': {
      const history = historyOf(state, event.actionKey, event.at);
      history.deployedAt = event.at;
      history.memoryMegabytes = event.memoryMegabytes ?? history.memoryMegabytes;
      return { changed: planned(state, config, event.actionKey), forgotten: keepBounded(state, config) };
    }
    case 'actionRemoved':
      forget(state, event.actionKey);
      return { changed: [], forgotten: [event.actionKey] };
    case 'arrivalObserved':
      noteArrival(state, event, config);
      return { changed: planned(state, config, event.actionKey, ...followersOf(state, event.actionKey)), forgotten: keepBounded(state, config) };
    case 'activationMeasured':
      noteMeasurement(state, event);
      return nothing;
    case 'invokerPinged':
      notePing(state, event);
      return { changed: placedAnew(state, event.at, config), forgotten: [] };
    case 'ticked':
      return { changed: placedAnew(state, event.at, config), forgotten: [] };
  }
}

/** Takes in what an earlier planner remembered, the oldest first, before anything is observed. */
export function restoreHistories(state: PreloaderState, histories: ReadonlyMap<ActionKey, ArrivalHistory>): void {
  for (const [actionKey, history] of histories) {
    state.histories.set(actionKey, history);
    state.newestKeys.set(unversionedNameOf(actionKey), actionKey);
  }
}

/** The action's plan as things stand; undefined for one that is not known. */
export function makePlan(state: PreloaderState, actionKey: ActionKey, config: PreloaderConfig): ActionPlan | undefined {
  const history = state.histories.get(actionKey);
  if (history === undefined) return undefined;
  const planned = planFor(actionKey, history, config);
  const follows = followedCallsOf(state, history);
  const plan = follows.length === 0 ? planned : { ...planned, follows };
  if (!config.placeActions) return plan;
  const invokers = placementOf(demandOf(actionKey, history, plan.arrivalRatePerMs), standingsOf(state));
  history.placedOn = invokers.length === 0 ? undefined : invokers;
  return history.placedOn === undefined ? plan : { ...plan, invokers };
}

function noteArrival(state: PreloaderState, { actionKey, at, invoker, place }: ArrivalObserved, { mostActions }: PreloaderConfig): void {
  const history = historyOf(state, actionKey, at);
  if (place !== undefined && isReadTwice(history, place, at)) return;
  noteFollowing(state, actionKey, history, at, mostActions);
  recordArrival(history, at);
  if (invoker !== undefined) noteShare(history.invokers, invoker);
}

/**
 * After a crash, records are read again from the last place that was kept, and histories may be ahead of it. A later
 * arrival at a lower offset is not the same record again: its topic was created anew.
 */
function isReadTwice({ readTo, lastArrivalAt }: ArrivalHistory, { topic, offset }: RecordPlace, at: number): boolean {
  if (offset <= (readTo.get(topic) ?? -1) && at <= (lastArrivalAt ?? -1)) return true;
  readTo.delete(topic);
  readTo.set(topic, offset);
  for (const oldest of readTo.keys()) {
    if (readTo.size <= mostTopics) break;
    readTo.delete(oldest);
  }
  return false;
}

/** What is not known yet has no history to add to: its arrival was, or will be, seen elsewhere. */
function noteMeasurement(state: PreloaderState, { actionKey, memoryMegabytes, ...measured }: ActivationMeasured): void {
  const history = state.histories.get(actionKey);
  if (history === undefined) return;
  noteTimes(history.times, measured);
  history.memoryMegabytes = memoryMegabytes ?? history.memoryMegabytes;
}

/** Those whose plans may be made now: none while there are invokers to place them at and these are not known yet. */
function planned(state: PreloaderState, { placeActions }: PreloaderConfig, ...keys: readonly ActionKey[]): readonly ActionKey[] {
  return placeActions && !state.areInvokersKnown ? [] : keys;
}

/** Every action when an invoker came, went or changed its mind: the controllers' order of asking changes for all of them. */
function placedAnew(state: PreloaderState, now: number, { placeActions }: PreloaderConfig): readonly ActionKey[] {
  return reviewInvokers(state, now) && placeActions ? [...state.histories.keys()] : [];
}

/** The action's history, as the most recently seen; that of its former version when this one is new. */
function historyOf(state: PreloaderState, actionKey: ActionKey, at: number): ArrivalHistory {
  const { histories, newestKeys } = state;
  const known = histories.get(actionKey);
  if (known !== undefined) {
    histories.delete(actionKey);
    histories.set(actionKey, known);
    return known;
  }
  const unversionedName = unversionedNameOf(actionKey);
  const former = histories.get(newestKeys.get(unversionedName) ?? '');
  const history = former === undefined ? newHistory(at) : copyOf(former);
  histories.set(actionKey, history);
  newestKeys.set(unversionedName, actionKey);
  return history;
}

function newHistory(at: number): ArrivalHistory {
  return {
    firstArrivalAt: undefined,
    lastArrivalAt: undefined,
    deployedAt: at,
    gapsMs: [],
    histogram: createHistogram(),
    hourly: noCounts(),
    times: noTimes(),
    invokers: new Map(),
    readTo: new Map(),
    memoryMegabytes: undefined,
    placedOn: undefined,
  };
}

/** A copy, since calls of the former version may still be under way. */
function copyOf(history: ArrivalHistory): ArrivalHistory {
  return { ...history, ...copiedParts(history), gapModel: undefined, following: undefined };
}

/** Forgets actions beyond the bound: of the few seen longest ago, the one called least in the week, never the newest. */
function keepBounded(state: PreloaderState, config: PreloaderConfig): ActionKey[] {
  const forgotten: ActionKey[] = [];
  while (state.histories.size > config.mostActions) {
    let least: { readonly key: ActionKey; readonly arrivals: number } | undefined;
    let compared = 0;
    for (const [key, { hourly, lastArrivalAt }] of state.histories) {
      if (compared === Math.min(comparedForForgetting, state.histories.size - 1)) break;
      compared += 1;
      const arrivals = arrivalsInLastHours(hourly, lastArrivalAt ?? 0, mostHours);
      if (least === undefined || arrivals < least.arrivals) least = { key, arrivals };
    }
    if (least === undefined) break;
    forget(state, least.key);
    forgotten.push(least.key);
  }
  return forgotten;
}

function forget(state: PreloaderState, actionKey: ActionKey): void {
  const { histories, newestKeys } = state;
  histories.delete(actionKey);
  forgetCall(state, actionKey);
  if (newestKeys.get(unversionedNameOf(actionKey)) === actionKey) newestKeys.delete(unversionedNameOf(actionKey));
}
