// The scheduler: one event in, the next state and what to do about it out. It only dispatches; each question is answered in
// its own file. No clock, no I/O: the same events give the same commands, live and simulated.
import { unversionedNameOf, type ActionKey } from '../../common/action-identity.ts';
import { admit, failAwaitingOwn, failRunning, fitsPool, noteFailedStart, refuse, rescheduleUnserved, serveWaiting, startAwaited } from './activations.ts';
import { loadsOnPath, type SchedulerCommand } from './commands.ts';
import type { SchedulerConfig } from './config.ts';
import {
  heldBackMs,
  type ActionDeployed,
  type ActivationArrived,
  type ActivationFinished,
  type ActivationInitialized,
  type ActivationUnserved,
  type ContainerCleaned,
  type ContainerRemoved,
  type ContainerStarted,
  type LoadFailed,
  type LoadSucceeded,
  type OffloadAsked,
  type OffloadCompleted,
  type PlanReceived,
  type SchedulerEvent,
} from './events.ts';
import { coldShareOf, learn, learnLoad, noMean, warmAheadLoadMsOf, warmFirstRunMsOf, warmLoadMsOf } from './learn.ts';
import { pack, placeAsked, relievePressure, startOffload } from './pack.ts';
import { policyTable } from './policies/table.ts';
import {
  borrowContainer,
  checkWindow,
  deleteUnclaimed,
  endLoad,
  finishCleaning,
  forgetContainer,
  makeIdle,
  noteFailedStemCell,
  noteRoom,
  replenishStemCells,
  retireContainer,
} from './pool.ts';
import { noteUse, setFiles } from './page-cache.ts';
import { onHostMemory, onReadAheadEnded, readAhead } from './read-ahead.ts';
import { actionOf, addResident, endMakingRoom, indexRunning, mostPlansAhead, type Action, type ActionPlan, type Container, type SchedulerState, type StepContext } from './state.ts';
import { isCurrent, nextWakeAt, popTimer } from './timers.ts';
import { recentArrivalCount } from './value.ts';
import { isIdleOver, lookAgainAtPins, noWishes } from './wishes.ts';

export interface StepResult {
  /** The state that was passed in, updated in place. */
  readonly state: SchedulerState;
  /** To be carried out in this order. */
  readonly commands: SchedulerCommand[];
  /** Earliest time at which a `ticked` event is needed; undefined when only other events matter. */
  readonly wakeAt: number | undefined;
}

/** Timers that one step handles; the rest follow in the next, for which `wakeAt` asks at once. */
const timersPerStep = 256;
/** Waiting time after the first failed load; doubles with each further one up to the limit. */
const firstLoadRetryMs = 1000;
const longestLoadRetryMs = 300_000;

/**
 * Takes one event in and returns what to do. A driver sends a `ticked` event first of all (so that stem cells start), then
 * one whenever `wakeAt` has come; late and superfluous ticks do no harm. Events about containers, activations or loads that
 * the state does not know (answers that crossed a removal) are ignored.
 */
export function step(state: SchedulerState, event: SchedulerEvent, config: SchedulerConfig): StepResult {
  state.now = Math.max(state.now, event.at);
  const context: StepContext = { state, config, policy: policyTable[config.prewarmPolicy], now: state.now, commands: [], roomy: new Set() };
  handle(context, event);
  runTimers(context);
  serveWaiting(context, undefined);
  replenishStemCells(context);
  pack(context);
  readAhead(context);
  return { state, commands: context.commands, wakeAt: nextWakeAt(state) };
}

function handle(context: StepContext, event: SchedulerEvent): void {
  switch (event.type) {
    case 'actionDeployed':
      return onActionDeployed(context, event);
    case 'actionRemoved':
      return onActionRemoved(context, event.actionKey);
    case 'planReceived':
      return onPlanReceived(context, event);
    case 'activationArrived':
      return onActivationArrived(context, event);
    case 'containerStarted':
      return onContainerStarted(context, event);
    case 'containerFound':
      return borrowContainer(context, event);
    case 'activationInitialized':
      return onActivationInitialized(context, event);
    case 'activationFinished':
      return onActivationFinished(context, event);
    case 'activationUnserved':
      return onActivationUnserved(context, event);
    case 'loadSucceeded':
      return onLoadSucceeded(context, event);
    case 'loadFailed':
      return onLoadFailed(context, event);
    case 'offloadCompleted':
      return onOffloadCompleted(context, event);
    case 'containerCleaned':
      return onContainerCleaned(context, event);
    case 'containerRemoved':
      return onContainerRemoved(context, event);
    case 'loadAsked':
      return onLoadAsked(context, event.actionKey);
    case 'offloadAsked':
      return onOffloadAsked(context, event);
    case 'hostMemory':
      return onHostMemory(context, event);
    case 'readAheadEnded':
      return onReadAheadEnded(context, event);
    case 'ticked':
      return;
  }
}

function runTimers(context: StepContext): void {
  const { state, now } = context;
  for (let handled = 0; handled < timersPerStep; handled += 1) {
    const earliest = state.timers[0];
    if (earliest === undefined || earliest.at > now) return;
    const timer = popTimer(state);
    if (!isCurrent(state, timer)) continue;
    const container = timer.subject === 'container' ? state.containers.get(timer.id) : undefined;
    const action = timer.subject === 'action' ? state.actions.get(timer.id) : undefined;
    if (container !== undefined) checkWindow(context, container);
    if (timer.subject === 'stem-cells') lookAgainAtPins(state);
    if (action !== undefined) {
      action.timerAt = undefined;
      state.dirty.add(action.key);
    }
  }
}

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

function onActionDeployed({ state, now }: StepContext, event: ActionDeployed): void {
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

function onActionRemoved({ state }: StepContext, key: ActionKey): void {
  const action = state.actions.get(key);
  if (action === undefined) return;
  action.removed = true;
  state.dirty.add(key);
}

function onLoadAsked(context: StepContext, key: ActionKey): void {
  const action = context.state.actions.get(key);
  if (action === undefined || action.removed || action.superseded || !action.declaresArtifacts || isIdleOver(action, context.now)) return;
  // Whoever asks for it takes back that it was to be held back, or that it failed before.
  action.retryLoadAt = 0;
  placeAsked(context, action);
}

/** A container that is busy keeps what it holds: it is never touched while a call runs in it. */
function onOffloadAsked(context: StepContext, { containerId, actionKey }: OffloadAsked): void {
  const { state, now } = context;
  const [container, action] = [state.containers.get(containerId), state.actions.get(actionKey)];
  if (container?.phase !== 'idle' || action === undefined) return;
  startOffload(context, container, actionKey, 'asked');
  action.retryLoadAt = Math.max(action.retryLoadAt, now + heldBackMs);
}

/** A plan may come before its action does, when an invoker has just started and reads the topic from its beginning. */
function onPlanReceived({ state }: StepContext, event: PlanReceived): void {
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

function onActivationArrived(context: StepContext, event: ActivationArrived): void {
  const { state, now } = context;
  const action = state.actions.get(event.actionKey);
  if (action === undefined || action.removed) return refuse(context, event.activationId, 'action-unknown');
  action.lastArrivalAt = now;
  action.recentArrivals.push(now);
  if (action.recentArrivals.length > recentArrivalCount) action.recentArrivals.shift();
  state.dirty.add(action.key);
  if (!fitsPool(context, action)) return refuse(context, event.activationId, 'memory-limit-exceeds-pool');
  admit(context, event.activationId, action);
}

function onContainerStarted(context: StepContext, event: ContainerStarted): void {
  const { state } = context;
  const container = state.containers.get(event.containerId);
  if (container === undefined || container.phase !== 'starting') return;
  learn(state.containerStartMs, event.startMs);
  state.stemCellFailures = 0;
  container.usedBytes = event.usedBytes;
  state.freshUsedBytes = event.usedBytes;
  container.idleSince = context.now;
  if (container.claimedBy !== undefined) return startAwaited(context, container, container.claimedBy);
  deleteUnclaimed(context, container);
  makeIdle(context, container);
  serveWaiting(context, container);
}

function onActivationInitialized(context: StepContext, event: ActivationInitialized): void {
  const container = context.state.containers.get(event.containerId);
  if (container?.activations.has(event.activationId) !== true) return;
  container.isInitialized = true;
  indexRunning(context.state, container);
  serveWaiting(context, container);
}

function onActivationFinished(context: StepContext, event: ActivationFinished): void {
  const { state } = context;
  const container = state.containers.get(event.containerId);
  const activation = container?.activations.get(event.activationId);
  if (container === undefined || activation === undefined) return;
  const action = actionOf(state, activation.actionKey);
  const coldShare = coldShareOf(action, event.diskBytes);
  if (loadsOnPath(activation.startType)) learnLoad(action.firstRunMs, action.coldFirstRunMs, event.runMs, coldShare, warmFirstRunMsOf(action));
  else learn(action.runMs, event.runMs);
  if (loadsOnPath(activation.startType) && !activation.joinedLoad) {
    learn(action.initMs, event.initMs);
    learnLoad(action.loadMs, action.coldLoadMs, event.loadMs, coldShare, warmLoadMsOf(action));
  }
  noteUse(state, action, event.diskBytes);
  if (activation.startType === 'preloaded') learn(action.adoptMs, event.initMs);
  container.activations.delete(event.activationId);
  container.idleSince = context.now;
  if (event.usedBytes !== undefined) container.usedBytes = event.usedBytes;
  if (!event.containerUsable || container.isUnusable) {
    const neverInitialized = !container.isInitialized;
    retireContainer(context, container);
    if (neverInitialized) failAwaitingOwn(context, container, action);
    return;
  }
  container.isInitialized = true;
  indexRunning(state, container);
  if (container.activations.size === 0) makeIdle(context, container);
  serveWaiting(context, container);
  relievePressure(context, container);
}

function onActivationUnserved(context: StepContext, event: ActivationUnserved): void {
  const container = context.state.containers.get(event.containerId);
  const activation = container?.activations.get(event.activationId);
  if (container !== undefined && activation !== undefined) rescheduleUnserved(context, container, activation);
}

function onLoadSucceeded(context: StepContext, event: LoadSucceeded): void {
  const { state, now } = context;
  const container = state.containers.get(event.containerId);
  const load = container?.load;
  if (container === undefined || load?.actionKey !== event.actionKey) return;
  const action = actionOf(state, event.actionKey);
  learnLoad(action.aheadLoadMs, action.coldAheadLoadMs, event.loadMs, coldShareOf(action, event.diskBytes), warmAheadLoadMsOf(action));
  noteUse(state, action, event.diskBytes);
  // What the container grew by counts where it is more than the slot's own figure: the next prediction has to hold.
  const grownBytes = load.fate === 'running' ? event.usedBytes - container.usedBytes : 0;
  const residentBytes = Math.max(event.residentBytes, Math.min(grownBytes, 2 * event.residentBytes));
  learn(action.residentBytes, residentBytes);
  action.loadFailures = 0;
  endLoad(context, container);
  if (container.phase === 'idle' || container.phase === 'busy') {
    if (load.fate === 'running') container.usedBytes = event.usedBytes;
    const stays = container.ownActionKey !== action.key && (container.role !== 'warm' || container.namespace === action.namespace);
    const isThere = container.residents.has(action.key);
    if (stays && !isThere) addResident(state, container, { actionKey: action.key, residentBytes, since: now, retained: false });
    if (!stays && container.ownActionKey !== action.key) action.hasLostReplica = true;
  }
  loadIsOver(context, container);
}

function onLoadFailed(context: StepContext, event: LoadFailed): void {
  const { state, now } = context;
  const container = state.containers.get(event.containerId);
  const load = container?.load;
  if (container === undefined || load?.actionKey !== event.actionKey) return;
  const action = actionOf(state, event.actionKey);
  endLoad(context, container);
  if (event.usedBytes !== undefined && load.fate === 'running') container.usedBytes = event.usedBytes;
  if (event.reason === 'artifact') action.loadable = false;
  if (event.reason === 'memory') action.refusedBytes = Math.max(action.refusedBytes, event.predictedBytes ?? load.predictedBytes);
  // A load that was cancelled because its container was taken is wanted elsewhere at once. Any other has to wait: a
  // container that keeps on refusing would be asked as fast as it can answer.
  if (event.reason !== 'artifact' && load.fate === 'running') {
    action.retryLoadAt = now + Math.min(longestLoadRetryMs, firstLoadRetryMs * 2 ** Math.min(action.loadFailures, 16));
    action.loadFailures += 1;
  }
  loadIsOver(context, container);
}

/** The container may take the next load, and an activation that avoided it for its load may want it. */
function loadIsOver(context: StepContext, container: Container): void {
  if (container.phase !== 'idle') return;
  noteRoom(context, container);
  relievePressure(context, container);
}

function onOffloadCompleted(context: StepContext, event: OffloadCompleted): void {
  const { state } = context;
  const container = state.containers.get(event.containerId);
  const releasedBytes = container?.releasing.get(event.actionKey);
  if (container === undefined || releasedBytes === undefined) return;
  container.releasing.delete(event.actionKey);
  const isQuiet = container.phase === 'idle' && container.load === undefined;
  container.usedBytes = isQuiet ? event.usedBytes : Math.max(0, container.usedBytes - releasedBytes);
  if (container.releasing.size > 0) return;
  endMakingRoom(state, container);
  if (container.phase === 'idle') noteRoom(context, container);
}

function onContainerCleaned(context: StepContext, event: ContainerCleaned): void {
  const container = context.state.containers.get(event.containerId);
  if (container === undefined || container.phase !== 'cleaning') return;
  finishCleaning(context, container, event.usedBytes);
  serveWaiting(context, container);
}

function onContainerRemoved(context: StepContext, event: ContainerRemoved): void {
  const { state } = context;
  const container = state.containers.get(event.containerId);
  if (container === undefined) return;
  const { claimedBy, phase } = container;
  failRunning(context, container);
  if (container.ownActionKey !== undefined) state.dirty.add(container.ownActionKey);
  forgetContainer(context, container);
  if (phase !== 'starting') return;
  if (claimedBy !== undefined) noteFailedStart(context, claimedBy);
  else noteFailedStemCell(context);
}
