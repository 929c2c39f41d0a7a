// One call of one function, as traces with a row for each call have it, and putting such rows in order of time.
import { EventHeap } from '../simulation/event-heap.ts';

export interface Invocation {
  /** Milliseconds from the beginning of the trace to the arrival. */
  readonly atMs: number;
  readonly functionKey: string;
  /** How long it ran; absent where the trace does not say. */
  readonly durationMs: number | undefined;
}

/** A row of a trace that is in order of when calls ended. */
export interface EndedInvocation extends Invocation {
  readonly endedAtMs: number;
}

/**
 * Yields calls in order of arrival from rows in order of end. Only those that may still be overtaken are kept: with no call
 * longer than `longestMs`, one that arrived that long before the newest end cannot be.
 *
 * @param refuse makes the error for a row that comes out of order all the same.
 */
export async function* inOrderOfArrival(rows: AsyncIterable<EndedInvocation>, longestMs: number, refuse: (row: EndedInvocation) => Error): AsyncGenerator<Invocation> {
  const waiting = new EventHeap<Invocation>();
  let emittedAtMs = Number.NEGATIVE_INFINITY;
  for await (const row of rows) {
    if (row.atMs < emittedAtMs) throw refuse(row);
    const { atMs, functionKey, durationMs } = row;
    waiting.push(atMs, { atMs, functionKey, durationMs });
    for (let next = waiting.peekAt(); next !== undefined && next <= row.endedAtMs - longestMs; next = waiting.peekAt()) {
      emittedAtMs = next;
      yield waiting.pop()?.item as Invocation;
    }
  }
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) yield next.item;
}
