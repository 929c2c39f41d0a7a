// A binary heap of the times at which a container or an action has to be looked at again. It decides nothing.
import type { SchedulerState } from './state.ts';

export interface Timer {
  readonly at: number;
  /** Breaks ties, so that the order never depends on the shape of the heap. */
  readonly number: number;
  readonly subject: 'container' | 'action' | 'stem-cells' | 'reading';
  /** Container id or action key; empty for the others. */
  readonly id: string;
}

function isBefore(left: Timer, right: Timer): boolean {
  return left.at < right.at || (left.at === right.at && left.number < right.number);
}

/** Timers kept for each container and action before the ones that no longer stand are swept out. */
const mostTimersPerSubject = 4;
const leastTimersToSweep = 64;

export function pushTimer(state: SchedulerState, at: number, subject: Timer['subject'], id: string): void {
  if (state.timers.length > leastTimersToSweep + mostTimersPerSubject * (state.containers.size + state.actions.size)) sweep(state);
  const heap = state.timers;
  const timer: Timer = { at, number: state.nextTimerNumber++, subject, id };
  let index = heap.length;
  heap.push(timer);
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex] as Timer;
    if (!isBefore(timer, parent)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = timer;
}

/** An action that is called often sets its timers anew with each call; what it leaves behind must not pile up. */
function sweep(state: SchedulerState): void {
  const current = state.timers.filter((timer) => isCurrent(state, timer));
  state.timers = current.sort((left, right) => (isBefore(left, right) ? -1 : 1));
}

/** Removes the earliest timer; the heap must not be empty. */
export function popTimer(state: SchedulerState): Timer {
  const heap = state.timers;
  const earliest = heap[0] as Timer;
  const last = heap.pop() as Timer;
  if (heap.length === 0) return earliest;
  let index = 0;
  for (;;) {
    let childIndex = 2 * index + 1;
    if (childIndex >= heap.length) break;
    const right = heap[childIndex + 1];
    if (right !== undefined && isBefore(right, heap[childIndex] as Timer)) childIndex += 1;
    const child = heap[childIndex] as Timer;
    if (!isBefore(child, last)) break;
    heap[index] = child;
    index = childIndex;
  }
  heap[index] = last;
  return earliest;
}

/** Whether the timer still stands: its subject may be gone, or wait for another time by now. */
export function isCurrent(state: SchedulerState, timer: Timer): boolean {
  switch (timer.subject) {
    case 'container':
      return state.containers.get(timer.id)?.timerAt === timer.at;
    case 'action':
      return state.actions.get(timer.id)?.timerAt === timer.at;
    case 'stem-cells':
      return state.retryStemCellAt === timer.at;
    case 'reading':
      return state.pageCache.quietUntil === timer.at;
  }
}

/** The earliest time at which a `ticked` event is needed; undefined when nothing waits for time to pass. */
export function nextWakeAt(state: SchedulerState): number | undefined {
  for (;;) {
    const earliest = state.timers[0];
    if (earliest === undefined) return undefined;
    if (isCurrent(state, earliest)) return earliest.at;
    popTimer(state);
  }
}
