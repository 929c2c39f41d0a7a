// What is deployed, and what the planner says of it: actions come, change, are superseded by a new version, and go.
import { unversionedNameOf, type ActionKey } from '../../common/action-identity.ts';
import type { Action, ActionPlan } from './action.ts';
import type { ActionDeployed, PlanReceived } from './events.ts';
import { noMean } from './learn.ts';
import { setFiles } from './page-cache.ts';
import { mostPlansAhead, type SchedulerState, type StepContext } from './state.ts';
import { noWishes } from './wishes.ts';

function newAction(event: ActionDeployed): Action {
  return {
    key: event.actionKey,
    namespace: event.namespace,
    memoryLimitBytes: event.memoryLimitBytes,
    declaresArtifacts: event.declaresArtifacts,
    wishes: event.wishes ?? noWishes,
    grantedPins: 0,
    estimatedLoadMs: event.estimatedLoadMs,
    estimatedResidentBytes: event.estimatedResidentBytes,
    concurrencyLimit: event.concurrencyLimit ?? 1,
    removed: false,
    superseded: false,
    deployedAt: event.at,
    lastArrivalAt: undefined,
    recentArrivals: [],
    plan: undefined,
    foretold: undefined,
    files: [],
    fileBytes: 0,
    hotShare: 1,
    retryReadAt: 0,
    initMs: noMean(),
    adoptMs: noMean(),
    loadMs: noMean(),
    aheadLoadMs: noMean(),
    coldLoadMs: noMean(),
    coldAheadLoadMs: noMean(),
    runMs: noMean(),
    firstRunMs: noMean(),
    coldFirstRunMs: noMean(),
    residentBytes: noMean(),
    refusedBytes: 0,
    loadable: true,
    loadFailures: 0,
    retryLoadAt: 0,
    hasLostReplica: false,
    roomBeingMadeIn: undefined,
    prewarmedAfter: undefined,
    timerAt: undefined,
    idleOwn: new Set(),
    idleResident: new Set(),
    residentIn: new Set(),
    loadingIn: new Set(),
    busyOwn: new Set(),
    openOwn: new Set(),
    waitingIds: new Set(),
    comingOwnCount: 0,
  };
}

export function onActionDeployed({ state, now }: StepContext, event: ActionDeployed): void {
  const known = state.actions.get(event.actionKey);
  if (known === undefined) {
    const action = newAction(event);
    const ahead = state.plansAhead.get(event.actionKey);
    state.actions.set(action.key, action);
    state.plansAhead.delete(action.key);
    setFiles(state, action, event.files ?? []);
    if (ahead !== undefined) applyPlan(state, action, ahead.plan, ahead.lastArrivalAt);
  } else {
    // What is indexed by namespace and limit stays as it was: a changed action comes with a new version, hence a new key.
    known.declaresArtifacts = event.declaresArtifacts;
    known.wishes = event.wishes ?? noWishes;
    known.estimatedLoadMs = event.estimatedLoadMs;
    known.estimatedResidentBytes = event.estimatedResidentBytes;
    setFiles(state, known, event.files ?? []);
    known.removed = false;
    known.superseded = false;
    known.deployedAt = now;
    known.loadable = true;
    known.loadFailures = 0;
    known.retryLoadAt = 0;
    known.refusedBytes = 0;
  }
  supersedeFormer(state, event.actionKey);
  if ((event.wishes?.pinnedPlaces ?? 0) > 0) state.pinning.add(event.actionKey);
  state.dirty.add(event.actionKey);
}

function supersedeFormer(state: SchedulerState, newestKey: ActionKey): void {
  const name = unversionedNameOf(newestKey);
  const former = state.actions.get(state.newestKeys.get(name) ?? newestKey);
  state.newestKeys.set(name, newestKey);
  if (former === undefined || former.key === newestKey) return;
  former.superseded = true;
  state.dirty.add(former.key);
}

export function onActionRemoved({ state }: StepContext, key: ActionKey): void {
  const action = state.actions.get(key);
  if (action === undefined) return;
  action.removed = true;
  state.dirty.add(key);
}

/** A plan may come before its action does, when an invoker has just started and reads the topic from its beginning. */
export function onPlanReceived({ state }: StepContext, event: PlanReceived): void {
  const { arrivalRatePerMs, sampleCount, preloadWindowMs, offloadWindowMs, prewarmWindowMs, keepAliveWindowMs, gaps, follows, elsewhere } = event;
  const plan: ActionPlan = { arrivalRatePerMs, sampleCount, preloadWindowMs, offloadWindowMs, prewarmWindowMs, keepAliveWindowMs, gaps, follows, elsewhere };
  const action = state.actions.get(event.actionKey);
  if (action !== undefined) {
    applyPlan(state, action, plan, event.lastArrivalAt);
    return;
  }
  state.plansAhead.delete(event.actionKey);
  state.plansAhead.set(event.actionKey, { plan, lastArrivalAt: event.lastArrivalAt });
  if (state.plansAhead.size <= mostPlansAhead) return;
  const [oldestKey] = state.plansAhead.keys();
  if (oldestKey !== undefined) state.plansAhead.delete(oldestKey);
}

function applyPlan(state: SchedulerState, action: Action, plan: ActionPlan, lastArrivalAt: number): void {
  action.plan = plan;
  if (plan.sampleCount > 0 && plan.elsewhere !== true) action.lastArrivalAt = Math.max(action.lastArrivalAt ?? 0, lastArrivalAt);
  state.dirty.add(action.key);
}
