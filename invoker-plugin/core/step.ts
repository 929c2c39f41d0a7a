// The scheduler: one event in, the next state and what to do about it out. It only dispatches; each question is answered in
// its own file. No clock, no I/O: the same events give the same commands, live and simulated.
import { admit, failAwaitingOwn, failRunning, fitsPool, noteFailedStart, refuse, rescheduleUnserved, serveWaiting, startAwaited } from './activations.ts';
import { loadsOnPath, type SchedulerCommand } from './commands.ts';
import type { SchedulerConfig } from './config.ts';
import { onActionDeployed, onActionRemoved, onPlanReceived } from './deployments.ts';
import type { ActivationArrived, ActivationFinished, ActivationInitialized, ActivationUnserved, ContainerCleaned, ContainerRemoved, ContainerStarted, SchedulerEvent } from './events.ts';
import { indexRunning } from './indexes.ts';
import { coldShareOf, learn, learnLoad, warmFirstRunMsOf, warmLoadMsOf } from './learn.ts';
import { onLoadAsked, onLoadFailed, onLoadSucceeded, onOffloadAsked, onOffloadCompleted } from './loads.ts';
import { pack, relievePressure } from './pack.ts';
import { noteUse } from './page-cache.ts';
import { policyTable } from './policies/table.ts';
import { borrowContainer, checkWindow, deleteUnclaimed, finishCleaning, forgetContainer, makeIdle, retireContainer } from './pool.ts';
import { onHostMemory, onReadAheadEnded, readAhead } from './read-ahead.ts';
import { noteFailedStemCell, replenishStemCells } from './starts.ts';
import { actionOf, type SchedulerState, type StepContext } from './state.ts';
import { isCurrent, nextWakeAt, popTimer } from './timers.ts';
import { recentArrivalCount } from './value.ts';
import { lookAgainAtPins } from './wishes.ts';

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

/**
 * Takes one event in and returns what to do. A driver sends a `ticked` event first of all (so that stem cells start), then
 * one whenever `wakeAt` has come; late and superfluous ticks do no harm. Events about containers, activations or loads that
 * the state does not know (answers that crossed a removal) are ignored.
 */
export function step(state: SchedulerState, event: SchedulerEvent, config: SchedulerConfig): StepResult {
  state.now = Math.max(state.now, event.at);
  const context: StepContext = { state, config, policy: policyTable[config.prewarmPolicy], now: state.now, commands: [], roomy: new Set(), roomMade: [] };
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
