// The indexes that keep a step cheap, kept in step with what they index: idle containers, places of an action, what runs, and who
// makes room for whom. It decides nothing.
import { unversionedNameOf, type ActionKey } from '../../common/action-identity.ts';
import type { Action } from './action.ts';
import { classOf, type Container, type Resident } from './container.ts';
import { setFiles } from './page-cache.ts';
import { actionOf, ownSlotsOf, type SchedulerState, type StepContext } from './state.ts';

/** Makes a container available: enters it into every index of idle containers. */
export function enterIdle(state: SchedulerState, container: Container): void {
  container.phase = 'idle';
  state.idle.add(container.id);
  const className = classOf(container.role, container.memoryLimitBytes, container.namespace);
  const sameClass = state.idleByClass.get(className);
  if (sameClass === undefined) state.idleByClass.set(className, new Set([container.id]));
  else sameClass.add(container.id);
  if (container.ownActionKey !== undefined) actionOf(state, container.ownActionKey).idleOwn.add(container.id);
  for (const key of container.residents.keys()) {
    actionOf(state, key).idleResident.add(container.id);
    state.dirty.add(key);
  }
}

/** The inverse of {@link enterIdle}; to be called before the role, the own action or the phase changes. */
export function leaveIdle(state: SchedulerState, container: Container): void {
  state.idle.delete(container.id);
  const className = classOf(container.role, container.memoryLimitBytes, container.namespace);
  const sameClass = state.idleByClass.get(className);
  sameClass?.delete(container.id);
  if (sameClass?.size === 0) state.idleByClass.delete(className);
  if (container.ownActionKey !== undefined) {
    actionOf(state, container.ownActionKey).idleOwn.delete(container.id);
    state.dirty.add(container.ownActionKey);
  }
  for (const key of container.residents.keys()) {
    actionOf(state, key).idleResident.delete(container.id);
    state.dirty.add(key);
  }
}

export function addResident(state: SchedulerState, container: Container, resident: Resident): void {
  container.residents.set(resident.actionKey, resident);
  const action = actionOf(state, resident.actionKey);
  action.residentIn.add(container.id);
  if (container.phase === 'idle') action.idleResident.add(container.id);
  state.dirty.add(action.key);
}

export function deleteResident(state: SchedulerState, container: Container, key: ActionKey): void {
  container.residents.delete(key);
  const action = actionOf(state, key);
  action.residentIn.delete(container.id);
  action.idleResident.delete(container.id);
  state.dirty.add(key);
}

/** Enters a container into its action's indexes of those that run; to be called whenever what runs in it changes. */
export function indexRunning(state: SchedulerState, container: Container): void {
  if (container.ownActionKey === undefined) return;
  const action = actionOf(state, container.ownActionKey);
  if (container.activations.size > 0) action.busyOwn.add(container.id);
  else action.busyOwn.delete(container.id);
  if (container.phase === 'busy' && container.activations.size > 0 && ownSlotsOf(state, container) > 0) action.openOwn.add(container.id);
  else action.openOwn.delete(container.id);
  state.dirty.add(action.key);
}

/** From now on the container makes room for this action: nothing else is loaded into it, and nothing of it elsewhere. */
export function beginMakingRoom(container: Container, action: Action, whoGoes: readonly ActionKey[]): void {
  container.makingRoomFor = action.key;
  container.madeRoomBy = whoGoes;
  action.roomBeingMadeIn = container.id;
}

/** There is room now, or never will be: the action it was made for is looked at again, before those that went for it. */
export function endMakingRoom({ state, roomMade }: StepContext, container: Container): void {
  const beneficiary = container.makingRoomFor === undefined ? undefined : state.actions.get(container.makingRoomFor);
  const { madeRoomBy } = container;
  container.makingRoomFor = undefined;
  container.madeRoomBy = [];
  if (beneficiary === undefined) return;
  beneficiary.roomBeingMadeIn = undefined;
  state.dirty.add(beneficiary.key);
  roomMade.push({ forKey: beneficiary.key, byKeys: madeRoomBy });
}

/** Forgets a removed action once no container and no waiting activation refers to it any more. */
export function forgetAction(state: SchedulerState, action: Action): void {
  if (action.residentIn.size + action.busyOwn.size + action.waitingIds.size > 0) return;
  for (const { ownActionKey, load } of state.containers.values()) {
    if (ownActionKey === action.key || load?.actionKey === action.key) return;
  }
  state.actions.delete(action.key);
  setFiles(state, action, []);
  const name = unversionedNameOf(action.key);
  if (state.newestKeys.get(name) === action.key) state.newestKeys.delete(name);
}
