// Containers that are started for no call that is there: stem cells, and those for a window, a pinned place or for what they are worth.
import type { Action } from './action.ts';
import { classOf } from './container.ts';
import { predictedBytesOf } from './learn.ts';
import { createContainer, freePoolBytes } from './pool.ts';
import { idleOfClass, type StepContext } from './state.ts';
import { pushTimer } from './timers.ts';
import { isMemoryPriced, missingStemCells, stemCellTarget } from './windows.ts';
import { mayHoldMore } from './wishes.ts';
import { isWorthStarting } from './worth.ts';

/** Waiting time after the first failed start of a stem cell; doubles with each further one up to the limit. */
const firstStemCellRetryMs = 1000;
const longestStemCellRetryMs = 60_000;

/** Starts stem cells up to the policy's count, or one in reserve where none was asked for and one is worth its memory, while the pool has room; never at the expense of a waiting activation. */
export function replenishStemCells(context: StepContext): void {
  const { state, config, policy, now } = context;
  const target = stemCellTarget(context, config.stemCellMemoryBytes);
  if (target === 0 || state.queuedCount > 0 || state.promisedBytes > 0 || now < state.retryStemCellAt) return;
  const limit = config.stemCellMemoryBytes;
  let missing = missingStemCells(context);
  while (missing > 0 && freePoolBytes(context) >= limit) {
    createContainer(context, limit, policy.stemCellCount(config) > 0 ? 'stem-cell' : 'reserve', {});
    missing -= 1;
  }
}

/** A container for nobody in particular did not start: the next try waits longer each time. */
export function noteFailedStemCell(context: StepContext): void {
  const { state, now } = context;
  state.stemCellFailures += 1;
  const delayMs = Math.min(longestStemCellRetryMs, firstStemCellRetryMs * 2 ** Math.min(state.stemCellFailures - 1, 16));
  state.retryStemCellAt = now + delayMs;
  pushTimer(state, state.retryStemCellAt, 'stem-cells', '');
}

/** Starts a container when the action's pre-warm window is over and it has no place at all; once for each arrival. */
export function startPrewarmed(context: StepContext, action: Action): void {
  const { state } = context;
  if (state.queuedCount > 0 || freePoolBytes(context) < action.memoryLimitBytes) return;
  action.prewarmedAfter = action.lastArrivalAt;
  const isServed =
    action.idleOwn.size + action.openOwn.size + action.idleResident.size > 0 ||
    (state.unclaimedStarting.get(action.memoryLimitBytes)?.size ?? 0) > 0 ||
    idleOfClass(state, classOf('stem', action.memoryLimitBytes, undefined)).size > 0 ||
    idleOfClass(state, classOf('zygote', action.memoryLimitBytes, undefined)).size > 0;
  if (!isServed) createContainer(context, action.memoryLimitBytes, 'prewarm-window', { prewarmedFor: action.key });
}

/** Starts a container for a pinned place that no other has room for, where it would have room itself, and memory is free and may be spent on it. */
export function startForPin(context: StepContext, action: Action): void {
  const { state, config, now } = context;
  const { memoryLimitBytes } = action;
  const hasRoom = memoryLimitBytes * (1 - config.headroomShare) - state.freshUsedBytes >= predictedBytesOf(action);
  const isNeededElsewhere = state.queuedCount > 0 || state.promisedBytes > 0 || freePoolBytes(context) < memoryLimitBytes;
  const isOneComing = state.loadsInFlight > 0 || state.unclaimedStarting.has(memoryLimitBytes) || now < state.retryStemCellAt;
  if (!hasRoom || isNeededElsewhere || isOneComing || !mayHoldMore(context, memoryLimitBytes)) return;
  createContainer(context, memoryLimitBytes, 'pinned', { heldForPins: true });
}

/** Starts a container for what is wanted and has found no room, where that is worth its memory. Returns whether one is coming. */
export function startForWorth(context: StepContext, action: Action): boolean {
  const { state, now } = context;
  const { memoryLimitBytes } = action;
  const isNeededElsewhere = state.queuedCount > 0 || state.promisedBytes > 0 || freePoolBytes(context) < memoryLimitBytes;
  if (!isMemoryPriced(context) || isNeededElsewhere || now < state.retryStemCellAt) return false;
  if (state.unclaimedStarting.has(memoryLimitBytes)) return true;
  if (!isWorthStarting(context, action)) return false;
  createContainer(context, memoryLimitBytes, 'worth-its-memory', {});
  return true;
}
