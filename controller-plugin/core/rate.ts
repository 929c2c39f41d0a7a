// The arrival rate of an action from its last gaps. Formulas only.

/** Gaps that are remembered of an action. */
export const mostGaps = 64;
/** Window lengths, in gaps, that compete. The shortest follows a burst at once, the longest averages over bursts. */
export const windowLengths = [5, 8, 13, 21, 34, 55] as const;
/** Two arrivals in the same millisecond are taken to be this far apart, so that no rate is infinite. */
const leastGapMs = 1;

export interface RateEstimate {
  /** λ̂, per ms; 0 before two arrivals were seen. */
  readonly ratePerMs: number;
  /** Gaps that it rests on. */
  readonly gapCount: number;
}

/** Σ of the first n gaps, for each n; the k-th to n-th gap then sum to `sums[n] − sums[k]`. */
function prefixSums(gapsMs: readonly number[]): number[] {
  const sums = [0];
  for (const gapMs of gapsMs) sums.push((sums.at(-1) ?? 0) + Math.max(gapMs, leastGapMs));
  return sums;
}

function rateBefore(sums: readonly number[], end: number, windowLength: number): number {
  const count = Math.min(windowLength, end);
  return count / ((sums[end] ?? 0) - (sums[end - count] ?? 0));
}

/**
 * λ̂ = w / Σ of the last w gaps, with the w that would have predicted the past gaps best.
 *
 * Each window length forecasts each remembered gap Δ from the gaps before it (from all of them where there are fewer than
 * w), and is scored by the log-likelihood of an exponential gap, ln λ − λ·Δ, summed: nothing under- or overflows, and all
 * lengths are scored on the same gaps. The longest of equals wins. With five gaps or fewer λ̂ rests on all of them.
 *
 * w gaps span w + 1 arrivals; dividing w arrivals by the same time, as the paper's λ = W / T_w does for W arrivals and
 * W − 1 gaps, would put the rate W / (W − 1) too high.
 *
 * Worked: gaps of 60 000 ms ×10 and then 1000 ms ×6: w = 5 gives 5 / 5000 = 1/s and wins; w = 13 gives 13 / 426 000.
 * Bursts with long pauses between them favour long windows: a rate that knows only the burst is punished hard by the
 * pause after it (λ·Δ = 480 for 4 min after gaps of 500 ms). The scheduler sees a burst as it happens by itself.
 */
export function estimateRate(gapsMs: readonly number[]): RateEstimate {
  const count = gapsMs.length;
  if (count === 0) return { ratePerMs: 0, gapCount: 0 };
  const sums = prefixSums(gapsMs);
  const shortest = windowLengths[0];
  let bestLength: number = Math.min(count, shortest);
  let bestScore = -Infinity;
  for (const windowLength of windowLengths) {
    if (windowLength > count && windowLength !== shortest) break;
    let score = 0;
    for (let index = Math.min(shortest, count - 1); index < count; index += 1) {
      if (index === 0) continue;
      const ratePerMs = rateBefore(sums, index, windowLength);
      const gapMs = Math.max(gapsMs[index] ?? 0, leastGapMs);
      score += Math.log(ratePerMs) - ratePerMs * gapMs;
    }
    if (score >= bestScore) [bestScore, bestLength] = [score, Math.min(windowLength, count)];
  }
  return { ratePerMs: rateBefore(sums, count, bestLength), gapCount: bestLength };
}
