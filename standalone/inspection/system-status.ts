// What one namespace's owner sees of a system: a view of the scheduler's state in which other namespaces' actions have no
// name. It decides nothing and keeps nothing.
import { parseActionKey, type ActionKey } from '../../common/action-identity.ts';
import { savedMsOf } from '../../invoker-plugin/core/learn.ts';
import type { Action } from '../../invoker-plugin/core/action.ts';
import type { Container, Resident } from '../../invoker-plugin/core/container.ts';
import { arrivalRatePerMs, heldPlaceValueMs, loadDueAt, offloadDueAt } from '../../invoker-plugin/core/value.ts';
import { heldPins, idleEndsAt, isPinnedIn, noWishes } from '../../invoker-plugin/core/wishes.ts';
import type { DeployedAction, ObservedSystem } from '../observed-system.ts';
import { ownerOf } from '../store/entity.ts';
import { anothers, type ActionView, type ContainerView, type ForecastView, type MemoryPoint, type ResidentView, type SystemStatus, type WishesView } from './views.ts';
import { wishesText } from './wishes-text.ts';

/** Whether the namespace owns the action, or calls it. */
export function concerns(actionKey: ActionKey, namespace: string): boolean {
  const identity = parseActionKey(actionKey);
  return identity.namespace === namespace || ownerOf(identity.qualifiedName) === namespace;
}

/** @param now epoch ms */
export function systemStatus(system: ObservedSystem, namespace: string, now: number): SystemStatus {
  const { schedulerState: state, schedulerConfig, startedAt } = system;
  const heldIn = holdersOf(state.containers.values());
  return {
    ...memoryPoint(system, now),
    startedAt: Math.floor(startedAt),
    namespace,
    poolMemoryBytes: schedulerConfig.poolMemoryBytes,
    preload: schedulerConfig.preload,
    waitingCount: state.waiting.size,
    loadsInFlight: state.loadsInFlight,
    containers: [...state.containers.values()].map((container) => containerView(system, container, namespace)),
    actions: system
      .actions()
      .filter(({ actionKey }) => concerns(actionKey, namespace))
      .map((action) => actionView(system, action, heldIn.get(action.actionKey) ?? [], now)),
  };
}

export function memoryPoint({ schedulerState: state }: ObservedSystem, now: number): MemoryPoint {
  let usedBytes = 0;
  let residentBytes = 0;
  for (const container of state.containers.values()) {
    usedBytes += container.usedBytes;
    for (const resident of container.residents.values()) residentBytes += resident.residentBytes;
  }
  return { at: Math.floor(now), poolUsedBytes: state.poolUsedBytes, usedBytes, residentBytes };
}

function containerView(system: ObservedSystem, container: Container, namespace: string): ContainerView {
  const { id, phase, role, ownActionKey, activations, load, memoryLimitBytes, usedBytes, residents } = container;
  const nameOf = (actionKey: ActionKey): string => (concerns(actionKey, namespace) ? actionKey : anothers);
  return {
    id,
    phase,
    role,
    ...(ownActionKey === undefined ? {} : { own: nameOf(ownActionKey) }),
    ...(ownActionKey === undefined || activations.size === 0 ? {} : { running: nameOf(ownActionKey), runningCount: activations.size }),
    ...(load === undefined ? {} : { loading: nameOf(load.actionKey) }),
    memoryLimitBytes,
    usedBytes,
    residents: [...residents.values()].map((resident) => residentView(system, id, resident, namespace)),
  };
}

function residentView({ schedulerState: state, schedulerConfig }: ObservedSystem, containerId: string, { actionKey, residentBytes, since, retained }: Resident, namespace: string): ResidentView {
  const action = concerns(actionKey, namespace) ? state.actions.get(actionKey) : undefined;
  const view = { action: action === undefined ? anothers : actionKey, residentBytes, since: Math.floor(since), retained };
  return action === undefined ? view : { ...view, valueMs: heldPlaceValueMs(state, action, schedulerConfig), pinned: isPinnedIn(action, containerId) };
}

/** For each action, the containers that are its own or in which its artifacts are resident. */
function holdersOf(containers: Iterable<Container>): Map<ActionKey, string[]> {
  const holders = new Map<ActionKey, string[]>();
  for (const { id, ownActionKey, residents } of containers) {
    for (const actionKey of new Set([...(ownActionKey === undefined ? [] : [ownActionKey]), ...residents.keys()])) {
      const ids = holders.get(actionKey);
      if (ids === undefined) holders.set(actionKey, [id]);
      else ids.push(id);
    }
  }
  return holders;
}

function actionView(system: ObservedSystem, { actionKey, ...deployed }: DeployedAction, heldIn: readonly string[], now: number): ActionView {
  const action = system.schedulerState.actions.get(actionKey);
  const expected = action === undefined ? {} : { forecast: forecastOf(system, action, now), ...wishesOf(action) };
  return { actionKey, ...deployed, heldIn, waitingCount: action?.waitingIds.size ?? 0, ...expected };
}

function wishesOf(action: Action): { readonly wishes?: WishesView } {
  const { wishes, grantedPins } = action;
  const { pinnedPlaces, priority, idleMs } = wishes;
  if (pinnedPlaces === noWishes.pinnedPlaces && priority === noWishes.priority && idleMs === undefined) return {};
  const view = { pinnedPlaces, grantedPins, heldPins: heldPins(action), priority, ...(idleMs === undefined ? {} : { idleMs, idleEndsAt: Math.floor(idleEndsAt(action)) }) };
  return { wishes: { ...view, text: wishesText(view) } };
}

function forecastOf({ schedulerConfig }: ObservedSystem, action: Action, now: number): ForecastView {
  return {
    ...(action.lastArrivalAt === undefined ? {} : { lastArrivalAt: Math.floor(action.lastArrivalAt) }),
    arrivals: action.recentArrivals.map(Math.floor),
    arrivalRatePerMs: arrivalRatePerMs(action, now, schedulerConfig),
    loadDueAt: Math.floor(loadDueAt(action, now, schedulerConfig)),
    offloadDueAt: Math.floor(offloadDueAt(action, schedulerConfig)),
    savedMs: savedMsOf(action),
  };
}
