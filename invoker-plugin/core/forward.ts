// Whether an activation is better served by another invoker, where its artifacts are resident. Pure: what is known of the
// others comes in as data.
import type { Action } from './action.ts';
import type { SchedulerConfig } from './config.ts';
import { aheadLoadMsOf, assumedCleanMs, busyWindowMsOf, containerStartMsOf, savedMsOf } from './learn.ts';
import { policyTable } from './policies/table.ts';
import { chooseContainer, turnMsOf } from './select.ts';
import { containerOf, ownSlotsOf, type SchedulerState, type StepContext } from './state.ts';

/** A report older than this says nothing of now; invokers report each second. */
export const freshReportMs = 3_000;
/** An invoker that let an offer pass is not asked again for so long. */
export const quietAfterFailureMs = 2_000;
/** What forwarding has to gain at least, and as a share of the startup here. */
const leastGainMs = 25;
const leastGainShare = 0.2;

/** Another invoker, as far as one action is concerned. */
export interface ForwardCandidate {
  readonly invoker: number;
  /** Since its last report. */
  readonly reportAgeMs: number;
  /** Activations that wait there for a container. */
  readonly queued: number;
  /** Calls that containers there would take which are the action's own or hold its artifacts, less the offers of this invoker under way. */
  readonly freePlaces: number;
  /** Since it last refused an offer or let one pass; Infinity where it never did. */
  readonly sinceFailureMs: number;
}

/**
 * Where to offer the activation: the candidate with the most free places (the lowest id among equals), or undefined when it
 * is better served here. `startupMs` is what it would wait for here, `hopMs` what an offer costs that is taken.
 *
 * Worked: a load of 800 ms here, a hop of 30 ms: the gain of 770 ms is more than 25 ms and than 20 % of 800 ms. A warm
 * container here (0 ms) is never given up.
 */
export function chooseForward(startupMs: number, hopMs: number, candidates: readonly ForwardCandidate[]): number | undefined {
  if (startupMs - hopMs < Math.max(leastGainMs, leastGainShare * startupMs)) return undefined;
  let best: ForwardCandidate | undefined;
  for (const candidate of candidates) {
    const isFit = candidate.reportAgeMs <= freshReportMs && candidate.queued === 0 && candidate.freePlaces > 0 && candidate.sinceFailureMs >= quietAfterFailureMs;
    if (!isFit) continue;
    const isBetter = best === undefined || candidate.freePlaces > best.freePlaces || (candidate.freePlaces === best.freePlaces && candidate.invoker < best.invoker);
    if (isBetter) best = candidate;
  }
  return best?.invoker;
}

/** The state as a step would see it; nothing is changed. */
function lookingAt(state: SchedulerState, config: SchedulerConfig, now: number): StepContext {
  return { state, config, policy: policyTable[config.prewarmPolicy], now: Math.max(now, state.now), commands: [], roomy: new Set(), roomMade: [] };
}

/** Expected ms until the next activation of the action would run here with its artifacts loaded. */
export function expectedStartupMs(state: SchedulerState, config: SchedulerConfig, action: Action, now: number): number {
  const startMs = containerStartMsOf(state);
  const missingMs = savedMsOf(action);
  // It waits behind the others, at least for one of them to end.
  if (state.queuedCount > 0) return busyWindowMsOf(action) + missingMs;
  const choice = chooseContainer(lookingAt(state, config, now), action);
  switch (choice.kind) {
    case 'take': {
      const { container, startType, clean } = choice;
      const cleanMs = clean === 'none' ? 0 : assumedCleanMs;
      if (startType === 'warm' || startType === 'preloaded') return cleanMs;
      const isLoading = container.load?.actionKey === action.key;
      return cleanMs + (isLoading ? Math.max(0, aheadLoadMsOf(action) - (now - (container.load?.startedAt ?? now))) : missingMs);
    }
    case 'await-own': {
      // None runs where the first one is still starting.
      const turnMs = turnMsOf(lookingAt(state, config, now), action);
      return Number.isFinite(turnMs) ? turnMs : startMs + missingMs;
    }
    case 'await-start':
    case 'create':
    case 'evict':
      return startMs + missingMs;
    case 'wait':
      return busyWindowMsOf(action) + missingMs;
  }
}

/** Calls of the action that would find its artifacts here at once. */
function freeSlotsOf(state: SchedulerState, action: Action): number {
  let slots = action.idleOwn.size * action.concurrencyLimit + action.idleResident.size;
  for (const id of action.openOwn) slots += ownSlotsOf(state, containerOf(state, id));
  return slots;
}

/** Whether an activation that is offered would find its artifacts here, with `promised` others of its action on their way. */
export function isWorthTaking(state: SchedulerState, config: SchedulerConfig, action: Action, promised: number, now: number): boolean {
  if (action.removed || state.queuedCount > 0 || freeSlotsOf(state, action) <= promised) return false;
  const choice = chooseContainer(lookingAt(state, config, now), action);
  return choice.kind === 'take' && (choice.startType === 'warm' || choice.startType === 'preloaded');
}
