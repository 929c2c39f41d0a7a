// Which artifacts are loaded ahead, and where: best value first into idle containers with room, and off-loading what is
// worth less. Only actions and containers that changed are looked at, so a step stays cheap in a large pool.
import type { ActionKey } from '../../common/action-identity.ts';
import { busyPlacesOf, freePlacesOf, type Action } from './action.ts';
import type { Load, Offload } from './commands.ts';
import type { Container } from './container.ts';
import { affordableLossMs, cheapestOffloads, leastDenseFirst, ownToGiveUpFor } from './evict.ts';
import { highest } from './highest.ts';
import { beginMakingRoom, deleteResident, forgetAction } from './indexes.ts';
import { aheadLoadMsOf, predictedBytesOf } from './learn.ts';
import { LoadSites } from './load-sites.ts';
import { giveUpOwn } from './pool.ts';
import { examineFiles } from './read-ahead.ts';
import { startForPin, startForWorth, startPrewarmed } from './starts.ts';
import { actionOf, containerOf, densityOf, type SchedulerState, type StepContext } from './state.ts';
import { pushTimer } from './timers.ts';
import { arrivalRatePerMs, expiresAt, isWorthLoading, loadDueAt, nextPlaceValueMs, predecessorOf, worthLoadingFrom } from './value.ts';
import { grantPins, idleEndsAt, isIdleOver, isPinnedIn, missingPins } from './wishes.ts';

/** Actions that one step tries to find a place for. */
const triedActions = 16;
/**
 * Where more want a place than one step tries, all are tried again after this long, or when a container has got room; and what all
 * containers hold is compared for the same one only so often: in between, with those that have got room.
 */
const nextRoundMs = 1000;

/** Re-examines every action whose places or rate changed, then starts the loads that pay most. */
export function pack(context: StepContext): void {
  const { state, config } = context;
  grantPins(context);
  const examined = [...state.dirty];
  for (const key of examined) {
    const action = state.actions.get(key);
    if (action !== undefined) examine(context, action);
  }
  state.dirty.clear();
  if (!config.preload || state.loadsInFlight >= config.maxConcurrentLoads) return;
  const isRound = isRoundDue(context);
  const best = mostWanted(context, isRound ? state.wanted.keys() : examined);
  const areAllTried = tryToPlace(context, inTurn(context, best));
  if (isRound && areAllTried) state.nextRoundAt = context.now + nextRoundMs;
}

/**
 * An action for which room was made comes before those that went for it: they are worth more for each byte as often as not, and
 * would have the room back, and go again, without end. Before what is worth more and did not go for it, it does not come.
 */
function inTurn({ roomMade }: StepContext, keys: readonly ActionKey[]): readonly ActionKey[] {
  let order = keys;
  for (const { forKey, byKeys } of roomMade) {
    const firstThatWent = order.findIndex((key) => byKeys.includes(key));
    const own = order.indexOf(forKey);
    if (firstThatWent === -1 || (own !== -1 && own < firstThatWent)) continue;
    order = [...order.slice(0, firstThatWent), forKey, ...order.slice(firstThatWent).filter((key) => key !== forKey)];
  }
  return order;
}

/** Tries one after the other, as far as more loads may be begun; returns whether all were tried. */
function tryToPlace(context: StepContext, keys: readonly ActionKey[]): boolean {
  if (keys.length === 0) return true;
  const { state, config } = context;
  const everywhere = new LoadSites(context);
  const whereRoomIs = new LoadSites(context, context.roomy);
  for (const key of keys) {
    if (state.loadsInFlight >= config.maxConcurrentLoads) return false;
    const commandCount = context.commands.length;
    if (isLongCompared(context, key)) place(context, actionOf(state, key), everywhere);
    else if (!isInVain(context, key, whereRoomIs)) place(context, actionOf(state, key), whereRoomIs);
    if (context.commands.length === commandCount) continue;
    everywhere.forget();
    whereRoomIs.forget();
  }
  return true;
}

/**
 * Whether all that is wanted is to be tried, or only what has just been examined: where many want a place and nothing has got room,
 * those that were tried in vain and the next ones after them are so again most often.
 */
function isRoundDue({ state, roomy, now }: StepContext): boolean {
  return state.wanted.size <= triedActions || roomy.size > 0 || now >= state.nextRoundAt;
}

/** Whether the action is to be tried in all containers, which is noted. */
function isLongCompared({ state, now }: StepContext, key: ActionKey): boolean {
  const wanted = state.wanted.get(key);
  if (wanted === undefined || (state.wanted.size > triedActions && now - wanted.comparedAt < nextRoundMs)) return false;
  wanted.comparedAt = now;
  return true;
}

/** Whether there is no room for the action, and by what it was worth a moment ago nothing may go for it, which is noted as a try. */
function isInVain({ state, config }: StepContext, key: ActionKey, sites: LoadSites): boolean {
  const wanted = state.wanted.get(key);
  if (wanted === undefined) return true;
  const action = actionOf(state, key);
  if (!sites.isFullFor(action, wanted.predictedBytes) || affordableLossMs(action, wanted.valueMs, config) >= 0) return false;
  wanted.triedAtEpoch = roomEpochOf(state, action.memoryLimitBytes);
  return true;
}

/** Works out whether the action deserves one more place now, and when to look again. */
function examine(context: StepContext, action: Action): void {
  const { state, config, now } = context;
  state.wanted.delete(action.key);
  if (action.removed) {
    offloadEverywhere(context, action, 'action-removed');
    forgetAction(state, action);
    return;
  }
  if (!config.preload) return;
  if (action.superseded) {
    offloadEverywhere(context, action, 'action-removed');
    return;
  }
  let nextLookAt = Infinity;
  const lookAt = (at: number): boolean => {
    if (at <= now) return true;
    nextLookAt = Math.min(nextLookAt, Math.ceil(at));
    return false;
  };
  if (action.residentIn.size > 0 && action.wishes.idleMs !== undefined && lookAt(idleEndsAt(action))) {
    offloadEverywhere(context, action, 'idle-ttl');
  }
  if (action.residentIn.size > 0 && lookAt(expiresAt(action, config))) {
    offloadEverywhere(context, action, 'offload-window');
  }
  const prewarmMs = action.plan?.prewarmWindowMs ?? 0;
  if (prewarmMs > 0 && action.lastArrivalAt !== undefined && action.prewarmedAfter !== action.lastArrivalAt) {
    if (lookAt(action.lastArrivalAt + prewarmMs)) startPrewarmed(context, action);
  }
  if (action.declaresArtifacts && action.loadable) {
    const dueAt = missingPins(action) > 0 ? action.deployedAt : loadDueAt(action, now, config);
    const isDue = lookAt(Math.max(dueAt, action.retryLoadAt));
    if (isDue && isOneMoreWanted(context, action)) {
      state.wanted.set(action.key, {
        valueMs: wantedValueMs(context, action),
        memoryLimitBytes: action.memoryLimitBytes,
        predictedBytes: predictedBytesOf(action),
        triedAtEpoch: -1,
        comparedAt: -Infinity,
      });
    } else if (isDue) lookAt(worthLoadingFrom(action, config));
  }
  examineFiles(context, action, lookAt);
  if (nextLookAt < Infinity && (action.timerAt === undefined || action.timerAt <= now || nextLookAt < action.timerAt)) {
    action.timerAt = nextLookAt;
    pushTimer(state, nextLookAt, 'action', action.key);
  }
}

/** Whether one more place is to be pinned, or is expected to save what loading costs. */
function isOneMoreWanted({ state, config, now }: StepContext, action: Action): boolean {
  // A load that its idle time does not outlast is for nothing.
  if (isIdleOver(action, now + aheadLoadMsOf(action))) return false;
  return missingPins(action) > 0 || isWorthLoading(state, action, config);
}

/** What one more place would be worth; Infinity where it is to be pinned, since that is not weighed. */
function wantedValueMs({ state, config }: StepContext, action: Action): number {
  return missingPins(action) > 0 ? Infinity : nextPlaceValueMs(state, action, config);
}

/** The actions to try in this step of those given, best first: by value while there is room, by value per byte once some found none. */
function mostWanted({ state }: StepContext, keys: Iterable<ActionKey>): ActionKey[] {
  const isShort = isMemoryShort(state);
  return highest(keys, triedActions, (key) => {
    const wanted = state.wanted.get(key);
    if (wanted === undefined || wanted.triedAtEpoch === roomEpochOf(state, wanted.memoryLimitBytes)) return undefined;
    return isShort ? densityOf(wanted) : wanted.valueMs;
  });
}

/** Whether something has found no room; where more than one step tries is wanted, it is taken to have. */
function isMemoryShort({ wanted }: SchedulerState): boolean {
  if (wanted.size > triedActions) return true;
  for (const { triedAtEpoch, valueMs } of wanted.values()) if (triedAtEpoch >= 0 && valueMs < Infinity) return true;
  return false;
}

const roomEpochOf = ({ roomEpochs }: SchedulerState, memoryLimitBytes: number): number => roomEpochs.get(memoryLimitBytes) ?? 0;

/** Finds a container for one more load of the action: one with room, else one whose residents are worth much less. */
function place(context: StepContext, action: Action, sites: LoadSites): void {
  const { state } = context;
  const wanted = state.wanted.get(action.key);
  if (wanted === undefined || action.roomBeingMadeIn !== undefined) return;
  if (!isOneMoreWanted(context, action)) {
    state.wanted.delete(action.key);
    return;
  }
  wanted.valueMs = wantedValueMs(context, action);
  const bytes = predictedBytesOf(action);
  const roomiest = sites.roomiestFor(action, bytes);
  if (roomiest !== undefined) {
    startLoad(context, roomiest, action, bytes);
    return;
  }
  wanted.triedAtEpoch = roomEpochOf(state, action.memoryLimitBytes);
  if (startForWorth(context, action)) return;
  const cheapest = cheapestOffloads(context, sites, { action, valueMs: wanted.valueMs, bytes });
  const own = ownToGiveUpFor(context, sites, action);
  if (own !== undefined && own.lostMs < (cheapest?.lostMs ?? Infinity)) {
    giveUpOwn(context, own.container);
    beginMakingRoom(own.container, action, own.container.ownActionKey === undefined ? [] : [own.container.ownActionKey]);
    return;
  }
  if (cheapest === undefined) {
    if (missingPins(action) > 0) startForPin(context, action);
    return;
  }
  const { container } = cheapest;
  for (const victim of cheapest.victims) startOffload(context, container, victim.actionKey, 'evicted-for-value');
  beginMakingRoom(container, action, cheapest.victims.map(({ actionKey }) => actionKey));
}

/** Loads the action once more because a person asked, where a container has room; nothing goes for it. */
export function placeAsked(context: StepContext, action: Action): void {
  const bytes = predictedBytesOf(action);
  const roomiest = new LoadSites(context).roomiestFor(action, bytes);
  if (roomiest !== undefined) startLoad(context, roomiest, action, bytes, { reason: 'asked' });
}

function startLoad(context: StepContext, container: Container, action: Action, predictedBytes: number, why = reasonFor(context, action)): void {
  const { state, now } = context;
  container.load = { actionKey: action.key, reason: why.reason, startedAt: now, predictedBytes, fate: 'running' };
  action.loadingIn.add(container.id);
  action.hasLostReplica = false;
  state.loadsInFlight += 1;
  state.wanted.delete(action.key);
  context.commands.push({ type: 'load', containerId: container.id, actionKey: action.key, ...why });
  // A hot action may deserve yet another place.
  examine(context, action);
}

function reasonFor({ now, config }: StepContext, action: Action): Pick<Load, 'reason' | 'after'> {
  if (missingPins(action) > 0) return { reason: 'pinned' };
  if (freePlacesOf(action) + busyPlacesOf(action) > 0) return { reason: 'burst-replica' };
  if (action.hasLostReplica) return { reason: 'replaced-after-loss' };
  const after = predecessorOf(action, now, config);
  if (after !== undefined) return { reason: 'predecessor-called', after };
  return { reason: action.lastArrivalAt === undefined && arrivalRatePerMs(action, now, config) === 0 ? 'deployed' : 'preload-window' };
}

/** Off-loads one resident; its bytes count until the container confirms. */
export function startOffload(context: StepContext, container: Container, actionKey: string, reason: Offload['reason']): void {
  const resident = container.residents.get(actionKey);
  if (resident === undefined) return;
  deleteResident(context.state, container, actionKey);
  container.releasing.set(actionKey, resident.residentBytes);
  context.commands.push({ type: 'offload', containerId: container.id, actionKey, reason });
}

/** From all idle containers; only what is pinned outlives its off-load window. */
function offloadEverywhere(context: StepContext, action: Action, reason: Offload['reason']): void {
  const ids = [...action.idleResident].filter((id) => reason !== 'offload-window' || !isPinnedIn(action, id));
  for (const id of ids) startOffload(context, containerOf(context.state, id), action.key, reason);
}

/** Off-loads the least valuable residents of an idle container whose measured use has eaten half of the headroom. */
export function relievePressure(context: StepContext, container: Container): void {
  if (container.phase !== 'idle' || container.releasing.size > 0) return;
  let excessBytes = container.usedBytes - container.memoryLimitBytes * (1 - context.config.headroomShare / 2);
  if (excessBytes <= 0) return;
  for (const resident of leastDenseFirst(context, container)) {
    if (excessBytes <= 0) return;
    startOffload(context, container, resident.actionKey, 'memory-pressure');
    excessBytes -= resident.residentBytes;
  }
}
