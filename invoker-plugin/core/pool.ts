// The life of containers: made, idle, cleaned, removed. When their time is over and who runs in them is decided elsewhere.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Action } from './action.ts';
import type { CleanContainer, CreateContainer, RemoveContainer } from './commands.ts';
import type { Container } from './container.ts';
import type { ContainerFound, ContainerId } from './events.ts';
import { addResident, deleteResident, endMakingRoom, enterIdle, indexRunning, leaveIdle } from './indexes.ts';
import { predictedBytesOf } from './learn.ts';
import { actionOf, containerOf, type StepContext } from './state.ts';
import { pushTimer } from './timers.ts';
import { endedWindowOf, hasLostItsWorth, heldLookMs, nextLookAt } from './windows.ts';
import { holdsPin, isIdleOver, lookAgainAtPins, mayHoldMore } from './wishes.ts';

/** A container whose window ends while a load is under way in it is looked at again after this long. */
const loadGraceMs = 1000;

/** Memory that a new container may take: neither in use nor promised to a waiting activation. */
export function freePoolBytes(context: StepContext): number {
  return context.config.poolMemoryBytes - context.state.poolUsedBytes - promisedUnfreedBytes(context);
}

/** Promises are kept from what is being removed; only what already came free of it has to be held back. */
function promisedUnfreedBytes({ state }: StepContext): number {
  return Math.max(0, state.promisedBytes - state.removingBytes);
}

function blankContainer(id: ContainerId, memoryLimitBytes: number, now: number): Container {
  return {
    id,
    memoryLimitBytes,
    phase: 'starting',
    role: 'stem',
    ownActionKey: undefined,
    namespace: undefined,
    usedBytes: 0,
    residents: new Map(),
    releasing: new Map(),
    load: undefined,
    activations: new Map(),
    isInitialized: false,
    isUnusable: false,
    claimedBy: undefined,
    retaining: false,
    makingRoomFor: undefined,
    madeRoomBy: [],
    prewarmedFor: undefined,
    heldForPins: false,
    isBorrowed: false,
    idleSince: now,
    timerAt: undefined,
  };
}

/** Takes another invoker's stem cell into the books; its memory is not the pool's. */
export function borrowContainer(context: StepContext, { containerId, memoryLimitBytes, usedBytes }: ContainerFound): void {
  const { state, now } = context;
  if (state.containers.has(containerId)) return;
  const container: Container = { ...blankContainer(containerId, memoryLimitBytes, now), usedBytes, isBorrowed: true };
  state.containers.set(containerId, container);
  countBorrowed(context, memoryLimitBytes, 1);
  makeIdle(context, container);
}

/** With their number, what an artifact in one of them is worth changes: every action of this size is looked at again. */
function countBorrowed({ state }: StepContext, memoryLimitBytes: number, change: number): void {
  state.borrowedCounts.set(memoryLimitBytes, (state.borrowedCounts.get(memoryLimitBytes) ?? 0) + change);
  for (const action of state.actions.values()) if (action.memoryLimitBytes === memoryLimitBytes) state.dirty.add(action.key);
}

/** Asks for a new container. The pool must have room. `claimedBy`: the activation that waits for it. */
export function createContainer(
  context: StepContext,
  memoryLimitBytes: number,
  reason: CreateContainer['reason'],
  purpose: { claimedBy?: string; prewarmedFor?: ActionKey; heldForPins?: boolean },
): Container {
  const { state } = context;
  const container: Container = { ...blankContainer(`c${state.nextContainerNumber++}`, memoryLimitBytes, context.now), ...purpose };
  state.containers.set(container.id, container);
  state.poolUsedBytes += memoryLimitBytes;
  if (container.claimedBy === undefined) addUnclaimed(context, container);
  context.commands.push({ type: 'createContainer', containerId: container.id, memoryLimitBytes, reason });
  return container;
}

/** A starting container that nobody waits for may be claimed by the next activation. */
export function addUnclaimed({ state }: StepContext, container: Container): void {
  container.claimedBy = undefined;
  const sameLimit = state.unclaimedStarting.get(container.memoryLimitBytes);
  if (sameLimit === undefined) state.unclaimedStarting.set(container.memoryLimitBytes, new Set([container.id]));
  else sameLimit.add(container.id);
}

export function deleteUnclaimed({ state }: StepContext, container: Container): void {
  const sameLimit = state.unclaimedStarting.get(container.memoryLimitBytes);
  sameLimit?.delete(container.id);
  if (sameLimit?.size === 0) state.unclaimedStarting.delete(container.memoryLimitBytes);
}

/** The container can be given to activations and loads from now on. */
export function makeIdle(context: StepContext, container: Container): void {
  enterIdle(context.state, container);
  noteRoom(context, container);
  const deadline = nextLookAt(context, container);
  if (deadline !== undefined) setContainerTimer(context, container, deadline);
}

/** The container may have room for a load that did not fit before. */
export function noteRoom({ state, roomy }: StepContext, container: Container): void {
  roomy.add(container.id);
  state.roomEpochs.set(container.memoryLimitBytes, (state.roomEpochs.get(container.memoryLimitBytes) ?? 0) + 1);
}

function setContainerTimer({ state }: StepContext, container: Container, at: number): void {
  // An earlier timer that is still out sets the right one when it fires: one entry for each container, however often it is used.
  if (container.timerAt !== undefined && container.timerAt <= at) return;
  container.timerAt = Math.ceil(at);
  pushTimer(state, container.timerAt, 'container', container.id);
}

/** A container's timer fired: ends its keep-alive or zygote window if that is over, else waits on. */
export function checkWindow(context: StepContext, container: Container): void {
  container.timerAt = undefined;
  if (container.phase !== 'idle') return;
  if (container.heldForPins) container.heldForPins = container.load !== undefined || holdsPin(context.state, container);
  if (hasLostItsWorth(context, container)) return removeContainer(context, container, 'not-worth-its-memory');
  const deadline = nextLookAt(context, container);
  if (deadline === undefined) return;
  if (deadline > context.now) {
    setContainerTimer(context, container, deadline);
    return;
  }
  if (container.load !== undefined) {
    setContainerTimer(context, container, context.now + loadGraceMs);
    return;
  }
  if (container.role === 'warm' && context.policy.afterKeepAlive === 'zygote') return cleanContainer(context, container);
  if (holdsPin(context.state, container) && mayHoldMore(context, container.memoryLimitBytes)) {
    container.heldForPins = true;
    setContainerTimer(context, container, context.now + heldLookMs);
    return;
  }
  if (container.role === 'stem') removeContainer(context, container, 'surplus-stem-cell');
  else if (container.role === 'zygote') removeContainer(context, container, 'zygote-window-over');
  else removeContainer(context, container, endedWindowOf(context, container));
}

function cleanContainer(context: StepContext, container: Container): void {
  const own = actionOf(context.state, container.ownActionKey ?? '');
  const retains = context.config.preload && !own.removed && !isIdleOver(own, context.now);
  startCleaning(context, container, retains, endedWindowOf(context, container));
}

/** Takes the own action out of an idle container, for something that is worth more. */
export function giveUpOwn(context: StepContext, container: Container): void {
  startCleaning(context, container, false, 'evicted-for-value');
}

function startCleaning(context: StepContext, container: Container, retain: boolean, reason: CleanContainer['reason']): void {
  leaveIdle(context.state, container);
  container.phase = 'cleaning';
  container.retaining = retain;
  context.commands.push({ type: 'cleanContainer', containerId: container.id, retain, reason });
}

/** The clean container becomes a zygote; what it holds stays. */
export function finishCleaning(context: StepContext, container: Container, usedBytes: number): void {
  const formerKey = container.ownActionKey ?? '';
  container.usedBytes = usedBytes;
  container.role = 'zygote';
  container.ownActionKey = undefined;
  container.namespace = undefined;
  container.idleSince = context.now;
  endMakingRoom(context, container);
  if (container.retaining) retainFormer(context, container, formerKey);
  makeIdle(context, container);
}

/** The slot of a container's former own action stays in it, frozen. */
export function retainFormer({ state, now }: StepContext, container: Container, formerKey: ActionKey): void {
  const residentBytes = predictedBytesOf(actionOf(state, formerKey));
  addResident(state, container, { actionKey: formerKey, residentBytes, since: now, retained: true });
}

/** Asks for the container to go. Its memory counts until it is gone; what it holds is lost from now on. */
export function removeContainer(context: StepContext, container: Container, reason: RemoveContainer['reason']): void {
  const { state } = context;
  if (container.phase === 'idle') leaveIdle(state, container);
  container.phase = 'removing';
  state.removingBytes += container.memoryLimitBytes;
  dropResidents(context, container, () => true);
  context.commands.push({ type: 'removeContainer', containerId: container.id, reason });
}

/** The container cannot be reasoned about any more: it goes as soon as nothing runs in it, and takes nothing until then. */
export function retireContainer(context: StepContext, container: Container): void {
  container.isUnusable = true;
  indexRunning(context.state, container);
  if (container.activations.size === 0) removeContainer(context, container, 'unusable');
}

/** Artifacts that went with a container, or when another namespace's action took it: to be re-packed if still worth it. */
export function dropResidents({ state }: StepContext, container: Container, isLost: (action: Action) => boolean): void {
  for (const resident of [...container.residents.values()]) {
    const action = actionOf(state, resident.actionKey);
    if (!isLost(action)) continue;
    deleteResident(state, container, action.key);
    container.usedBytes = Math.max(0, container.usedBytes - resident.residentBytes);
    if (!resident.retained) action.hasLostReplica = true;
  }
}

/** The container is gone: gives its memory back to the pool and forgets it. */
export function forgetContainer(context: StepContext, container: Container): void {
  const { state } = context;
  if (container.phase === 'idle') leaveIdle(state, container);
  if (container.phase === 'removing') state.removingBytes -= container.memoryLimitBytes;
  if (container.phase === 'starting' && container.claimedBy === undefined) deleteUnclaimed(context, container);
  dropResidents(context, container, () => true);
  if (container.load !== undefined) endLoad(context, container);
  endMakingRoom(context, container);
  if (container.isBorrowed) countBorrowed(context, container.memoryLimitBytes, -1);
  else state.poolUsedBytes -= container.memoryLimitBytes;
  state.containers.delete(container.id);
  lookAgainAtPins(state);
}

/** Takes the load in flight out of the books, however it ended. */
export function endLoad({ state }: StepContext, container: Container): void {
  const { load } = container;
  if (load === undefined) return;
  container.load = undefined;
  state.loadsInFlight -= 1;
  actionOf(state, load.actionKey).loadingIn.delete(container.id);
  state.dirty.add(load.actionKey);
}

/** Candidates of one class that are compared; the longest idle ones. Keeps a step cheap whatever the pool's size. */
const comparedCandidates = 48;

/** The containers whose ids are given, in order; as many as are compared. */
export function firstContainers(context: Pick<StepContext, 'state'>, ids: ReadonlySet<string>): Container[] {
  const found: Container[] = [];
  for (const id of ids) {
    if (found.length === comparedCandidates) break;
    found.push(containerOf(context.state, id));
  }
  return found;
}
