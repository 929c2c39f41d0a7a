// The life of containers: made, idle, cleaned, removed; stem cells and keep-alive. Who runs in them is decided elsewhere.
import type { ActionKey } from '../../common/action-identity.ts';
import type { CleanContainer, CreateContainer, RemoveContainer } from './commands.ts';
import type { SchedulerConfig } from './config.ts';
import type { ContainerFound, ContainerId } from './events.ts';
import { predictedBytesOf } from './learn.ts';
import {
  actionOf,
  addResident,
  classOf,
  containerOf,
  deleteResident,
  endMakingRoom,
  enterIdle,
  idleOfClass,
  indexRunning,
  leaveIdle,
  type Action,
  type Container,
  type StepContext,
} from './state.ts';
import { pushTimer } from './timers.ts';
import { holdsPin, isIdleOver, lookAgainAtPins, mayHoldMore, wishedKeepAliveMs } from './wishes.ts';
import { isReserveWorthIts, isWorthItsMemory, isWorthStarting, staysWorthMs } from './worth.ts';

/** A plan may shorten or lengthen the configured keep-alive by these factors, so that one odd history cannot empty or fill the pool. */
const leastKeepAliveShare = 0.1;
const mostKeepAliveShare = 4;
/** A container whose window ends while a load is under way in it is looked at again after this long. */
const loadGraceMs = 1000;
/** A container that is kept for pinned places past its window is looked at again after this long. */
const heldLookMs = 60_000;
/**
 * An idle container's worth is looked at again after this long, and later the longer it is idle: it falls with the silence, slower and
 * slower. While it is sure to be worth its memory it is looked at as seldom as this.
 */
const worthLookMs = 10_000;
const worthLookShare = 0.25;
const longestWorthLookMs = 300_000;
/** Waiting time after the first failed start of a stem cell; doubles with each further one up to the limit. */
const firstStemCellRetryMs = 1000;
const longestStemCellRetryMs = 60_000;

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

/** When an idle container is to be looked at again; undefined: not before something happens to it. */
function nextLookAt(context: StepContext, container: Container): number | undefined {
  const endsAt = container.heldForPins ? context.now + heldLookMs : deadlineOf(context, container);
  if (!isPriced(context, container)) return endsAt;
  const sureMs = Math.min(longestWorthLookMs, staysWorthMs(context, container));
  return Math.min(endsAt ?? Infinity, Math.ceil(context.now + Math.max(worthLookMs, worthLookShare * (context.now - container.idleSince), sureMs)));
}

/** Whether the container may go once its memory is not worth it: no stem cell that was asked for, as long as no other is there in its place. */
function isPriced(context: StepContext, { role, memoryLimitBytes, isBorrowed, heldForPins }: Container): boolean {
  if (!isMemoryPriced(context) || isBorrowed || heldForPins) return false;
  return role !== 'stem' || idleOfClass(context.state, classOf('stem', memoryLimitBytes, undefined)).size > askedStemCells(context, memoryLimitBytes);
}

/**
 * Whether it is not worth its memory any more; one that nothing has run in yet has a minute to be filled. Where stem cells that were
 * asked for are missing, one would be started in its place at once, with nothing in it.
 */
function hasLostItsWorth(context: StepContext, container: Container): boolean {
  const leastIdleMs = container.role === 'stem' ? context.config.valueHorizonMs : worthLookMs;
  if (!isPriced(context, container) || context.now - container.idleSince < leastIdleMs) return false;
  if (container.load !== undefined || container.makingRoomFor !== undefined || holdsPin(context.state, container)) return false;
  const isAskedForStemCells = context.policy.stemCellCount(context.config) > 0;
  if (container.role === 'stem' ? !hasSurplusStemCells(context, container.memoryLimitBytes) : isAskedForStemCells && missingStemCells(context) > 0) return false;
  return !isWorthItsMemory(context, container);
}

/** How long an idle container is kept for its own action. */
function keepAliveMsOf(action: Action, config: SchedulerConfig): number {
  const planned = action.plan?.keepAliveWindowMs;
  const plannedMs = planned === undefined ? config.keepAliveMs : Math.min(Math.max(planned, leastKeepAliveShare * config.keepAliveMs), mostKeepAliveShare * config.keepAliveMs);
  return wishedKeepAliveMs(action, plannedMs);
}

/** When an idle container's window ends; undefined for a stem cell that belongs to the stock, or to another invoker, and for what is kept for pinned places. */
export function deadlineOf(context: StepContext, container: Container): number | undefined {
  const { state, config } = context;
  if (container.isBorrowed || container.heldForPins) return undefined;
  switch (container.role) {
    case 'warm':
      return container.idleSince + keepAliveMsOf(actionOf(state, container.ownActionKey ?? ''), config);
    case 'zygote':
      return container.idleSince + config.zygoteWindowMs;
    case 'stem': {
      const awaited = container.prewarmedFor === undefined ? undefined : state.actions.get(container.prewarmedFor);
      if (awaited !== undefined) return container.idleSince + keepAliveMsOf(awaited, config);
      return hasSurplusStemCells(context, container.memoryLimitBytes) ? container.idleSince + config.zygoteWindowMs : undefined;
    }
  }
}

/** How many stem cells of that size the operator asks for. */
function askedStemCells({ policy, config }: StepContext, memoryLimitBytes: number): number {
  return memoryLimitBytes === config.stemCellMemoryBytes ? policy.stemCellCount(config) : 0;
}

function stemCellTarget(context: StepContext, memoryLimitBytes: number): number {
  const asked = askedStemCells(context, memoryLimitBytes);
  const mayBeReserve = asked === 0 && memoryLimitBytes === context.config.stemCellMemoryBytes;
  return mayBeReserve && isMemoryPriced(context) && isReserveWorthIts(context) ? 1 : asked;
}

/** Whether containers come and go by what they are worth: where they become zygotes at all, and with pre-loading. */
function isMemoryPriced({ config, policy }: StepContext): boolean {
  return config.preload && config.memoryPriceMsPerGibSecond > 0 && policy.afterKeepAlive === 'zygote';
}

function hasSurplusStemCells(context: StepContext, memoryLimitBytes: number): boolean {
  const idleCount = idleOfClass(context.state, classOf('stem', memoryLimitBytes, undefined)).size;
  return idleCount > stemCellTarget(context, memoryLimitBytes);
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

/** Which window of a warm container is over: the keep-alive, or the shorter time that its action wishes. */
function endedWindowOf({ state, now }: StepContext, { ownActionKey }: Container): 'keep-alive-over' | 'idle-ttl' {
  const own = actionOf(state, ownActionKey ?? '');
  return own.wishes.idleMs !== 0 && isIdleOver(own, now) ? 'idle-ttl' : 'keep-alive-over';
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
  endMakingRoom(context.state, container);
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
  endMakingRoom(state, container);
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

/** How many stem cells are fewer, those included that are starting, than there should be. */
function missingStemCells(context: StepContext): number {
  const { state, config } = context;
  const limit = config.stemCellMemoryBytes;
  const starting = state.unclaimedStarting.get(limit)?.size ?? 0;
  return stemCellTarget(context, limit) - starting - idleOfClass(state, classOf('stem', limit, undefined)).size;
}

/** Starts stem cells up to the policy's count, or one in reserve where none was asked for and one is worth its memory, while the pool has room; never at the expense of a waiting activation. */
export function replenishStemCells(context: StepContext): void {
  const { state, config, policy, now } = context;
  const target = stemCellTarget(context, config.stemCellMemoryBytes);
  if (target === 0 || state.queuedCount > 0 || state.promisedBytes > 0 || now < state.retryStemCellAt) return;
  const limit = config.stemCellMemoryBytes;
  let missing = missingStemCells(context);
  while (missing > 0 && freePoolBytes(context) >= limit) {
    createContainer(context, limit, policy.stemCellCount(config) > 0 ? 'stem-cell' : 'reserve', {});
    missing -= 1;
  }
}

/** A container for nobody in particular did not start: the next try waits longer each time. */
export function noteFailedStemCell(context: StepContext): void {
  const { state, now } = context;
  state.stemCellFailures += 1;
  const delayMs = Math.min(longestStemCellRetryMs, firstStemCellRetryMs * 2 ** Math.min(state.stemCellFailures - 1, 16));
  state.retryStemCellAt = now + delayMs;
  pushTimer(state, state.retryStemCellAt, 'stem-cells', '');
}

/** Starts a container when the action's pre-warm window is over and it has no place at all; once for each arrival. */
export function startPrewarmed(context: StepContext, action: Action): void {
  const { state } = context;
  if (state.queuedCount > 0 || freePoolBytes(context) < action.memoryLimitBytes) return;
  action.prewarmedAfter = action.lastArrivalAt;
  const isServed =
    action.idleOwn.size + action.openOwn.size + action.idleResident.size > 0 ||
    (state.unclaimedStarting.get(action.memoryLimitBytes)?.size ?? 0) > 0 ||
    idleOfClass(state, classOf('stem', action.memoryLimitBytes, undefined)).size > 0 ||
    idleOfClass(state, classOf('zygote', action.memoryLimitBytes, undefined)).size > 0;
  if (!isServed) createContainer(context, action.memoryLimitBytes, 'prewarm-window', { prewarmedFor: action.key });
}

/** Starts a container for a pinned place that no other has room for, where it would have room itself, and memory is free and may be spent on it. */
export function startForPin(context: StepContext, action: Action): void {
  const { state, config, now } = context;
  const { memoryLimitBytes } = action;
  const hasRoom = memoryLimitBytes * (1 - config.headroomShare) - state.freshUsedBytes >= predictedBytesOf(action);
  const isNeededElsewhere = state.queuedCount > 0 || state.promisedBytes > 0 || freePoolBytes(context) < memoryLimitBytes;
  const isOneComing = state.loadsInFlight > 0 || state.unclaimedStarting.has(memoryLimitBytes) || now < state.retryStemCellAt;
  if (!hasRoom || isNeededElsewhere || isOneComing || !mayHoldMore(context, memoryLimitBytes)) return;
  createContainer(context, memoryLimitBytes, 'pinned', { heldForPins: true });
}

/** Starts a container for what is wanted and has found no room, where that is worth its memory. Returns whether one is coming. */
export function startForWorth(context: StepContext, action: Action): boolean {
  const { state, now } = context;
  const { memoryLimitBytes } = action;
  const isNeededElsewhere = state.queuedCount > 0 || state.promisedBytes > 0 || freePoolBytes(context) < memoryLimitBytes;
  if (!isMemoryPriced(context) || isNeededElsewhere || now < state.retryStemCellAt) return false;
  if (state.unclaimedStarting.has(memoryLimitBytes)) return true;
  if (!isWorthStarting(context, action)) return false;
  createContainer(context, memoryLimitBytes, 'worth-its-memory', {});
  return true;
}

/** The containers whose ids are given, at most `count`, in order. */
export function firstContainers(context: Pick<StepContext, 'state'>, ids: ReadonlySet<string>, count: number): Container[] {
  const found: Container[] = [];
  for (const id of ids) {
    if (found.length === count) break;
    found.push(containerOf(context.state, id));
  }
  return found;
}
