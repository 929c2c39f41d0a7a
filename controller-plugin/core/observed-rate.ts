// How often an action was called over up to a week: a plain count over a known time, for operators and for deciding which
// actions are worth remembering. The rate that plans carry is another one: it follows changes (rate.ts).
import { arrivalsInLastHours, hourMs } from './hourly-counts.ts';
import type { ArrivalHistory } from './state.ts';

export interface ObservedRate {
  readonly arrivals: number;
  /** Time in which they came. */
  readonly spanMs: number;
  readonly ratePerMs: number;
}

/**
 * Arrivals in the current hour and the `hours − 1` before it, over the time from the start of those hours, or from the
 * action's first arrival where that is later; that first one opens the time and is not counted in the rate.
 *
 * Worked: first arrival at 10:30, then one a minute, now 12:30, two hours asked: since 11:00 there were 91 in 90 min,
 * that is 1.01 a minute; three hours asked: 121 in 120 min, of which the first is not counted: 1 a minute.
 */
export function observedRate(history: ArrivalHistory, now: number, hours: number): ObservedRate {
  const arrivals = arrivalsInLastHours(history.hourly, now, hours);
  const startOfHours = (Math.floor(now / hourMs) - hours + 1) * hourMs;
  const { firstArrivalAt } = history;
  if (firstArrivalAt === undefined) return { arrivals: 0, spanMs: 0, ratePerMs: 0 };
  const isFirstCounted = firstArrivalAt >= startOfHours;
  const spanMs = Math.max(0, now - Math.max(startOfHours, firstArrivalAt));
  const counted = arrivals - (isFirstCounted ? 1 : 0);
  return { arrivals, spanMs, ratePerMs: spanMs === 0 ? 0 : Math.max(0, counted) / spanMs };
}
