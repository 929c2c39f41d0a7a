// The Proactive Pre-loader: one observation in, new plans out. No clock, no I/O: the same events give the same plans.
import { unversionedNameOf, type ActionKey } from '../../common/action-identity.ts';
import type { PreloaderConfig } from './config.ts';
import type { PreloaderEvent } from './events.ts';
import { addGap, createHistogram } from './histogram.ts';
import { planFor, type ActionPlan } from './plan.ts';
import { mostGaps } from './rate.ts';
import type { ArrivalHistory, PreloaderState } from './state.ts';

export interface StepResult {
  /** The state that was passed in, updated in place. */
  readonly state: PreloaderState;
  /** Plans that changed, to be published. A removed action has none: its record is deleted by whoever publishes. */
  readonly plans: ActionPlan[];
}

/** Takes one event in. Events may arrive late or out of order: an arrival before the last one counts as simultaneous. */
export function step(state: PreloaderState, event: PreloaderEvent, config: PreloaderConfig): StepResult {
  switch (event.type) {
    case 'actionDeployed': {
      const history = historyOf(state, event.actionKey, event.at);
      history.deployedAt = event.at;
      keepBounded(state, config);
      return { state, plans: [planFor(event.actionKey, history, config)] };
    }
    case 'actionRemoved':
      forget(state, event.actionKey);
      return { state, plans: [] };
    case 'arrivalObserved': {
      const history = historyOf(state, event.actionKey, event.at);
      recordArrival(history, event.at);
      keepBounded(state, config);
      return { state, plans: [planFor(event.actionKey, history, config)] };
    }
  }
}

/** The action's history, as the most recently seen; that of its former version when this one is new. */
function historyOf(state: PreloaderState, actionKey: ActionKey, at: number): ArrivalHistory {
  const { histories, newestKeys } = state;
  const known = histories.get(actionKey);
  const formerKey = newestKeys.get(unversionedNameOf(actionKey));
  const former = known === undefined && formerKey !== undefined ? histories.get(formerKey) : undefined;
  const history = known ?? (former === undefined ? newHistory(at) : copyOf(former));
  histories.delete(actionKey);
  histories.set(actionKey, history);
  if (known === undefined) newestKeys.set(unversionedNameOf(actionKey), actionKey);
  return history;
}

function newHistory(at: number): ArrivalHistory {
  return { lastArrivalAt: undefined, deployedAt: at, gapsMs: [], histogram: createHistogram() };
}

/** A copy, since calls of the former version may still be under way. */
function copyOf({ lastArrivalAt, deployedAt, gapsMs, histogram }: ArrivalHistory): ArrivalHistory {
  return { lastArrivalAt, deployedAt, gapsMs: [...gapsMs], histogram: { ...histogram, bins: [...histogram.bins] } };
}

function recordArrival(history: ArrivalHistory, at: number): void {
  const { lastArrivalAt } = history;
  history.lastArrivalAt = Math.max(at, lastArrivalAt ?? at);
  if (lastArrivalAt === undefined) return;
  const gapMs = history.lastArrivalAt - lastArrivalAt;
  history.gapsMs.push(gapMs);
  if (history.gapsMs.length > mostGaps) history.gapsMs.shift();
  addGap(history.histogram, gapMs);
}

function keepBounded(state: PreloaderState, config: PreloaderConfig): void {
  for (const oldestKey of state.histories.keys()) {
    if (state.histories.size <= config.mostActions) return;
    forget(state, oldestKey);
  }
}

function forget({ histories, newestKeys }: PreloaderState, actionKey: ActionKey): void {
  histories.delete(actionKey);
  if (newestKeys.get(unversionedNameOf(actionKey)) === actionKey) newestKeys.delete(unversionedNameOf(actionKey));
}
