// Who has to go: containers for an activation that needs their memory, and residents for a load that is worth more.
// Reads the state and changes nothing.
import { busyPlacesOf, freePlacesOf, type Action } from './action.ts';
import { cheapestCover, type Coverable } from './cheapest-cover.ts';
import type { SchedulerConfig } from './config.ts';
import type { Container, Resident } from './container.ts';
import { aheadLoadMsOf, coldStartMsOf, predictedBytesOf } from './learn.ts';
import type { LoadSite, LoadSites } from './load-sites.ts';
import { actionOf, containerOf, type StepContext } from './state.ts';
import { contestProbability, heldPlaceValueMs, loadCostShare, placeValueMs } from './value.ts';
import { isPinnedIn, pinnedContainers } from './wishes.ts';

/** Idle containers that are compared; the longest idle ones. */
const comparedContainers = 256;
/** Share of a load that has to be saved on top before an own action is given up for it. */
const giveUpCostShare = 0.2;

/**
 * Idle containers to remove so that the action's container fits; empty when enough is being removed already, undefined when
 * all idle ones together would not do. Without pre-loading the longest idle go first (stock's rule), with it the ones that
 * are expected to be missed least. Stem cells go after them, since they are everybody's, and containers with a pinned place last.
 */
export function evictionFor(context: StepContext, action: Action): Container[] | undefined {
  const { state, config } = context;
  const comingFreeBytes = config.poolMemoryBytes - state.poolUsedBytes + state.removingBytes - state.promisedBytes;
  let missingBytes = action.memoryLimitBytes - comingFreeBytes;
  if (missingBytes <= 0) return [];
  const victims: Container[] = [];
  for (const container of inEvictionOrder(context)) {
    victims.push(container);
    missingBytes -= container.memoryLimitBytes;
    if (missingBytes <= 0) return victims;
  }
  return undefined;
}

function inEvictionOrder(context: StepContext): Container[] {
  const compared: Container[] = [];
  for (const id of context.state.idle) {
    compared.push(containerOf(context.state, id));
    if (compared.length === comparedContainers) break;
  }
  const isStem = (container: Container): number => (container.role === 'stem' ? 1 : 0);
  if (!context.config.preload) return compared.sort((left, right) => isStem(left) - isStem(right));
  const pinned = pinnedContainers(context.state);
  const rank = (container: Container): number => (pinned.has(container.id) ? 2 : isStem(container));
  const missed = new Map(compared.map((container) => [container, containerValueMs(context, container) / container.memoryLimitBytes]));
  return compared.sort((left, right) => rank(left) - rank(right) || (missed.get(left) ?? 0) - (missed.get(right) ?? 0));
}

/** Expected ms that are lost when an idle container goes: its own action starts cold, its residents load again. */
function containerValueMs(context: StepContext, container: Container): number {
  const { state, config, now } = context;
  let valueMs = 0;
  if (container.ownActionKey !== undefined) {
    const own = actionOf(state, container.ownActionKey);
    valueMs += contestProbability(own, freePlacesOf(own) - 1, now, config) * coldStartMsOf(state, own) * own.wishes.priority;
  }
  for (const key of container.residents.keys()) valueMs += heldPlaceValueMs(state, actionOf(state, key), config);
  return valueMs;
}

/** A resident that may be off-loaded, and what its action would lose with it. */
export interface HeldPlace extends Coverable {
  readonly resident: Resident;
}

/** The residents of a container that are not pinned in it, least value per byte first. */
export function heldByDensity({ state, config }: StepContext, container: Container): HeldPlace[] {
  const held: HeldPlace[] = [];
  for (const resident of container.residents.values()) {
    const action = actionOf(state, resident.actionKey);
    if (!isPinnedIn(action, container.id)) held.push({ resident, bytes: resident.residentBytes, costMs: heldPlaceValueMs(state, action, config) });
  }
  return held.sort((left, right) => left.costMs / bytesOf(left.resident) - right.costMs / bytesOf(right.resident));
}

/** What may be lost at most for a load that is worth so much; negative where it is not worth anything. */
export function affordableLossMs(incoming: Action, valueMs: number, { evictionHysteresis }: SchedulerConfig): number {
  return (valueMs - loadCostShare * aheadLoadMsOf(incoming)) / evictionHysteresis;
}

export interface OffloadChoice {
  readonly container: Container;
  readonly victims: readonly Resident[];
  readonly lostMs: number;
}

/**
 * The container in which the least would be lost for `bytes` more, and what of it to off-load, least value per byte first;
 * undefined where that would not pay in any. It pays when what comes in is worth `evictionHysteresis` times what goes, and the
 * cost of loading it on top: two artifacts can then never take turns, since both would have to be worth more than the other.
 */
export function cheapestOffloads({ config }: StepContext, sites: LoadSites, incoming: { action: Action; valueMs: number; bytes: number }): OffloadChoice | undefined {
  const affordableMs = affordableLossMs(incoming.action, incoming.valueMs, config);
  if (affordableMs < 0) return undefined;
  let cheapest: OffloadChoice | undefined;
  for (const site of sites.withoutRoomFor(incoming.action)) {
    if (site.container.releasing.size > 0) continue;
    const choice = offloadsFrom(site, incoming.bytes - site.roomBytes, affordableMs);
    if (choice !== undefined && (cheapest === undefined || choice.lostMs < cheapest.lostMs)) cheapest = choice;
  }
  return cheapest;
}

/** The residents that are worth least together of those that would free so much, where that is not more than may be lost. */
function offloadsFrom({ container, held }: LoadSite, neededBytes: number, affordableMs: number): OffloadChoice | undefined {
  const cheapest = cheapestCover(held, neededBytes, affordableMs);
  if (cheapest === undefined) return undefined;
  return { container, victims: cheapest.chosen.map((index) => (held[index] as HeldPlace).resident), lostMs: cheapest.costMs };
}

/** What a container's own action would lose with it as its place; undefined where it has none, or a pinned one. */
export function ownPlaceValueMs({ state, config, now }: StepContext, { id, ownActionKey }: Container): number | undefined {
  if (ownActionKey === undefined) return undefined;
  const own = actionOf(state, ownActionKey);
  return isPinnedIn(own, id) ? undefined : placeValueMs(own, freePlacesOf(own) - 1, now, config);
}

/**
 * The container whose own action to give up, so that another action gets its first place; undefined where that would not pay.
 * What an idle container's own action has loaded is warm, so more than for a resident has to speak for it: what comes in has
 * to be worth a fifth of its load beyond `evictionHysteresis` times what goes. A further place is never worth another action's
 * only one, and nothing is worth a pinned one. Only where containers become zygotes at all (`pagurus`).
 */
export function ownToGiveUpFor(context: StepContext, sites: LoadSites, incoming: Action): { readonly container: Container; readonly lostMs: number } | undefined {
  const { state, config, now } = context;
  if (context.policy.afterKeepAlive !== 'zygote' || freePlacesOf(incoming) + busyPlacesOf(incoming) > 0) return undefined;
  const affordableMs = (placeValueMs(incoming, 0, now, config) - giveUpCostShare * aheadLoadMsOf(incoming)) / config.evictionHysteresis;
  if (affordableMs < 0) return undefined;
  const neededBytes = predictedBytesOf(incoming);
  let best: { readonly container: Container; readonly lostMs: number } | undefined;
  for (const site of sites.withoutRoomFor(incoming)) {
    const { container, roomBytes } = site;
    if (container.ownActionKey === undefined || container.releasing.size > 0) continue;
    if (roomBytes + predictedBytesOf(actionOf(state, container.ownActionKey)) < neededBytes) continue;
    const { ownValueMs } = site;
    if (ownValueMs !== undefined && ownValueMs <= affordableMs && ownValueMs < (best?.lostMs ?? Infinity)) best = { container, lostMs: ownValueMs };
  }
  return best;
}

/** Residents by value per byte, least first and pinned actions' last: the order in which memory pressure off-loads them. */
export function leastDenseFirst(context: StepContext, container: Container): Resident[] {
  const { state, config } = context;
  const density = (resident: Resident): number => heldPlaceValueMs(state, actionOf(state, resident.actionKey), config) / bytesOf(resident);
  const isPinned = ({ actionKey }: Resident): number => (actionOf(state, actionKey).grantedPins > 0 ? 1 : 0);
  return [...container.residents.values()]
    .map((resident) => ({ resident, density: density(resident) }))
    .sort((left, right) => isPinned(left.resident) - isPinned(right.resident) || left.density - right.density)
    .map(({ resident }) => resident);
}


function bytesOf(resident: Resident): number {
  return Math.max(1, resident.residentBytes);
}
