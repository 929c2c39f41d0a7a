// What an action's author asks of the scheduler beyond what it works out by itself: places that are kept (pinned), a weight,
// and a time after which nothing is kept. How much of it is granted; who may wish what is decided before it comes here.
import type { ActionKey } from '../../common/action-identity.ts';
import { freePlacesOf, type Action } from './action.ts';
import type { SchedulerConfig } from './config.ts';
import type { Container } from './container.ts';
import type { ContainerId } from './events.ts';
import { predictedBytesOf } from './learn.ts';
import { containerOf, type SchedulerState, type StepContext } from './state.ts';

export interface ActionWishes {
  /** Idle containers in which the artifacts stay resident once they are loaded; 0: none in particular. */
  readonly pinnedPlaces: number;
  /** Factor on what the action's places are worth. */
  readonly priority: number;
  /** Its artifacts go when it has not been called for so long, in ms; 0: they are never loaded ahead. Absent: as planned. */
  readonly idleMs?: number | undefined;
}

export const noWishes: ActionWishes = { pinnedPlaces: 0, priority: 1 };

/** When nothing of the action is kept any more: Infinity where it does not wish so. */
export function idleEndsAt({ wishes: { idleMs }, lastArrivalAt, deployedAt }: Action): number {
  return idleMs === undefined ? Infinity : Math.max(lastArrivalAt ?? 0, deployedAt) + idleMs;
}

/** Whether nothing may be loaded ahead of the action's next call. */
export function isIdleOver(action: Action, now: number): boolean {
  return now >= idleEndsAt(action);
}

/**
 * How long the action's own container is kept, given that it would be kept for `keepAliveMs`. A wish for no load ahead says
 * nothing of it: every call would start cold.
 */
export function wishedKeepAliveMs({ wishes: { idleMs } }: Action, keepAliveMs: number): number {
  return idleMs === undefined || idleMs === 0 ? keepAliveMs : Math.min(idleMs, keepAliveMs);
}

/** Bytes that pinned places may take together: a share of the pool, and of containers that are another invoker's. */
export function pinnableBytes({ borrowedCounts }: SchedulerState, { mostPinnedShare, poolMemoryBytes }: SchedulerConfig): number {
  let bytes = poolMemoryBytes;
  for (const [limit, count] of borrowedCounts) bytes += limit * count;
  return mostPinnedShare * bytes;
}

/** What one pinned place counts as: what a load is expected to take, or the most that one there has taken. */
export function pinnedPlaceBytes(state: SchedulerState, action: Action): number {
  let bytes = predictedBytesOf(action);
  for (const id of action.residentIn) bytes = Math.max(bytes, containerOf(state, id).residents.get(action.key)?.residentBytes ?? 0);
  return bytes;
}

/**
 * Grants the wished places in the order in which their actions were deployed, as far as the memory for them goes.
 *
 * Worked: 512 MB to pin, places of 200 MB: the first action wishes two and gets both; 112 MB are left, and the next gets none.
 */
export function grantPins({ state, config, now }: StepContext): void {
  if (!hasChangedPins(state)) return;
  let leftBytes = pinnableBytes(state, config);
  for (const key of state.pinning) {
    const action = state.actions.get(key);
    if (action === undefined) {
      state.pinning.delete(key);
      continue;
    }
    const bytes = pinnedPlaceBytes(state, action);
    const places = config.preload && canBePinned(action, now) ? Math.min(action.wishes.pinnedPlaces, Math.floor(leftBytes / Math.max(1, bytes))) : 0;
    leftBytes -= places * bytes;
    if (places === action.grantedPins) continue;
    action.grantedPins = places;
    state.dirty.add(key);
  }
}

function hasChangedPins({ dirty, pinning }: SchedulerState): boolean {
  if (pinning.size === 0) return false;
  for (const key of dirty) if (pinning.has(key)) return true;
  return false;
}

function canBePinned(action: Action, now: number): boolean {
  const isWanted = !action.removed && !action.superseded && action.plan?.elsewhere !== true;
  return isWanted && action.declaresArtifacts && action.loadable && !isIdleOver(action, now);
}

/** Has the pinned actions looked at again: there may be memory for a container now. */
export function lookAgainAtPins({ pinning, dirty }: SchedulerState): void {
  for (const key of pinning) dirty.add(key);
}

/** Places that are still to be loaded for the pinned ones. */
export function missingPins(action: Action): number {
  return Math.max(0, action.grantedPins - freePlacesOf(action));
}

/**
 * The idle containers that are the action's pinned places: those that hold it beside others before those of its own, which
 * its calls take, so that a place does not cease to be pinned whenever a call ends.
 */
function* pinnedPlacesOf({ grantedPins, idleResident, idleOwn }: Action): Generator<ContainerId> {
  let left = grantedPins;
  for (const ids of [idleResident, idleOwn]) {
    for (const id of ids) {
      if (left === 0) return;
      left -= 1;
      yield id;
    }
  }
}

/** Pinned places that are there at the moment; the others are in use, or being loaded, or there is no room for them. */
export function heldPins({ grantedPins, idleResident, idleOwn }: Action): number {
  return Math.min(grantedPins, idleResident.size + idleOwn.size);
}

/** Whether the container is one of the action's pinned places. */
export function isPinnedIn(action: Action, containerId: ContainerId): boolean {
  if (action.grantedPins === 0) return false;
  for (const id of pinnedPlacesOf(action)) if (id === containerId) return true;
  return false;
}

/** All containers that are a pinned place of some action. */
export function pinnedContainers(state: SchedulerState): ReadonlySet<ContainerId> {
  const found = new Set<ContainerId>();
  for (const key of state.pinning) for (const id of pinnedIn(state, key)) found.add(id);
  return found;
}

function pinnedIn({ actions }: SchedulerState, key: ActionKey): Iterable<ContainerId> {
  const action = actions.get(key);
  return action === undefined ? [] : pinnedPlacesOf(action);
}

/** Whether an idle container holds a pinned place. */
export function holdsPin(state: SchedulerState, { id, ownActionKey, residents }: Container): boolean {
  if (state.pinning.size === 0) return false;
  const keys = ownActionKey === undefined ? [...residents.keys()] : [...residents.keys(), ownActionKey];
  return keys.some((key) => {
    const action = state.actions.get(key);
    return action !== undefined && isPinnedIn(action, id);
  });
}

/** Whether one more container of this size may be there for pinned places alone: they count with their whole limits. */
export function mayHoldMore({ state, config }: StepContext, memoryLimitBytes: number): boolean {
  let heldBytes = memoryLimitBytes;
  for (const container of state.containers.values()) if (container.heldForPins) heldBytes += container.memoryLimitBytes;
  return heldBytes <= pinnableBytes(state, config);
}
