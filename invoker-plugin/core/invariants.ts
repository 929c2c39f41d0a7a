// What has to be true of a state after every step, whatever happened. Tests and the simulator check it; it is slow on
// purpose (it counts everything afresh) and changes nothing.
import type { SchedulerConfig } from './config.ts';
import { classOf, type Container } from './container.ts';
import { actionOf, mostPlansAhead, ownSlotsOf, type SchedulerState } from './state.ts';
import { recentArrivalCount } from './value.ts';
import { pinnableBytes, pinnedPlaceBytes } from './wishes.ts';

function ensure(condition: boolean, claim: string): void {
  if (!condition) throw new Error(`invariant broken: ${claim}`);
}

/** Throws an Error that names the broken rule. */
export function assertInvariants(state: SchedulerState, config: SchedulerConfig): void {
  checkPool(state, config);
  for (const container of state.containers.values()) checkContainer(state, container, config);
  checkIndexes(state);
  checkActions(state);
  checkPins(state, config);
  checkWaiting(state, config);
  checkPageCache(state);
}

function checkPool(state: SchedulerState, config: SchedulerConfig): void {
  let usedBytes = 0;
  let removingBytes = 0;
  let loads = 0;
  for (const container of state.containers.values()) {
    if (!container.isBorrowed) usedBytes += container.memoryLimitBytes;
    if (container.phase === 'removing') removingBytes += container.memoryLimitBytes;
    if (container.load !== undefined) loads += 1;
  }
  for (const [limit, count] of state.borrowedCounts) {
    const borrowed = [...state.containers.values()].filter(({ isBorrowed, memoryLimitBytes }) => isBorrowed && memoryLimitBytes === limit);
    ensure(borrowed.length === count, `${count} borrowed containers of ${limit} bytes are counted, there are ${borrowed.length}`);
  }
  ensure(usedBytes === state.poolUsedBytes, `the pool counts ${state.poolUsedBytes} bytes, its containers have ${usedBytes}`);
  ensure(usedBytes <= config.poolMemoryBytes, `containers of ${usedBytes} bytes in a pool of ${config.poolMemoryBytes}`);
  ensure(removingBytes === state.removingBytes, 'the bytes being removed are counted');
  ensure(config.poolMemoryBytes - usedBytes + removingBytes >= state.promisedBytes, 'no more memory is promised than comes free');
  ensure(loads === state.loadsInFlight, `${state.loadsInFlight} loads are counted, ${loads} are in flight`);
  ensure(loads <= config.maxConcurrentLoads, `${loads} loads at once, ${config.maxConcurrentLoads} allowed`);
}

function checkContainer(state: SchedulerState, container: Container, config: SchedulerConfig): void {
  const { id, phase, role, ownActionKey, residents, releasing, load } = container;
  ensure(!container.isBorrowed || (role === 'stem' && phase === 'idle'), `${id} is another invoker's and ${role} ${phase} here`);
  ensure((phase === 'busy') === container.activations.size > 0, `${id} is busy exactly while an activation runs in it`);
  for (const [activationId, running] of container.activations) {
    ensure(running.activationId === activationId && running.actionKey === ownActionKey, `${activationId} of ${running.actionKey} runs in ${id}, which is ${ownActionKey}'s`);
  }
  ensure((role === 'warm') === (ownActionKey !== undefined), `${id} is warm exactly when it has its own action`);
  ensure(container.usedBytes >= 0, `${id} uses ${container.usedBytes} bytes`);
  ensure(container.claimedBy === undefined || phase === 'starting', `only a starting container is claimed, ${id} is ${phase}`);
  ensure(phase !== 'removing' || residents.size === 0, `${id} is being removed and still counted as holding artifacts`);
  if (ownActionKey !== undefined) {
    const { concurrencyLimit } = actionOf(state, ownActionKey);
    ensure(container.activations.size <= concurrencyLimit, `${container.activations.size} calls run in ${id}, ${concurrencyLimit} are allowed`);
    ensure(container.activations.size <= 1 || container.isInitialized, `several calls run in ${id}, which is not initialised`);
    ensure(!residents.has(ownActionKey), `${ownActionKey} is in ${id} once: as its own action or as a resident`);
  }
  for (const [key, resident] of residents) {
    ensure(key === resident.actionKey, `the resident under ${key} in ${id} is ${resident.actionKey}`);
    ensure(actionOf(state, key).residentIn.has(id), `${key} knows that it is resident in ${id}`);
    ensure(role !== 'warm' || actionOf(state, key).namespace === container.namespace, `${id} holds ${key} of another namespace than its own action`);
  }
  if (load !== undefined) {
    ensure(load.fate !== 'running' || !residents.has(load.actionKey), `${load.actionKey} is loaded into ${id}, where it is resident`);
    ensure(phase !== 'idle' || load.fate !== 'running' || ownActionKey !== load.actionKey, `${load.actionKey} is loaded into its own container ${id}`);
    ensure(phase !== 'busy' || load.fate !== 'running', `a load goes on unnoticed in the busy container ${id}`);
  }
  ensure(config.preload || (residents.size === 0 && load === undefined && releasing.size === 0), `${id} holds artifacts although nothing is pre-loaded`);
}

function checkIndexes(state: SchedulerState): void {
  let indexed = 0;
  for (const sameClass of state.idleByClass.values()) {
    indexed += sameClass.size;
    ensure(sameClass.size > 0, 'no class without containers is kept');
  }
  ensure(indexed === state.idle.size, 'each idle container is in exactly one class');
  const unclaimed = new Set([...state.unclaimedStarting.values()].flatMap((ids) => [...ids]));
  for (const container of state.containers.values()) {
    const { id, phase } = container;
    ensure(state.idle.has(id) === (phase === 'idle'), `${id} is ${phase}; the index of idle containers disagrees`);
    ensure(unclaimed.has(id) === (phase === 'starting' && container.claimedBy === undefined), `${id}: the index of unclaimed containers disagrees`);
    if (phase !== 'idle') continue;
    const className = classOf(container.role, container.memoryLimitBytes, container.namespace);
    ensure(state.idleByClass.get(className)?.has(id) === true, `${id} is in its class`);
  }
}

function checkActions(state: SchedulerState): void {
  ensure(state.plansAhead.size <= mostPlansAhead, 'plans of unknown actions are bounded');
  for (const action of state.actions.values()) {
    const idsWhere = (predicate: (container: Container) => boolean): string =>
      [...state.containers.values()].filter(predicate).map(({ id }) => id).sort().join();
    const same = (ids: ReadonlySet<string>, predicate: (container: Container) => boolean, what: string): void => {
      ensure([...ids].sort().join() === idsWhere(predicate), `the index of ${what} ${action.key} disagrees`);
    };
    same(action.idleOwn, ({ phase, ownActionKey }) => phase === 'idle' && ownActionKey === action.key, 'idle containers of');
    same(action.idleResident, ({ phase, residents }) => phase === 'idle' && residents.has(action.key), 'idle containers that hold');
    same(action.residentIn, ({ residents }) => residents.has(action.key), 'containers that hold');
    same(action.loadingIn, ({ load }) => load?.actionKey === action.key && load.fate === 'running', 'loads of');
    same(action.busyOwn, ({ activations, ownActionKey }) => activations.size > 0 && ownActionKey === action.key, 'busy containers of');
    same(action.openOwn, (container) => container.phase === 'busy' && container.ownActionKey === action.key && ownSlotsOf(state, container) > 0, 'open containers of');
    const waiting = [...state.waiting.values()].filter(({ actionKey }) => actionKey === action.key).map(({ activationId }) => activationId);
    ensure([...action.waitingIds].join() === waiting.join(), `the waiting activations of ${action.key} are indexed in order of arrival`);
    const coming = waiting.filter((id) => ['awaiting-start', 'awaiting-room'].includes(state.waiting.get(id)?.state ?? ''));
    ensure(coming.length === action.comingOwnCount, `${action.comingOwnCount} containers of ${action.key} are counted as coming, ${coming.length} are`);
    const { roomBeingMadeIn } = action;
    ensure(roomBeingMadeIn === undefined || state.containers.get(roomBeingMadeIn)?.makingRoomFor === action.key, `room is made for ${action.key}`);
    ensure(action.recentArrivals.length <= recentArrivalCount, 'the memory of arrivals is bounded');
  }
}

function checkPins(state: SchedulerState, config: SchedulerConfig): void {
  let pinnedBytes = 0;
  for (const action of state.actions.values()) {
    const { key, grantedPins, wishes } = action;
    ensure(grantedPins <= wishes.pinnedPlaces, `${key} has ${grantedPins} places pinned and wishes ${wishes.pinnedPlaces}`);
    ensure(wishes.pinnedPlaces === 0 || state.pinning.has(key), `${key} is one of those that wish pinned places`);
    pinnedBytes += grantedPins * pinnedPlaceBytes(state, action);
  }
  const most = pinnableBytes(state, config);
  ensure(pinnedBytes <= most, `${pinnedBytes} bytes are pinned, ${most} may be`);
  const held = [...state.containers.values()].filter(({ heldForPins }) => heldForPins);
  const heldBytes = held.reduce((sum, { memoryLimitBytes }) => sum + memoryLimitBytes, 0);
  ensure(heldBytes <= most, `containers of ${heldBytes} bytes are there for pinned places alone, ${most} may be`);
  ensure(held.every(({ phase }) => phase !== 'busy'), 'a container that runs is there for its activation');
}

function checkWaiting(state: SchedulerState, config: SchedulerConfig): void {
  let queued = 0;
  let awaitingOwn = 0;
  let promisedBytes = 0;
  for (const { activationId, actionKey, state: waitingState, containerId } of state.waiting.values()) {
    const action = actionOf(state, actionKey);
    if (waitingState === 'queued') queued += 1;
    if (waitingState === 'awaiting-own') awaitingOwn += 1;
    if (waitingState === 'awaiting-room') promisedBytes += action.memoryLimitBytes;
    if (waitingState !== 'awaiting-start') continue;
    ensure(state.containers.get(containerId ?? '')?.claimedBy === activationId, `${activationId} waits for a container that starts for it`);
  }
  ensure(queued === state.queuedCount, `${state.queuedCount} activations are counted as queued, ${queued} are`);
  ensure(awaitingOwn === state.awaitingOwnCount, `${state.awaitingOwnCount} activations are counted as waiting for their own container, ${awaitingOwn} are`);
  ensure(promisedBytes === state.promisedBytes, 'the promised bytes are counted');
  ensure(queued <= config.maxQueuedActivations + state.containers.size, 'the queue is bounded');
}

function checkPageCache({ pageCache, actions }: SchedulerState): void {
  let hotBytes = 0;
  for (const [id, { bytes, hotBytes: own, users }] of pageCache.files) {
    hotBytes += own;
    ensure(own >= 0 && own <= bytes, `${own} bytes are hot of the file ${id}, which has ${bytes}`);
    ensure(pageCache.hot.has(id) === own > 0, `${id} is among the hot files exactly when something of it is hot`);
    ensure(users.size > 0, `nobody reads the file ${id}, and it is not forgotten`);
    for (const key of users) ensure(actions.get(key)?.files.some((file) => file.id === id) === true, `${key} reads ${id}`);
  }
  ensure(Math.abs(hotBytes - pageCache.hotBytes) < 1, `${pageCache.hotBytes} bytes are counted as hot, ${hotBytes} are`);
  ensure([...pageCache.hot.keys()].every((id) => pageCache.files.has(id)), 'hot files are known ones');
  ensure([...pageCache.wanted].every((key) => actions.has(key)), 'only actions that exist have files read ahead');
  for (const { key, hotShare } of actions.values()) ensure(hotShare >= 0 && hotShare <= 1, `${hotShare} of the files of ${key} are hot`);
}
