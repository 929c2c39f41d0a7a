// Which container an activation gets. Reads the state and changes nothing; the order of the questions is the policy.
import { aheadLoadMsOf, busyWindowMsOf, assumedCleanMs, coldStartMsOf, containerStartMsOf, downgradeMsOf, loadMsOf, predictedBytesOf, savedMsOf } from './learn.ts';
import type { StartActivation, StartType } from './commands.ts';
import { evictionFor } from './evict.ts';
import { firstContainers, freePoolBytes } from './pool.ts';
import { actionOf, classOf, containerOf, freePlacesOf, idleOfClass, type Action, type Container, type StepContext } from './state.ts';
import { useProbability } from './value.ts';

/** Candidates of one class that are compared; the longest idle ones. Keeps an arrival cheap whatever the pool's size. */
const comparedCandidates = 48;

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
  | { readonly kind: 'wait' };

/**
 * In this order: own warm container; one with the artifacts resident; one in which they are being loaded and will be ready
 * sooner than a fresh load; stem cell or zygote; (with pre-loading) a container of the same namespace that is missed less
 * than a start costs; a container that is starting for nobody; a new one; (with pre-loading) any container of the same
 * namespace; eviction; waiting.
 */
export function chooseContainer(context: StepContext, action: Action): Choice {
  const { config } = context;
  const ready = takeOwn(context, action) ?? takeResident(context, action) ?? joinLoad(context, action) ?? takeBlank(context, action);
  if (ready !== undefined) return ready;
  const reusable = config.preload ? cheapestReusable(context, action) : undefined;
  if (reusable !== undefined && reusable.costMs < containerStartMsOf(context.state)) return takeOther(reusable.container, action);
  for (const id of context.state.unclaimedStarting.get(action.memoryLimitBytes) ?? []) {
    return { kind: 'await-start', container: containerOf(context.state, id) };
  }
  if (freePoolBytes(context) >= action.memoryLimitBytes) return { kind: 'create' };
  if (reusable !== undefined) return takeOther(reusable.container, action);
  const victims = evictionFor(context, action);
  return victims === undefined ? { kind: 'wait' } : { kind: 'evict', victims };
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

function takeOwn({ state }: StepContext, action: Action): Take | undefined {
  // The one used last: the others may then reach the end of their keep-alive.
  let latest: Container | undefined;
  for (const id of action.idleOwn) {
    const container = containerOf(state, id);
    if (latest === undefined || container.idleSince >= latest.idleSince) latest = container;
  }
  return latest === undefined ? undefined : { kind: 'take', container: latest, startType: 'warm', clean: 'none' };
}

function takeResident(context: StepContext, action: Action): Take | undefined {
  const container = cheapest(context, action, firstContainers(context, action.idleResident, comparedCandidates));
  return container === undefined ? undefined : takeOther(container, action);
}

function joinLoad(context: StepContext, action: Action): Take | undefined {
  for (const id of action.loadingIn) {
    const container = containerOf(context.state, id);
    const { load } = container;
    if (load === undefined || !isUsableBy(container, action)) continue;
    const elapsedMs = context.now - load.startedAt;
    // Overdue loads are expected to take as long again as they are late by.
    const remainingMs = Math.abs(aheadLoadMsOf(action) - elapsedMs);
    if (remainingMs <= loadMsOf(action)) return takeOther(container, action);
  }
  return undefined;
}

function takeBlank(context: StepContext, action: Action): Take | undefined {
  for (const role of ['stem', 'zygote'] as const) {
    const ids = idleOfClass(context.state, classOf(role, action.memoryLimitBytes, undefined));
    const container = cheapest(context, action, firstContainers(context, ids, comparedCandidates));
    if (container !== undefined) return takeOther(container, action);
  }
  return undefined;
}

function cheapestReusable(context: StepContext, action: Action): { container: Container; costMs: number } | undefined {
  const ids = idleOfClass(context.state, classOf('warm', action.memoryLimitBytes, action.namespace));
  const container = cheapest(context, action, firstContainers(context, ids, comparedCandidates));
  return container === undefined ? undefined : { container, costMs: displacedMs(context, container, action) };
}

/** Whether the action may run in this idle container at all. */
function isUsableBy(container: Container, action: Action): boolean {
  if (container.phase !== 'idle' || container.memoryLimitBytes !== action.memoryLimitBytes) return false;
  return container.role !== 'warm' || container.namespace === action.namespace;
}

/** The container that is missed least; one with a load under way only where there is no other. */
function cheapest(context: StepContext, action: Action, candidates: readonly Container[]): Container | undefined {
  let best: Container | undefined;
  let bestCost = Infinity;
  for (const container of candidates) {
    if (!isUsableBy(container, action)) continue;
    const cancelled = container.load !== undefined && container.load.actionKey !== action.key;
    const cleanMs = container.role === 'warm' ? assumedCleanMs : 0;
    const cost = displacedMs(context, container, action) + cleanMs + (cancelled ? cancelledLoadCostMs : 0);
    if (cost < bestCost) [best, bestCost] = [container, cost];
  }
  return best;
}
/** Larger than any latency: puts containers with a load under way behind all others. */
const cancelledLoadCostMs = 1e9;

/**
 * Expected ms that others lose when `taker` gets the container. Its own action starts cold if it is called while the taker
 * runs, and pre-loaded instead of warm if later; residents of the taker's namespace miss the container while the taker
 * runs; residents of other namespaces are lost for the whole horizon.
 */
export function displacedMs(context: StepContext, container: Container, taker: Action): number {
  const { state, config, now } = context;
  const takenMs = busyWindowMsOf(taker);
  let lostMs = 0;
  if (container.ownActionKey !== undefined && container.ownActionKey !== taker.key) {
    const own = actionOf(state, container.ownActionKey);
    const othersFree = freePlacesOf(own) - 1;
    lostMs += useProbability(own, othersFree, now, takenMs, config) * coldStartMsOf(state, own);
    lostMs += useProbability(own, own.idleOwn.size - 1, now, config.valueHorizonMs, config) * downgradeMsOf(own);
  }
  for (const key of container.residents.keys()) {
    if (key === taker.key) continue;
    const resident = actionOf(state, key);
    const missedMs = resident.namespace === taker.namespace ? takenMs : config.valueHorizonMs;
    lostMs += useProbability(resident, freePlacesOf(resident) - 1, now, missedMs, config) * savedMsOf(resident);
  }
  return lostMs;
}

/** Takes a container that is not the action's own; what its former action leaves stays where there is room. */
function takeOther(container: Container, action: Action): Take {
  const isResident = container.residents.has(action.key);
  const neededBytes = isResident || container.load?.actionKey === action.key ? 0 : predictedBytesOf(action);
  const fits = container.usedBytes + neededBytes <= container.memoryLimitBytes;
  const clean = container.role === 'warm' ? (fits ? 'retain' : 'discard') : 'none';
  return { kind: 'take', container, startType: isResident ? 'preloaded' : 'prewarmed', clean };
}
