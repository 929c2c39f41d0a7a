// Which actions an action's calls follow, found on-line: within one namespace only, in bounded memory and time.
import { namespaceOf, type ActionKey } from '../../common/action-identity.ts';
import type { FollowForecast } from '../../common/follow-forecast.ts';
import { gapHazard, leastGapMs } from '../../common/gap-forecast.ts';
import { firstFollowed, followedShareOf, medianDelayMsOf, noteFollowed, spreadOf, weightOf, type Predecessor } from './follow-model.ts';
import { forecastOf, modelOf } from './gap-model.ts';
import type { ArrivalHistory, PreloaderState } from './state.ts';

/** What an action remembers of the others of its namespace: less than a kilobyte. Learnt anew by each planner. */
export interface Following {
  /** Calls that came in their order. */
  calls: number;
  /** Actions that were called shortly before its last call, and are no predecessors yet. */
  suspects: readonly ActionKey[];
  predecessors: readonly Predecessor[];
  /** Actions that it precedes. */
  followers: readonly ActionKey[];
}

/** The last call of an action, among the latest of its namespace. */
export interface RecentCall {
  readonly actionKey: ActionKey;
  at: number;
}

/** Actions called last that a namespace remembers. */
const mostRecent = 8;
/** Calls of an action that may wait to be followed at once, as in a burst. */
const mostTimes = 4;
const mostPredecessors = 4;
const mostFollowers = 4;
/** Nothing is thought to follow after longer than this. */
const longestDelayMs = 120_000;
/** A predecessor is believed in from this weight on. */
const leastWeight = 0.5;
/** One that is followed less often says too little to be told. */
const leastShare = 0.1;
const noActions: readonly ActionKey[] = [];
const noPredecessors: readonly Predecessor[] = [];

/**
 * Takes an arrival in, to be called before it enters the history. Of the actions of its namespace that were called since its
 * own last call, those are suspected that were called last; one that is suspected twice running becomes a predecessor, in place
 * of the least believed one where there are enough.
 *
 * @param mostNamespaces for the next, the one seen first is forgotten.
 */
export function noteFollowing(state: PreloaderState, actionKey: ActionKey, history: ArrivalHistory, at: number, mostNamespaces: number): void {
  const { lastArrivalAt } = history;
  // One that comes to light late would be taken for the cause of what came before it was known.
  if (at < (lastArrivalAt ?? at)) return;
  const recent = recentCallsOf(state, namespaceOf(actionKey), mostNamespaces);
  // Most actions of a large platform are called once.
  if (lastArrivalAt !== undefined) {
    const own = (history.following ??= { calls: 0, suspects: noActions, predecessors: noPredecessors, followers: noActions });
    judgePredecessors(state, actionKey, history, own, lastArrivalAt, at);
    suspect(state, own, recent, lastArrivalAt, at);
    own.calls += 1;
  }
  moveToFront(recent, actionKey, at);
}

function recentCallsOf({ recentCalls }: PreloaderState, namespace: string, mostNamespaces: number): RecentCall[] {
  let recent = recentCalls.get(namespace);
  if (recent !== undefined) return recent;
  recent = [];
  recentCalls.set(namespace, recent);
  const [oldest] = recentCalls.keys();
  if (recentCalls.size > mostNamespaces && oldest !== undefined) recentCalls.delete(oldest);
  return recent;
}

function moveToFront(recent: RecentCall[], actionKey: ActionKey, at: number): void {
  let index = 0;
  while (index < recent.length && recent[index]?.actionKey !== actionKey) index += 1;
  const call = recent[index] ?? { actionKey, at };
  call.at = at;
  for (let place = Math.min(index, mostRecent - 1); place > 0; place -= 1) recent[place] = recent[place - 1] as RecentCall;
  recent[0] = call;
}

/** The action is forgotten: nothing new is thought to follow it. */
export function forgetCall({ recentCalls }: PreloaderState, actionKey: ActionKey): void {
  const namespace = namespaceOf(actionKey);
  const left = recentCalls.get(namespace)?.filter((call) => call.actionKey !== actionKey) ?? [];
  if (left.length === 0) recentCalls.delete(namespace);
  else recentCalls.set(namespace, left);
}

function judgePredecessors(state: PreloaderState, actionKey: ActionKey, history: ArrivalHistory, own: Following, lastAt: number, at: number): void {
  let hazardPerMs: number | undefined;
  let isOneGone = false;
  for (const predecessor of own.predecessors) {
    const formerHistory = state.histories.get(predecessor.actionKey);
    const former = formerHistory?.following;
    if (former === undefined || formerHistory === undefined) {
      isOneGone = true;
      continue;
    }
    // It was forgotten and has come again.
    predecessor.handledCalls = Math.min(predecessor.handledCalls, former.calls);
    if (former.calls === predecessor.handledCalls) continue;
    hazardPerMs ??= hazardOf(history, at - lastAt);
    noteFollowed(predecessor, { at, lastAt, hazardPerMs, waiting: former.calls - predecessor.handledCalls, formerTimes: lastTimesOf(formerHistory) });
    listFollower(former, actionKey, isBelieved(predecessor));
  }
  if (isOneGone) own.predecessors = own.predecessors.filter((predecessor) => state.histories.has(predecessor.actionKey));
}

/** When the last few of its calls came, oldest first. */
function lastTimesOf({ lastArrivalAt = 0, gapsMs }: ArrivalHistory): number[] {
  const times = [lastArrivalAt];
  let at = lastArrivalAt;
  for (let turn = 1; turn < mostTimes && turn <= gapsMs.length; turn += 1) times.push((at -= gapsMs.at(-turn) ?? 0));
  return times.reverse();
}

function isBelieved(predecessor: Predecessor): boolean {
  return weightOf(predecessor) >= leastWeight && followedShareOf(predecessor) >= leastShare;
}

function hazardOf(history: ArrivalHistory, gapMs: number): number {
  const forecast = forecastOf((history.gapModel ??= modelOf(history.gapsMs)));
  return forecast === undefined ? 1 / Math.max(gapMs, leastGapMs) : gapHazard(forecast, gapMs);
}

function listFollower(former: Following, actionKey: ActionKey, isOne: boolean): void {
  const isListed = former.followers.includes(actionKey);
  if (isOne && !isListed && former.followers.length < mostFollowers) former.followers = [...former.followers, actionKey];
  if (!isOne && isListed) former.followers = former.followers.filter((follower) => follower !== actionKey);
}

function suspect(state: PreloaderState, own: Following, recent: readonly RecentCall[], lastArrivalAt: number, at: number): void {
  let suspects: ActionKey[] | undefined;
  for (const call of recent) {
    // In order of time: those before were called before its own last call, and had their chance with that.
    if (call.at <= lastArrivalAt || at - call.at > longestDelayMs) break;
    if (call.at > at || own.predecessors.some(({ actionKey }) => actionKey === call.actionKey)) continue;
    const former = own.suspects.includes(call.actionKey) ? state.histories.get(call.actionKey)?.following : undefined;
    if (former === undefined) (suspects ??= []).push(call.actionKey);
    else admit(own, firstFollowed(call.actionKey, former.calls, at - call.at));
  }
  own.suspects = suspects ?? noActions;
}

function admit(own: Following, newest: Predecessor): void {
  const { predecessors } = own;
  let least: Predecessor = newest;
  if (predecessors.length >= mostPredecessors) for (const predecessor of predecessors) if (predecessor.score <= least.score) least = predecessor;
  if (predecessors.length < mostPredecessors || least !== newest) own.predecessors = [...predecessors.filter((predecessor) => predecessor !== least), newest];
}

/** Actions whose calls are to be expected now that this one was called. */
export function followersOf({ histories }: PreloaderState, actionKey: ActionKey): readonly ActionKey[] {
  const following = histories.get(actionKey)?.following;
  if (following === undefined || following.followers.length === 0) return noActions;
  return following.followers.filter((follower) => histories.has(follower));
}

/** What the action's next call may follow: the last calls of believed predecessors, where they came after its own last one. */
export function followedCallsOf(state: PreloaderState, { following, lastArrivalAt = 0 }: ArrivalHistory): FollowForecast[] {
  const expected: FollowForecast[] = [];
  for (const predecessor of following?.predecessors ?? []) {
    const { actionKey, handledCalls } = predecessor;
    const former = state.histories.get(actionKey);
    const at = former?.lastArrivalAt ?? 0;
    if ((former?.following?.calls ?? 0) <= handledCalls || at <= lastArrivalAt || !isBelieved(predecessor)) continue;
    const probability = weightOf(predecessor) * followedShareOf(predecessor);
    expected.push({ actionKey, at, probability, medianDelayMs: medianDelayMsOf(predecessor), spread: spreadOf(predecessor) });
  }
  return expected;
}
