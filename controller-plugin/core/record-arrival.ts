// Enters an arrival into an action's history, in its place in time: topics of several controllers and user events, which
// come when an activation ends, do not bring arrivals in order.
import { noteGap } from './gap-model.ts';
import { addGap, removeGap } from './histogram.ts';
import { countArrival } from './hourly-counts.ts';
import { mostGaps } from './rate.ts';
import type { ArrivalHistory } from './state.ts';

/**
 * Worked: arrivals at 0, 10 and 30 are the gaps 10 and 20; one at 25 that comes to light now makes them 10, 15 and 5. One
 * before all remembered gaps only counts in its hour.
 */
export function recordArrival(history: ArrivalHistory, at: number): void {
  countArrival(history.hourly, at);
  const { lastArrivalAt, gapsMs } = history;
  history.firstArrivalAt = Math.min(at, history.firstArrivalAt ?? at);
  history.lastArrivalAt = Math.max(at, lastArrivalAt ?? at);
  if (lastArrivalAt === undefined) return;
  if (at >= lastArrivalAt) {
    gapsMs.push(at - lastArrivalAt);
    addGap(history.histogram, at - lastArrivalAt);
    if (history.gapModel !== undefined) noteGap(history.gapModel, at - lastArrivalAt);
  } else {
    history.gapModel = undefined;
    insertBefore(history, lastArrivalAt, at);
  }
  if (gapsMs.length > mostGaps) gapsMs.shift();
}

function insertBefore({ gapsMs, histogram }: ArrivalHistory, lastArrivalAt: number, at: number): void {
  let later = lastArrivalAt;
  for (let index = gapsMs.length - 1; index >= 0; index -= 1) {
    const gapMs = gapsMs[index] ?? 0;
    const earlier = later - gapMs;
    if (at >= earlier) {
      gapsMs.splice(index, 1, at - earlier, later - at);
      removeGap(histogram, gapMs);
      addGap(histogram, at - earlier);
      addGap(histogram, later - at);
      return;
    }
    later = earlier;
  }
  if (gapsMs.length >= mostGaps) return;
  gapsMs.unshift(later - at);
  addGap(histogram, later - at);
}
