// Many arrival processes as one stream in order of time: memory grows with the functions, not with the calls.
import { EventHeap } from '../simulation/event-heap.ts';
import type { ArrivalProcess } from './arrival-processes.ts';

/** One arrival of the function with that index in the list it came from. */
export interface IndexedArrival {
  readonly atMs: number;
  readonly functionIndex: number;
}

/** Yields the arrivals of all processes before `untilMs`; a step costs log n. Processes are used up by it. */
export function* mergedArrivals(processes: readonly ArrivalProcess[], untilMs: number): Generator<IndexedArrival> {
  const heap = new EventHeap<number>();
  const schedule = (functionIndex: number, afterMs: number): void => {
    const atMs = processes[functionIndex]?.(afterMs) ?? Number.POSITIVE_INFINITY;
    if (atMs < untilMs) heap.push(atMs, functionIndex);
  };
  for (const functionIndex of processes.keys()) schedule(functionIndex, 0);
  for (let next = heap.pop(); next !== undefined; next = heap.pop()) {
    yield { atMs: next.at, functionIndex: next.item };
    schedule(next.item, next.at);
  }
}
