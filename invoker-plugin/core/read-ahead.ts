// Whether and whose model files are read into the host's page cache: a first stage of pre-loading that takes no place in a
// container. One action's at a time, while no call loads; the best value for each byte first, and never where that would push
// out what is worth more.
import type { ActionKey } from '../../common/action-identity.ts';
import { busyPlacesOf, freePlacesOf, type Action } from './action.ts';
import { loadsOnPath } from './commands.ts';
import type { HostMemory, ReadAheadEnded } from './events.ts';
import { assumedColdMsPerByte, coldExtraMsOf, containerStartMsOf, isWarm, savedMsOf } from './learn.ts';
import { ageFiles, learnStay, noteHot, refreshHeat, type KnownFile } from './page-cache.ts';
import { actionOf, type StepContext } from './state.ts';
import { pushTimer } from './timers.ts';
import { arrivalRatePerMs, leastSavedMs, loadCostShare, loadDueAt, useProbability } from './value.ts';
import { isIdleOver } from './wishes.ts';

/** Of an action whose files are there but for this share nothing is read. */
const leastMissingShare = 0.1;
/** Share of the host's memory for files that what is read ahead may fill: loads and everybody else need some, too. */
const fillableShare = 0.8;
/** Actions that one step compares, and files that it looks at for what would be pushed out. */
const comparedActions = 64;
const comparedFiles = 256;
/** Least time between two readings for one action, and after one that failed. */
const readAgainMs = 10_000;
const readAfterFailureMs = 60_000;

/** The action as it is looked at: whether its files are worth reading. `lookAt` is told when that may change by itself. */
export function examineFiles(context: StepContext, action: Action, lookAt: (at: number) => boolean): void {
  const { state, config, now } = context;
  const { pageCache } = state;
  if (action.files.length === 0) return;
  const coldAt = refreshHeat(state, action);
  pageCache.wanted.delete(action.key);
  if (config.readAheadBytesPerSecond === 0 || pageCache.capacityBytes === undefined) return;
  if (1 - action.hotShare < leastMissingShare) {
    if (coldAt < Infinity) lookAt(coldAt);
    return;
  }
  if (!lookAt(Math.max(action.retryReadAt, loadDueAt(action, now, config)))) return;
  if (isWorthReading(context, action)) {
    pageCache.wanted.add(action.key);
    pageCache.isTried = false;
  } else if (arrivalRatePerMs(action, now, config) > 0) {
    // The longer a silence that is foretold, the nearer its end.
    lookAt(now + config.valueHorizonMs / 2);
  }
}

/** Whether a reading is expected to save what it costs: as much processor time as a cold load spends on it. */
function isWorthReading(context: StepContext, action: Action): boolean {
  if (action.removed || action.superseded || action.plan?.elsewhere === true || isIdleOver(action, context.now)) return false;
  return readingValueMs(context, action) >= Math.max(leastSavedMs, loadCostShare * missingBytesOf(action) * assumedColdMsPerByte);
}

function missingBytesOf({ fileBytes, hotShare }: Action): number {
  return fileBytes * (1 - hotShare);
}

/** How probable a call is while the files stay where they have been read to. */
function callProbability({ state, config, now }: StepContext, action: Action): number {
  return useProbability(action, 0, now, Math.min(config.valueHorizonMs, state.pageCache.staysHotMs), config);
}

/**
 * Expected ms that reading what is missing saves: P(called while it stays) × what a load takes longer without it.
 * Worked: half of 200 MB is missing, a cold load takes 200 ms longer, a call within the minute is as likely as not: 50 ms.
 */
function readingValueMs(context: StepContext, action: Action): number {
  return callProbability(context, action) * (1 - action.hotShare) * coldExtraMsOf(action) * action.wishes.priority;
}

/** Begins or stops reading, after everything else of the step was decided. */
export function readAhead(context: StepContext): void {
  const { state, config, now } = context;
  const { pageCache } = state;
  if (pageCache.capacityBytes === undefined || config.readAheadBytesPerSecond === 0) return;
  giveWay(context);
  if (pageCache.reading !== undefined || pageCache.isTried || pageCache.wanted.size === 0) return;
  if (state.loadsInFlight > 0 || now < pageCache.quietUntil) return;
  ageFiles(state);
  const action = bestWanted(context);
  if (action === undefined) {
    pageCache.isTried = true;
    return;
  }
  pageCache.wanted.delete(action.key);
  pageCache.reading = { actionKey: action.key, isStopping: false };
  const files = action.files.filter(({ id, bytes }) => (pageCache.hot.get(id)?.hotBytes ?? 0) < bytes).map(({ id }) => id);
  const reason = freePlacesOf(action) + busyPlacesOf(action) === 0 ? 'no-place' : 'next-load';
  context.commands.push({ type: 'readAhead', actionKey: action.key, files, bytesPerSecond: config.readAheadBytesPerSecond, reason });
}

/** A call that loads, or a load, has the disk for itself. */
function giveWay({ state, commands, now }: StepContext): void {
  const { pageCache } = state;
  let reason: 'call' | 'load' | undefined;
  for (const command of commands) {
    if (command.type === 'load') reason ??= 'load';
    if (command.type !== 'startActivation' || !loadsOnPath(command.startType)) continue;
    reason = 'call';
    const action = actionOf(state, command.actionKey);
    pageCache.quietUntil = Math.max(pageCache.quietUntil, Math.ceil(now + containerStartMsOf(state) + savedMsOf(action)));
    pushTimer(state, pageCache.quietUntil, 'reading', '');
  }
  const { reading } = pageCache;
  if (reason === undefined || reading === undefined || reading.isStopping) return;
  reading.isStopping = true;
  commands.push({ type: 'stopReading', actionKey: reading.actionKey, reason });
}

/** The action whose files are worth most for each byte to be read, of those for which there is room. */
function bestWanted(context: StepContext): Action | undefined {
  const { state } = context;
  const { pageCache } = state;
  let best: { readonly action: Action; readonly density: number } | undefined;
  let compared = 0;
  for (const key of [...pageCache.wanted].slice(0, comparedActions)) {
    const action = state.actions.get(key);
    compared += 1;
    if (action === undefined) continue;
    refreshHeat(state, action);
    if (!isWorthReading(context, action)) {
      pageCache.wanted.delete(key);
      continue;
    }
    const density = readingValueMs(context, action) / Math.max(1, missingBytesOf(action));
    if (density <= (best?.density ?? 0) || !hasRoom(context, action)) continue;
    best = { action, density };
  }
  // The next time others are compared.
  if (best === undefined && compared === comparedActions) rotate(pageCache.wanted, comparedActions);
  return best?.action;
}

function rotate(keys: Set<ActionKey>, count: number): void {
  for (const key of [...keys].slice(0, count)) {
    keys.delete(key);
    keys.add(key);
  }
}

/**
 * Whether the host has memory for what is missing of the action's files, or what would be pushed out for it, the longest unused
 * first, is of nobody who is expected to call. To let what is worth more push out what is worth less has been measured
 * (docs/policies.md): files take turns.
 */
function hasRoom(context: StepContext, action: Action): boolean {
  const { pageCache } = context.state;
  let excessBytes = pageCache.hotBytes + missingBytesOf(action) - fillableShare * (pageCache.capacityBytes ?? 0);
  if (excessBytes <= 0) return true;
  const own = new Set(action.files.map(({ id }) => id));
  let looked = 0;
  for (const [id, file] of pageCache.hot) {
    if (own.has(id)) continue;
    looked += 1;
    if (looked > comparedFiles || isNeeded(context, file)) return false;
    excessBytes -= file.hotBytes;
    if (excessBytes <= 0) return true;
  }
  return false;
}

/** Whether some action that reads the file is expected to be called. */
function isNeeded(context: StepContext, { users }: KnownFile): boolean {
  for (const key of users) {
    const user = context.state.actions.get(key);
    if (user !== undefined && !user.removed && !user.superseded && callProbability(context, user) > 0) return true;
  }
  return false;
}

/** The first such event says that files can be read here at all: everything is looked at for the first time. */
export function onHostMemory({ state }: StepContext, event: HostMemory): void {
  const { pageCache } = state;
  const isFirst = pageCache.capacityBytes === undefined;
  pageCache.capacityBytes = event.cacheableBytes;
  pageCache.isTried = false;
  ageFiles(state);
  if (!isFirst) return;
  for (const action of state.actions.values()) if (action.files.length > 0) state.dirty.add(action.key);
}

/** What was read is hot, as far as it was read; that nearly nothing came from the disk shows that it was hot before. */
export function onReadAheadEnded({ state, now }: StepContext, event: ReadAheadEnded): void {
  const { pageCache } = state;
  if (pageCache.reading?.actionKey !== event.actionKey) return;
  pageCache.reading = undefined;
  pageCache.isTried = false;
  const action = state.actions.get(event.actionKey);
  const readBytes = event.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const coldShare = event.outcome === 'read' && event.diskBytes !== undefined ? event.diskBytes / Math.max(1, readBytes) : 1;
  if (action !== undefined && isWarm(coldShare)) learnStay(state, action, coldShare);
  for (const { id, bytes } of event.files) noteHot(state, id, bytes);
  ageFiles(state);
  if (action === undefined) return;
  for (const { id } of action.files) for (const key of pageCache.files.get(id)?.users ?? []) state.dirty.add(key);
  if (event.outcome === 'stopped') return;
  action.retryReadAt = now + (event.outcome === 'read' ? readAgainMs : readAfterFailureMs);
}
