// Whether a container is worth the memory that it holds: what it is expected to save, against what memory costs. Formulas
// only; containers are started and removed elsewhere.
import type { ActionKey } from '../../common/action-identity.ts';
import { busyPlacesOf, freePlacesOf, type Action } from './action.ts';
import type { SchedulerConfig } from './config.ts';
import type { Container } from './container.ts';
import { highest } from './highest.ts';
import { coldStartMsOf, containerStartMsOf, predictedBytesOf, savedMsOf } from './learn.ts';
import { actionOf, densityOf, type StepContext, type Wanted } from './state.ts';
import { nextPlaceValueMs, placeValueMs, useProbability } from './value.ts';

/** A container stays where it pays for itself by one of these: by the last one for a timer that is due only then. */
const horizonsMs = [60_000, 240_000, 600_000] as const;
/** How much more than its memory costs a container has to save to be started: it then lasts through what makes it worth less. */
const startMargin = 10;
/** How fast an action that was silent for long is given up; see {@link returnProbability}. */
const returnExponent = 0.5;
/** Actions whose artifacts one more container is filled with in thought. */
const mostToFill = 16;
/** Misses that tell how often calls find no place, and how few say nothing yet. */
export const recentMissCount = 8;
const leastMisses = 2;

/** What so much memory costs for so long, in ms of startup. Worked: 2 GiB for a minute at 1 ms for each GiB·s: 120 ms. */
function memoryCostMs(bytes: number, forMs: number, { memoryPriceMsPerGibSecond }: SchedulerConfig): number {
  return (memoryPriceMsPerGibSecond * (bytes / 2 ** 30) * forMs) / 1000;
}

/**
 * P(a call within `horizonMs`), given nothing but the silence since the last one: 1 − (s / (s + horizon))^0.5. What has been
 * silent for long stays so for about as long again (gaps with a power-law tail), so that a burst that has ended is not taken to
 * be over for good, as its own gaps would say. 0 for an action with more than one place.
 *
 * Worked, for a minute: 0.29 after a minute of silence, 0.05 after ten.
 */
export function returnProbability(action: Action, now: number, horizonMs: number): number {
  if (action.lastArrivalAt === undefined || !mayReturn(action)) return 0;
  const silenceMs = Math.max(1, now - action.lastArrivalAt);
  return 1 - (silenceMs / (silenceMs + horizonMs)) ** returnExponent;
}

function mayReturn(action: Action): boolean {
  const isGone = action.superseded || action.removed || action.plan?.elsewhere === true;
  return !isGone && freePlacesOf(action) + busyPlacesOf(action) <= 1;
}

/**
 * For how long from now the container is worth its memory by {@link returnProbability} of its own action alone, in ms; 0 where that
 * says nothing. With q = memory cost / cold start and r = 1 − q: until a silence of h·r² / (1 − r²), for the horizon h that says longest.
 *
 * Worked: 256 MiB at 1 ms for each GiB·s and a cold start of 600 ms: by the horizon of a minute (q = 0.025) until 19 minutes of silence.
 */
export function staysWorthMs({ state, config, now }: StepContext, { ownActionKey, memoryLimitBytes }: Container): number {
  const own = ownActionKey === undefined ? undefined : actionOf(state, ownActionKey);
  if (own?.lastArrivalAt === undefined || !mayReturn(own)) return 0;
  const savedMs = coldStartMsOf(state, own) * own.wishes.priority;
  let longestSilenceMs = 0;
  for (const horizonMs of horizonsMs) {
    const silentShare = Math.max(0, 1 - memoryCostMs(memoryLimitBytes, horizonMs, config) / savedMs) ** (1 / returnExponent);
    longestSilenceMs = Math.max(longestSilenceMs, (horizonMs * silentShare) / (1 - silentShare));
  }
  return Math.max(0, own.lastArrivalAt + longestSilenceMs - now);
}

/** Whether an idle container is expected to save what its memory costs, over a minute or longer. */
export function isWorthItsMemory(context: StepContext, container: Container): boolean {
  return horizonsMs.some((horizonMs) => savedWithinMs(context, container, horizonMs) >= memoryCostMs(container.memoryLimitBytes, horizonMs, context.config));
}

function savedWithinMs({ state, config, now }: StepContext, { ownActionKey, residents }: Container, horizonMs: number): number {
  let savedMs = 0;
  if (ownActionKey !== undefined) {
    const own = actionOf(state, ownActionKey);
    const probability = Math.max(useProbability(own, Math.max(0, freePlacesOf(own) - 1), now, horizonMs, config), returnProbability(own, now, horizonMs));
    savedMs += probability * coldStartMsOf(state, own) * own.wishes.priority;
  }
  for (const key of residents.keys()) {
    const resident = actionOf(state, key);
    const returning = returnProbability(resident, now, horizonMs) * savedMsOf(resident) * resident.wishes.priority;
    savedMs += Math.max(returning, placeValueMs(resident, Math.max(0, freePlacesOf(resident) - 1), now, config, horizonMs));
  }
  return savedMs;
}

/** Whether one more container, filled with `first` and with what else is wanted and found no room, would save much more than its memory costs. */
export function isWorthStarting(context: StepContext, first: Action): boolean {
  const { state, config } = context;
  let leftBytes = first.memoryLimitBytes * (1 - config.headroomShare) - state.freshUsedBytes - predictedBytesOf(first);
  if (leftBytes < 0) return false;
  const leastMs = startMargin * memoryCostMs(first.memoryLimitBytes, config.valueHorizonMs, config);
  const valueOf = (action: Action): number => nextPlaceValueMs(state, action, config, config.valueHorizonMs);
  let savedMs = valueOf(first);
  if (savedMs >= leastMs) return true;
  for (const [key, { predictedBytes }] of densestWanted(context, first)) {
    if (predictedBytes > leftBytes) continue;
    leftBytes -= predictedBytes;
    savedMs += valueOf(actionOf(state, key));
  }
  return savedMs >= leastMs;
}

/** What else is wanted and would go into a container for `first`, densest first. */
function densestWanted({ state }: StepContext, first: Action): readonly (readonly [ActionKey, Wanted])[] {
  return highest(state.wanted, mostToFill, ([key, wanted]) => (key === first.key || wanted.memoryLimitBytes !== first.memoryLimitBytes ? undefined : densityOf(wanted)));
}

/**
 * Whether calls find no place so often that a container without an action, which would save them its start, is worth its memory.
 *
 * Worked: starts of 500 ms and 2 GiB at 1 ms for each GiB·s: 10 × 2 ms a second have to be saved, a miss every 25 s.
 */
export function isReserveWorthIts({ state, config, now }: StepContext): boolean {
  const { recentMisses } = state;
  const [first] = recentMisses;
  if (first === undefined || recentMisses.length < leastMisses) return false;
  const forMs = Math.max(1, now - first);
  return recentMisses.length * containerStartMsOf(state) >= startMargin * memoryCostMs(config.stemCellMemoryBytes, forMs, config);
}
