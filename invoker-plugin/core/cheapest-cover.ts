// The least that has to go so that something fits.

/** What may go: bytes that it frees, and what is lost with it. */
export interface Coverable {
  readonly bytes: number;
  readonly costMs: number;
}

export interface Cover {
  /** Indexes, in their order. */
  readonly chosen: readonly number[];
  readonly costMs: number;
}

/** Of more than this many the first ones are looked at: every way of choosing among them may have to be tried. */
const mostLookedAt = 12;

/**
 * Of the items, those that free at least `neededBytes` together and cost least, if that is `mostMs` or less; undefined where there are
 * none. Depth first, with and then without each item; a branch ends where it costs as much as the best so far, or could not free enough.
 *
 * Worked: 300 MB are needed of items of 100 MB for 1 ms, 300 MB for 5 ms and 250 MB for 3 ms: the first and the last, for 4 ms.
 */
export function cheapestCover(items: readonly Coverable[], neededBytes: number, mostMs: number): Cover | undefined {
  const looked = items.slice(0, mostLookedAt);
  let leftBytes = 0;
  for (const { bytes } of looked) leftBytes += bytes;
  let best: Cover | undefined;
  const chosen: number[] = [];
  const tryFrom = (index: number, missingBytes: number, afterBytes: number, costMs: number): void => {
    if (costMs > mostMs || (best !== undefined && costMs >= best.costMs)) return;
    if (missingBytes <= 0) {
      best = { chosen: [...chosen], costMs };
      return;
    }
    const item = looked[index];
    if (item === undefined || afterBytes < missingBytes) return;
    chosen.push(index);
    tryFrom(index + 1, missingBytes - item.bytes, afterBytes - item.bytes, costMs + item.costMs);
    chosen.pop();
    tryFrom(index + 1, missingBytes, afterBytes - item.bytes, costMs);
  };
  tryFrom(0, neededBytes, leftBytes, 0);
  return best;
}
