// How loads ahead and off-loads end, and those that a person asks for. Which ones are begun is decided in pack.ts.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Container } from './container.ts';
import { heldBackMs, type LoadFailed, type LoadSucceeded, type OffloadAsked, type OffloadCompleted } from './events.ts';
import { addResident, endMakingRoom } from './indexes.ts';
import { coldShareOf, learn, learnLoad, warmAheadLoadMsOf } from './learn.ts';
import { placeAsked, relievePressure, startOffload } from './pack.ts';
import { noteUse } from './page-cache.ts';
import { endLoad, noteRoom } from './pool.ts';
import { actionOf, type StepContext } from './state.ts';
import { isIdleOver } from './wishes.ts';

/** Waiting time after the first failed load; doubles with each further one up to the limit. */
const firstLoadRetryMs = 1000;
const longestLoadRetryMs = 300_000;

export function onLoadAsked(context: StepContext, key: ActionKey): void {
  const action = context.state.actions.get(key);
  if (action === undefined || action.removed || action.superseded || !action.declaresArtifacts || isIdleOver(action, context.now)) return;
  // Whoever asks for it takes back that it was to be held back, or that it failed before.
  action.retryLoadAt = 0;
  placeAsked(context, action);
}

/** A container that is busy keeps what it holds: it is never touched while a call runs in it. */
export function onOffloadAsked(context: StepContext, { containerId, actionKey }: OffloadAsked): void {
  const { state, now } = context;
  const [container, action] = [state.containers.get(containerId), state.actions.get(actionKey)];
  if (container?.phase !== 'idle' || action === undefined) return;
  startOffload(context, container, actionKey, 'asked');
  action.retryLoadAt = Math.max(action.retryLoadAt, now + heldBackMs);
}

export function onLoadSucceeded(context: StepContext, event: LoadSucceeded): void {
  const { state, now } = context;
  const container = state.containers.get(event.containerId);
  const load = container?.load;
  if (container === undefined || load?.actionKey !== event.actionKey) return;
  const action = actionOf(state, event.actionKey);
  learnLoad(action.aheadLoadMs, action.coldAheadLoadMs, event.loadMs, coldShareOf(action, event.diskBytes), warmAheadLoadMsOf(action));
  noteUse(state, action, event.diskBytes);
  // What the container grew by counts where it is more than the slot's own figure: the next prediction has to hold.
  const grownBytes = load.fate === 'running' ? event.usedBytes - container.usedBytes : 0;
  const residentBytes = Math.max(event.residentBytes, Math.min(grownBytes, 2 * event.residentBytes));
  learn(action.residentBytes, residentBytes);
  action.loadFailures = 0;
  endLoad(context, container);
  if (container.phase === 'idle' || container.phase === 'busy') {
    if (load.fate === 'running') container.usedBytes = event.usedBytes;
    const stays = container.ownActionKey !== action.key && (container.role !== 'warm' || container.namespace === action.namespace);
    const isThere = container.residents.has(action.key);
    if (stays && !isThere) addResident(state, container, { actionKey: action.key, residentBytes, since: now, retained: false });
    if (!stays && container.ownActionKey !== action.key) action.hasLostReplica = true;
  }
  loadIsOver(context, container);
}

export function onLoadFailed(context: StepContext, event: LoadFailed): void {
  const { state, now } = context;
  const container = state.containers.get(event.containerId);
  const load = container?.load;
  if (container === undefined || load?.actionKey !== event.actionKey) return;
  const action = actionOf(state, event.actionKey);
  endLoad(context, container);
  if (event.usedBytes !== undefined && load.fate === 'running') container.usedBytes = event.usedBytes;
  if (event.reason === 'artifact') action.loadable = false;
  if (event.reason === 'memory') action.refusedBytes = Math.max(action.refusedBytes, event.predictedBytes ?? load.predictedBytes);
  // A load that was cancelled because its container was taken is wanted elsewhere at once. Any other has to wait: a
  // container that keeps on refusing would be asked as fast as it can answer.
  if (event.reason !== 'artifact' && load.fate === 'running') {
    action.retryLoadAt = now + Math.min(longestLoadRetryMs, firstLoadRetryMs * 2 ** Math.min(action.loadFailures, 16));
    action.loadFailures += 1;
  }
  loadIsOver(context, container);
}

/** The container may take the next load, and an activation that avoided it for its load may want it. */
function loadIsOver(context: StepContext, container: Container): void {
  if (container.phase !== 'idle') return;
  noteRoom(context, container);
  relievePressure(context, container);
}

export function onOffloadCompleted(context: StepContext, event: OffloadCompleted): void {
  const { state } = context;
  const container = state.containers.get(event.containerId);
  const releasedBytes = container?.releasing.get(event.actionKey);
  if (container === undefined || releasedBytes === undefined) return;
  container.releasing.delete(event.actionKey);
  const isQuiet = container.phase === 'idle' && container.load === undefined;
  container.usedBytes = isQuiet ? event.usedBytes : Math.max(0, container.usedBytes - releasedBytes);
  if (container.releasing.size > 0) return;
  endMakingRoom(context, container);
  if (container.phase === 'idle') noteRoom(context, container);
}
