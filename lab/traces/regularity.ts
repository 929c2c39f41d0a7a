// How regular a function's calls are: the coefficient of variation (CV) of the gaps between them, and the three classes that
// InstaInfer's and Tyche's evaluations sort functions into by it.

export const regularityClasses = ['predictable', 'normal', 'bursty'] as const;
/** CV below 1, from 1 to 4, above 4. */
export type RegularityClass = (typeof regularityClasses)[number];

export function regularityOf(cv: number): RegularityClass {
  if (cv < 1) return 'predictable';
  return cv <= 4 ? 'normal' : 'bursty';
}

export interface GapStatistics {
  readonly meanMinutes: number;
  readonly cv: number;
}

/**
 * Mean and CV of the gaps that counts per minute stand for, as InstaInfer's `Select_Trace_5min.py` works them out: empty
 * minutes before a call make one gap of their number plus one; n calls in a minute that follows empty ones add n − 1 gaps of
 * 1 / (n − 1), in a minute that does not n gaps of 1 / n; empty minutes at the end count for nothing.
 *
 * Worked: 4 0 4 4 0 gives ¼ ×4, 2, ⅓ ×3, ¼ ×4: mean 0.4167, CV 1.149.
 */
export function gapStatisticsOfCounts(countsPerMinute: Iterable<number>): GapStatistics | undefined {
  const gaps = new RunningMoments();
  let emptyMinutes = 0;
  for (const count of countsPerMinute) {
    if (count === 0) {
      emptyMinutes += 1;
    } else if (emptyMinutes > 0) {
      gaps.add(emptyMinutes + 1, 1);
      if (count > 1) gaps.add(1 / (count - 1), count - 1);
      emptyMinutes = 0;
    } else {
      gaps.add(1 / count, count);
    }
  }
  return gaps.count === 0 ? undefined : { meanMinutes: gaps.mean, cv: gaps.cv };
}

/** Mean and deviation of a stream of values (Welford, 1962; weights as West, 1979). */
export class RunningMoments {
  count = 0;
  mean = 0;
  #squares = 0;

  add(value: number, times = 1): void {
    this.count += times;
    const delta = value - this.mean;
    this.mean += (delta * times) / this.count;
    this.#squares += times * delta * (value - this.mean);
  }

  /** Standard deviation of the values themselves (not an estimate of a population's) over their mean; 0 for a mean of 0. */
  get cv(): number {
    return this.count === 0 || this.mean === 0 ? 0 : Math.sqrt(Math.max(0, this.#squares) / this.count) / this.mean;
  }
}
