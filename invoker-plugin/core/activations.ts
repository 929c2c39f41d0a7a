// The life of activations: arrived, waiting, started, finished or failed. Which container one gets is decided in select.ts.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Action } from './action.ts';
import { loadsOnPath, type FailActivation } from './commands.ts';
import type { Container, RunningActivation } from './container.ts';
import { leastDenseFirst } from './evict.ts';
import { deleteResident, indexRunning, leaveIdle } from './indexes.ts';
import { predictedBytesOf, runMsOf } from './learn.ts';
import { startOffload } from './pack.ts';
import { addUnclaimed, createContainer, deleteUnclaimed, dropResidents, removeContainer, retainFormer, retireContainer } from './pool.ts';
import { chooseContainer, missingMs, takeInstead, takesAnother, type Choice, type Take } from './select.ts';
import { actionOf, type SchedulerState, type StepContext, type WaitingActivation } from './state.ts';
import { recentMissCount } from './worth.ts';

/** Failed starts of containers after which an activation is given up. */
const mostFailedStarts = 3;
/** Calls of the action that has the container which may go before the first call without room. */
const mostOvertakings = 8;
/** Calls that wait for their action's own container and are compared again with what else has come free, in one step. */
const mostReconsidered = 16;

/** Gives a new activation a container, or a place among those that wait. Nothing overtakes one that found no room. */
export function admit(context: StepContext, activationId: string, action: Action, wasUnserved = false): void {
  const { state, config } = context;
  // Delivered twice (Kafka delivers at least once): it waits already.
  if (state.waiting.has(activationId)) return;
  const choice: Choice = state.queuedCount > 0 ? { kind: 'wait' } : chooseContainer(context, action);
  const isHeldUp = choice.kind === 'wait' || choice.kind === 'await-own';
  if (isHeldUp && state.queuedCount + state.awaitingOwnCount >= config.maxQueuedActivations) {
    fail(context, activationId, 'queue-full');
    return;
  }
  const waiting: WaitingActivation = { activationId, actionKey: action.key, turn: state.nextTurn++, state: 'queued', containerId: undefined, failedStarts: 0, overtakenCount: 0, wasUnserved };
  state.waiting.set(activationId, waiting);
  state.queuedCount += 1;
  action.waitingIds.add(activationId);
  apply(context, waiting, action, choice);
}

/** Carries out a choice for a waiting activation; false when it has to go on waiting without a promise. */
function apply(context: StepContext, waiting: WaitingActivation, action: Action, choice: Choice): boolean {
  switch (choice.kind) {
    case 'take':
      stopWaiting(context, waiting);
      start(context, waiting, action, choice);
      return true;
    case 'await-start':
      deleteUnclaimed(context, choice.container);
      choice.container.claimedBy = waiting.activationId;
      setWaitingState(context, waiting, 'awaiting-start', choice.container);
      return true;
    case 'create': {
      const container = createContainer(context, action.memoryLimitBytes, 'activation', { claimedBy: waiting.activationId });
      setWaitingState(context, waiting, 'awaiting-start', container);
      return true;
    }
    case 'evict':
      for (const victim of choice.victims) removeContainer(context, victim, 'evicted-for-activation');
      setWaitingState(context, waiting, 'awaiting-room', undefined);
      return true;
    case 'await-own':
      setWaitingState(context, waiting, 'awaiting-own', undefined);
      return true;
    case 'wait':
      setWaitingState(context, waiting, 'queued', undefined);
      return false;
  }
}

function setWaitingState({ state }: StepContext, waiting: WaitingActivation, next: WaitingActivation['state'], container: Container | undefined): void {
  const action = actionOf(state, waiting.actionKey);
  const limit = action.memoryLimitBytes;
  if (isComing(waiting.state)) action.comingOwnCount -= 1;
  if (isComing(next)) action.comingOwnCount += 1;
  if (waiting.state === 'queued') state.queuedCount -= 1;
  if (waiting.state === 'awaiting-own') state.awaitingOwnCount -= 1;
  if (waiting.state === 'awaiting-room') state.promisedBytes -= limit;
  if (next === 'queued') state.queuedCount += 1;
  if (next === 'awaiting-own') state.awaitingOwnCount += 1;
  if (next === 'awaiting-room') state.promisedBytes += limit;
  waiting.state = next;
  waiting.containerId = container?.id;
}

function isComing(state: WaitingActivation['state']): boolean {
  return state === 'awaiting-start' || state === 'awaiting-room';
}

/** Takes an activation off the waiting ones; a container that was starting for it is free for the next. */
function stopWaiting(context: StepContext, waiting: WaitingActivation): void {
  const { state } = context;
  const container = waiting.containerId === undefined ? undefined : state.containers.get(waiting.containerId);
  if (container !== undefined && container.phase === 'starting' && container.claimedBy === waiting.activationId) addUnclaimed(context, container);
  setWaitingState(context, waiting, 'queued', undefined);
  state.queuedCount -= 1;
  state.waiting.delete(waiting.activationId);
  actionOf(state, waiting.actionKey).waitingIds.delete(waiting.activationId);
}

function fail(context: StepContext, activationId: string, reason: FailActivation['reason'], failedIn?: string): void {
  context.commands.push({ type: 'failActivation', activationId, reason, ...(failedIn === undefined ? {} : { failedIn }) });
}

/** Refuses an activation that can never run here. */
export function refuse(context: StepContext, activationId: string, reason: 'action-unknown' | 'memory-limit-exceeds-pool'): void {
  fail(context, activationId, reason);
}

/**
 * The container refused the run before it began (503): it goes, and the activation is admitted anew, once. OpenWhisk's rule
 * for a warm container whose first connection fails.
 */
export function rescheduleUnserved(context: StepContext, container: Container, activation: RunningActivation): void {
  const action = actionOf(context.state, activation.actionKey);
  container.activations.delete(activation.activationId);
  retireContainer(context, container);
  if (activation.wasUnserved) fail(context, activation.activationId, 'container-failed');
  else admit(context, activation.activationId, action, true);
}

/**
 * An action that takes several calls at once could not be initialised: those that waited for just that get the same answer
 * (OpenWhisk's rule), unless another container of the action is there or coming.
 */
export function failAwaitingOwn(context: StepContext, container: Container, action: Action): void {
  const { state } = context;
  if (action.concurrencyLimit === 1 || action.idleOwn.size + action.busyOwn.size + action.comingOwnCount > 0) return;
  for (const activationId of action.waitingIds) {
    const waiting = state.waiting.get(activationId);
    if (waiting?.state !== 'awaiting-own') continue;
    stopWaiting(context, waiting);
    fail(context, activationId, 'initialization-failed', container.id);
  }
}

/** The container's runs can never be answered: they are not tried again, since the action may have had effects. */
export function failRunning(context: StepContext, container: Container): void {
  const activationIds = [...container.activations.keys()];
  container.activations.clear();
  indexRunning(context.state, container);
  for (const activationId of activationIds) fail(context, activationId, 'container-failed');
}

/** A container did not come up. Its activation is tried again in its old place of the queue, a bounded number of times. */
export function noteFailedStart(context: StepContext, activationId: string): void {
  const waiting = context.state.waiting.get(activationId);
  if (waiting === undefined) return;
  waiting.failedStarts += 1;
  if (waiting.failedStarts >= mostFailedStarts) {
    stopWaiting(context, waiting);
    fail(context, activationId, 'container-failed');
  } else {
    setWaitingState(context, waiting, 'queued', undefined);
  }
}

/** The container an activation was waiting for is up. */
export function startAwaited(context: StepContext, container: Container, activationId: string): void {
  const waiting = context.state.waiting.get(activationId);
  if (waiting === undefined) throw new Error(`container ${container.id} is claimed by ${activationId}, which does not wait`);
  container.claimedBy = undefined;
  stopWaiting(context, waiting);
  start(context, waiting, actionOf(context.state, waiting.actionKey), { kind: 'take', container, startType: 'cold', clean: 'none' });
}

/** Serves waiting activations as far as that goes. `freed`: the container that has just become idle, or takes more calls than before. */
export function serveWaiting(context: StepContext, freed: Container | undefined): void {
  const { state } = context;
  if (state.waiting.size === 0) return;
  if (freed !== undefined) serveNextOfOwn(context, freed);
  if (freed?.phase === 'idle') serveOnePromised(context, freed);
  serveFromFreedMemory(context);
  if (state.queuedCount + state.awaitingOwnCount === 0) return;
  let reconsidered = 0;
  // What one call of an action goes on waiting for, the others do too: nothing has changed in between.
  const onlyOwn = new Set<ActionKey>();
  for (const waiting of state.waiting.values()) {
    if (waiting.state === 'awaiting-own') {
      if (reconsidered === mostReconsidered) continue;
      reconsidered += 1;
      if (onlyOwn.has(waiting.actionKey)) continue;
    } else if (waiting.state !== 'queued') continue;
    const action = actionOf(state, waiting.actionKey);
    const choice = chooseContainer(context, action, true);
    if (choice.kind === 'await-own') onlyOwn.add(action.key);
    else onlyOwn.clear();
    if (!apply(context, waiting, action, choice)) return;
  }
}

/**
 * A container that takes several calls of its action at once is filled with those that wait for it. With pre-loading, a
 * container that has run stays with its action while calls of it wait: to load for whoever came first, and then back again, would
 * cost both. The first that has no room is overtaken a bounded number of times.
 */
function serveNextOfOwn(context: StepContext, freed: Container): void {
  const { state, config } = context;
  if (freed.ownActionKey === undefined) return;
  const action = actionOf(state, freed.ownActionKey);
  for (const nextId of action.waitingIds) {
    const next = state.waiting.get(nextId);
    if (next === undefined || !takesAnother(context, freed, action)) return;
    // Without pre-loading only what waited for this container's initialisation goes before its turn.
    if (!config.preload && next.state !== 'awaiting-own') continue;
    const head = state.queuedCount === 0 ? undefined : firstQueued(state);
    if (head !== undefined && head.turn < next.turn) {
      if (head.overtakenCount >= mostOvertakings) return;
      head.overtakenCount += 1;
    }
    apply(context, next, action, { kind: 'take', container: freed, startType: 'warm', clean: 'none' });
  }
}

/** An activation whose container is still starting, or still has to be made room for, takes an idle one that appears first. */
function serveOnePromised(context: StepContext, freed: Container): void {
  const { state } = context;
  if (state.waiting.size === state.queuedCount + state.awaitingOwnCount) return;
  for (const waiting of state.waiting.values()) {
    if (waiting.state === 'queued' || waiting.state === 'awaiting-own') continue;
    const action = actionOf(state, waiting.actionKey);
    const take = takeInstead(context, freed, action);
    if (take === undefined) continue;
    apply(context, waiting, action, take);
    return;
  }
}

function serveFromFreedMemory(context: StepContext): void {
  const { state, config } = context;
  if (state.promisedBytes === 0) return;
  for (const waiting of state.waiting.values()) {
    if (waiting.state !== 'awaiting-room') continue;
    const action = actionOf(state, waiting.actionKey);
    if (config.poolMemoryBytes - state.poolUsedBytes < action.memoryLimitBytes) return;
    apply(context, waiting, action, { kind: 'create' });
  }
}

function firstQueued(state: SchedulerState): WaitingActivation | undefined {
  for (const waiting of state.waiting.values()) if (waiting.state === 'queued') return waiting;
  return undefined;
}

/** Sends the activation into an idle container (or the one that has just started for it, or its own that runs others) and keeps the books. */
function start(context: StepContext, { activationId, wasUnserved }: WaitingActivation, action: Action, take: Take): void {
  const { state } = context;
  const { container, startType, clean } = take;
  const formerKey = container.ownActionKey;
  const expectedEndAt = context.now + missingMs(context, container, action) + runMsOf(action);
  const running = { activationId, actionKey: action.key, startType, joinedLoad: false, expectedEndAt, wasUnserved };
  if (container.phase === 'busy') {
    container.activations.set(activationId, running);
    indexRunning(state, container);
    context.commands.push({ type: 'startActivation', activationId, containerId: container.id, actionKey: action.key, startType, clean, init: false });
    return;
  }
  if (container.phase === 'idle') leaveIdle(state, container);
  container.phase = 'busy';
  container.isInitialized = startType === 'warm';
  if (formerKey !== undefined && formerKey !== action.key) leaveFormer(context, container, formerKey, clean);
  const wasResident = container.residents.has(action.key);
  if (wasResident) deleteResident(state, container, action.key);
  container.role = 'warm';
  container.ownActionKey = action.key;
  container.namespace = action.namespace;
  container.prewarmedFor = undefined;
  container.heldForPins = false;
  dropResidents(context, container, (resident) => resident.namespace !== action.namespace);
  const joinedLoad = settleLoad(context, container, action.key);
  if (formerKey !== action.key && !wasResident) {
    if (!joinedLoad) makeRoomForRun(context, container, action);
    container.usedBytes += predictedBytesOf(action);
  }
  container.activations.set(activationId, { ...running, joinedLoad });
  indexRunning(state, container);
  if (loadsOnPath(startType)) noteMiss(context, action);
  context.commands.push({ type: 'startActivation', activationId, containerId: container.id, actionKey: action.key, startType, clean, init: startType !== 'warm' });
}

function noteMiss({ state, config, now }: StepContext, action: Action): void {
  if (action.memoryLimitBytes !== config.stemCellMemoryBytes) return;
  state.recentMisses.push(now);
  if (state.recentMisses.length > recentMissCount) state.recentMisses.shift();
}

function leaveFormer(context: StepContext, container: Container, formerKey: ActionKey, clean: Take['clean']): void {
  if (clean === 'retain') retainFormer(context, container, formerKey);
  else container.usedBytes = Math.max(0, container.usedBytes - predictedBytesOf(actionOf(context.state, formerKey)));
}

/** A load under way in a container that is taken: joined by its own action, cancelled by any other. Returns whether it was joined. */
function settleLoad({ state }: StepContext, container: Container, takerKey: ActionKey): boolean {
  const { load } = container;
  if (load === undefined) return false;
  load.fate = load.actionKey === takerKey ? 'joined' : 'cancelled';
  actionOf(state, load.actionKey).loadingIn.delete(container.id);
  state.dirty.add(load.actionKey);
  return load.fate === 'joined';
}

/** Off-loads residents where the action itself would not fit beside them. */
function makeRoomForRun(context: StepContext, container: Container, action: Action): void {
  let missingBytes = container.usedBytes + predictedBytesOf(action) - container.memoryLimitBytes;
  if (missingBytes <= 0) return;
  for (const resident of leastDenseFirst(context, container)) {
    if (missingBytes <= 0) return;
    startOffload(context, container, resident.actionKey, 'memory-pressure');
    missingBytes -= resident.residentBytes;
  }
}

/** Whether an action may ever run in this pool. */
export function fitsPool(context: StepContext, action: Action): boolean {
  return action.memoryLimitBytes <= context.config.poolMemoryBytes;
}
