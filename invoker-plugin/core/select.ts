// Which container an activation gets. Reads the state and changes nothing; the order of the questions is the policy.
import { freePlacesOf, type Action } from './action.ts';
import type { StartActivation, StartType } from './commands.ts';
import { classOf, type Container } from './container.ts';
import { evictionFor, leastDenseFirst } from './evict.ts';
import { aheadLoadMsOf, busyWindowMsOf, assumedCleanMs, coldStartMsOf, containerStartMsOf, downgradeMsOf, predictedBytesOf, runMsOf, savedMsOf } from './learn.ts';
import { firstContainers, freePoolBytes } from './pool.ts';
import { actionOf, containerOf, idleOfClass, ownSlotsOf, type StepContext } from './state.ts';
import { contestProbability, heldPlaceValueMs, placeValueMs, useProbability, usedPlaceSavesMs } from './value.ts';
import { isPinnedIn } from './wishes.ts';
import { returnProbability } from './worth.ts';

/** With less of the pool free, a place is soon wanted for something else. */
const ampleShare = 0.1;
/** Stopping the process that loads, on the path of the call (measured: 10-30 ms). */
const assumedCancelMs = 20;

export interface Take {
  readonly kind: 'take';
  readonly container: Container;
  readonly startType: StartType;
  readonly clean: StartActivation['clean'];
}
export type Choice =
  | Take
  | { readonly kind: 'await-start'; readonly container: Container }
  | { readonly kind: 'create' }
  | { readonly kind: 'evict'; readonly victims: readonly Container[] }
  | { readonly kind: 'await-own' }
  | { readonly kind: 'wait' };

/**
 * Its own warm container first, one that runs others of its calls and takes one more before one that is idle. Where its own
 * containers take several and one is on its way, it waits for that to be initialised. Then, of the containers that are up and that it may use, the one with the least expected
 * cost: what the call still has to wait for in it, and what others lose. That is, as a rule, one with the artifacts
 * resident, then one in which they are being loaded, then a stem cell or zygote, then (with pre-loading) one of the same
 * namespace that is cleaned for it. A container that is starting for nobody, or a new one, where that costs less or nothing
 * else is there. Then eviction; then waiting. With pre-loading it waits for a container of its own action that is running,
 * where that will be idle before anything else would be ready. `waitsAlready`: it is one of the action's waiting ones.
 */
export function chooseContainer(context: StepContext, action: Action, waitsAlready = false): Choice {
  const own = takeOwn(context, action);
  if (own !== undefined) return own;
  if (action.concurrencyLimit > 1 && action.waitingIds.size + (waitsAlready ? 0 : 1) <= comingSlotsOf(context, action)) return { kind: 'await-own' };
  const up = cheapestThatIsUp(context, action);
  if (context.config.preload && turnMsOf(context, action) < (up?.costMs ?? containerStartMsOf(context.state) + savedMsOf(action))) return { kind: 'await-own' };
  if (up !== undefined && up.costMs < containerStartMsOf(context.state) + savedMsOf(action)) return takeOther(up.container, action);
  for (const id of context.state.unclaimedStarting.get(action.memoryLimitBytes) ?? []) {
    return { kind: 'await-start', container: containerOf(context.state, id) };
  }
  if (freePoolBytes(context) >= action.memoryLimitBytes) return { kind: 'create' };
  if (up !== undefined) return takeOther(up.container, action);
  const victims = evictionFor(context, action);
  return victims === undefined ? { kind: 'wait' } : { kind: 'evict', victims };
}

/** Whether the container, in which calls of its own action may run, takes this action's next. */
export function takesAnother({ state }: StepContext, container: Container, action: Action): boolean {
  return container.ownActionKey === action.key && ownSlotsOf(state, container) > 0;
}

/**
 * For an activation whose container is still starting: whether this container, idle now, serves it at once. Another
 * action's container of the namespace does so (with pre-loading) where it is missed less than a start costs.
 */
export function takeInstead(context: StepContext, container: Container, action: Action): Take | undefined {
  if (container.ownActionKey === action.key) return { kind: 'take', container, startType: 'warm', clean: 'none' };
  if (!isUsableBy(container, action)) return undefined;
  if (container.role !== 'warm') return takeOther(container, action);
  if (!context.config.preload || displacedMs(context, container, action) >= containerStartMsOf(context.state)) return undefined;
  return takeOther(container, action);
}

/**
 * Calls that the action's containers will take that are being initialised, starting, or being made room for. As in the stock
 * ContainerPool, calls that come at once fill one container up to the limit before they ask for a second. Those that wait for
 * their own start are among the calls, and in the count.
 */
function comingSlotsOf({ state }: StepContext, action: Action): number {
  let slots = action.comingOwnCount * action.concurrencyLimit;
  for (const { isInitialized, isUnusable, activations } of firstContainers({ state }, action.busyOwn)) {
    if (!isInitialized && !isUnusable) slots += action.concurrencyLimit - activations.size;
  }
  return slots;
}

function takeOwn({ state }: StepContext, action: Action): Take | undefined {
  const [openId] = action.openOwn;
  if (openId !== undefined) return { kind: 'take', container: containerOf(state, openId), startType: 'warm', clean: 'none' };
  // The one used last: the others may then reach the end of their keep-alive.
  let latest: Container | undefined;
  for (const id of action.idleOwn) {
    const container = containerOf(state, id);
    if (latest === undefined || container.idleSince >= latest.idleSince) latest = container;
  }
  return latest === undefined ? undefined : { kind: 'take', container: latest, startType: 'warm', clean: 'none' };
}

/**
 * Until one of the action's own containers that are running now could serve one more call, in ms; Infinity where none runs.
 * Worked: one container that is busy for another 100 ms, runs of 250 ms, one call waiting for it: 100 + 250; had the action a
 * limit of 5 in that container: 100 + 50.
 */
export function turnMsOf({ state, now }: StepContext, action: Action): number {
  if (action.busyOwn.size === 0) return Infinity;
  let earliestMs = Infinity;
  for (const { activations, isUnusable } of firstContainers({ state }, action.busyOwn)) {
    if (isUnusable) continue;
    const [oldest] = activations.values();
    const leftMs = Math.abs((oldest?.expectedEndAt ?? now) - now);
    earliestMs = Math.min(earliestMs, leftMs);
  }
  return earliestMs + (action.waitingIds.size / (action.busyOwn.size * action.concurrencyLimit)) * runMsOf(action);
}

function cheapestThatIsUp(context: StepContext, action: Action): { container: Container; costMs: number } | undefined {
  const { state, config } = context;
  const limit = action.memoryLimitBytes;
  const candidates = [
    action.idleResident,
    action.loadingIn,
    idleOfClass(state, classOf('stem', limit, undefined)),
    idleOfClass(state, classOf('zygote', limit, undefined)),
  ];
  if (config.preload) candidates.push(idleOfClass(state, classOf('warm', limit, action.namespace)));
  let cheapest: { container: Container; costMs: number } | undefined;
  for (const ids of candidates) {
    for (const container of firstContainers(context, ids)) {
      if (!isUsableBy(container, action)) continue;
      const costMs = costOfTaking(context, container, action, cheapest?.costMs ?? Infinity);
      if (cheapest === undefined || costMs < cheapest.costMs) cheapest = { container, costMs };
    }
  }
  return cheapest;
}

/**
 * Expected ms that the call takes longer in this container than in its own warm one, and that others lose by it. What would
 * be `limitMs` or more is not worked out to the end: most candidates lose to the first by what they miss alone.
 */
function costOfTaking(context: StepContext, container: Container, action: Action, limitMs: number): number {
  const ownMs = (container.role === 'warm' ? assumedCleanMs : 0) + missingMs(context, container, action);
  return ownMs >= limitMs ? ownMs : ownMs + displacedMs(context, container, action, { ownMs, limitMs });
}

/** What is left of loading the artifacts when the call takes the container now. */
export function missingMs({ now }: StepContext, container: Container, action: Action): number {
  if (container.residents.has(action.key) || container.ownActionKey === action.key) return 0;
  if (container.load?.actionKey !== action.key) return savedMsOf(action);
  // A load that is overdue is expected to take as long again as it is late by.
  return Math.abs(aheadLoadMsOf(action) - (now - container.load.startedAt));
}

/** Whether the action may run in this idle container at all. */
function isUsableBy(container: Container, action: Action): boolean {
  if (container.phase !== 'idle' || container.memoryLimitBytes !== action.memoryLimitBytes) return false;
  return container.role !== 'warm' || container.namespace === action.namespace;
}

/**
 * Expected ms that others lose when `taker` gets the container. Its own action starts cold if it is called while the taker
 * runs, and pre-loaded instead of warm if later; residents of the taker's namespace miss the container while the taker
 * runs; residents of other namespaces, a load that is under way and all that has to go so that the taker fits are lost for
 * as long as places are held against each other. Once the sum and `ownMs` reach `limitMs` it is not added up to the end. What
 * is pinned here counts as if its next call were certain. Priorities count for nothing: they are no reason to let a call wait.
 */
function displacedMs(context: StepContext, container: Container, taker: Action, bound?: { readonly ownMs: number; readonly limitMs: number }): number {
  const { state, config, now } = context;
  const takenMs = busyWindowMsOf(taker);
  let missingBytes = missingBytesFor(container, taker);
  let lostMs = 0;
  if (container.ownActionKey !== undefined && container.ownActionKey !== taker.key) {
    const own = actionOf(state, container.ownActionKey);
    const othersFree = freePlacesOf(own) - 1;
    lostMs += useProbability(own, othersFree, now, takenMs, config) * coldStartMsOf(state, own);
    lostMs += contestProbability(own, own.idleOwn.size - 1, now, config) * downgradeMsOf(own);
    // Its own slot goes before residents do.
    if (missingBytes > 0) lostMs += Math.max(placeValueMs(own, othersFree, now, config) / own.wishes.priority, keptForMs(context, own, taker));
    missingBytes -= predictedBytesOf(own);
  }
  const { load } = container;
  if (load !== undefined && load.actionKey !== taker.key) {
    const loading = actionOf(state, load.actionKey);
    lostMs += assumedCancelMs + heldPlaceValueMs(state, loading, config) / loading.wishes.priority;
  }
  let goes: ReadonlySet<string> | undefined;
  for (const key of container.residents.keys()) {
    if (key === taker.key) continue;
    if (bound !== undefined && bound.ownMs + lostMs >= bound.limitMs) return lostMs;
    const resident = actionOf(state, key);
    goes ??= residentsThatGo(context, container, missingBytes);
    const stays = resident.namespace === taker.namespace && !goes.has(key);
    const othersFree = freePlacesOf(resident) - 1;
    const missed = stays ? useProbability(resident, othersFree, now, takenMs, config) : contestProbability(resident, othersFree, now, config);
    lostMs += (isPinnedIn(resident, container.id) ? 1 : missed) * usedPlaceSavesMs(resident, othersFree, now, config);
  }
  return lostMs;
}

/** While memory is ample, a place that is not taken is kept for long: what it then saves when its action comes back. */
function keptForMs(context: StepContext, own: Action, taker: Action): number {
  if (freePoolBytes(context) < Math.max(taker.memoryLimitBytes, ampleShare * context.config.poolMemoryBytes)) return 0;
  return returnProbability(own, context.now, context.config.valueHorizonMs) * savedMsOf(own);
}

/** Memory that the container lacks for the taker beside what it holds, in bytes; 0 or less where it fits. */
function missingBytesFor(container: Container, taker: Action): number {
  const isThere = container.ownActionKey === taker.key || container.residents.has(taker.key) || container.load?.actionKey === taker.key;
  return isThere ? 0 : container.usedBytes + predictedBytesOf(taker) - container.memoryLimitBytes;
}

/** Which residents leave the container for so many bytes: least value per byte first. */
function residentsThatGo(context: StepContext, container: Container, missingBytes: number): ReadonlySet<string> {
  const going = new Set<string>();
  if (missingBytes <= 0) return going;
  let leftBytes = missingBytes;
  for (const { actionKey, residentBytes } of leastDenseFirst(context, container)) {
    if (leftBytes <= 0) break;
    going.add(actionKey);
    leftBytes -= residentBytes;
  }
  return going;
}

/** Takes a container that is not the action's own; what its former action leaves stays where there is room. */
function takeOther(container: Container, action: Action): Take {
  const isResident = container.residents.has(action.key);
  const neededBytes = isResident || container.load?.actionKey === action.key ? 0 : predictedBytesOf(action);
  const fits = container.usedBytes + neededBytes <= container.memoryLimitBytes;
  const clean = container.role === 'warm' ? (fits ? 'retain' : 'discard') : 'none';
  return { kind: 'take', container, startType: isResident ? 'preloaded' : 'prewarmed', clean };
}
