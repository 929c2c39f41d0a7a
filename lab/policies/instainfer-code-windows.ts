// The predictor of InstaInfer's published code, figure for figure, its integer arithmetic included: gaps in whole minutes, a
// factorial in 32 bits, a probability that is compared with a gap.
//
// Source: IntelliSys-Lab/InstaInfer f4a3a24, ShardingContainerPoolBalancer.scala, object histogram.
// Known difference: the code's array of gaps ends at 240, so that an action's 240th call fails; here the last 239 gaps count.

export interface CodeWindows {
  readonly prewarmMinutes: number;
  readonly keepAliveMinutes: number;
  readonly preloadMinutes: number;
  readonly offloadMinutes: number;
  /** Per minute. */
  readonly lambda: number;
}

const boundMinutes = 240;
const youngCalls = 10;
const shortestWindow = 5;
const loadProbability = 0.05;
const offloadProbability = 0.85;
const largestInt = 2 ** 31 - 1;

/** Scala's `Double.toInt`: cut off, held within 32 bits, 0 for NaN. */
function toInt(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(-largestInt - 1, Math.min(largestInt, Math.trunc(value)));
}

/** As the code's recursion over Int: wraps at 13! and is 0 from 34! on. */
function intFactorial(n: number): number {
  let product = 1;
  for (let factor = 2; factor <= n; factor += 1) product = Math.imul(product, factor);
  return product;
}

/** What the code remembers of one action. */
export class CodePredictor {
  private readonly bins = new Array<number>(boundMinutes).fill(0);
  private readonly gaps: number[] = [];
  private lastMinute: number | undefined;

  /**
   * A call in that minute of the clock; returns the windows it is sent with. The first call counts as a gap of 0; a gap of
   * four hours or more changes nothing, the time of the last call included.
   *
   * Worked: the first ten calls get (0, 1, 0, 10, λ 0). From the eleventh on, with all gaps 0 minutes: λ = w / 0 = ∞, no
   * window has a comparable error, λ stays 0, T1 = ∞, and ∞.toInt + 1 overflows: load after −2³¹ minutes, off-load after 2³¹ − 1.
   */
  called(minute: number): CodeWindows {
    this.lastMinute ??= minute;
    const gap = minute - this.lastMinute;
    if (gap >= boundMinutes) return { prewarmMinutes: 0, keepAliveMinutes: 10, preloadMinutes: 0, offloadMinutes: 10, lambda: 0 };
    this.lastMinute = minute;
    this.bins[gap] = (this.bins[gap] ?? 0) + 1;
    this.gaps.push(gap);
    if (this.gaps.length >= boundMinutes) this.gaps.shift();
    const total = this.bins.reduce((sum, count) => sum + count, 0);
    if (total <= youngCalls) return { prewarmMinutes: 0, keepAliveMinutes: 1, preloadMinutes: 0, offloadMinutes: 10, lambda: 0 };
    const lambda = this.lambda();
    return {
      prewarmMinutes: this.minuteAtRank(toInt(total * 0.2) + 1),
      keepAliveMinutes: Math.max(1, this.minuteAtRank(toInt(total * 0.8) - 1)),
      preloadMinutes: (toInt(-Math.log(1 - loadProbability) / lambda) + 1) | 0,
      offloadMinutes: toInt(-Math.log(1 - offloadProbability) / lambda),
      lambda,
    };
  }

  private minuteAtRank(rank: number): number {
    let seen = 0;
    for (const [minute, count] of this.bins.entries()) {
      seen += count;
      if (count > 0 && seen >= rank) return minute;
    }
    return 0;
  }

  /** λ = w / Σ of the w gaps before the newest, for the w whose λ^w·e^−λ / w! comes nearest to the newest gap; 0 where none compares. */
  private lambda(): number {
    const newest = this.gaps.at(-1) ?? 0;
    let best = 0;
    let leastError = Number.MAX_VALUE;
    let sum = 0;
    for (let window = 1; window < this.gaps.length; window += 1) {
      sum += this.gaps[this.gaps.length - 1 - window] ?? 0;
      if (window < shortestWindow) continue;
      const lambda = window / sum;
      const error = ((lambda ** window * Math.exp(-lambda)) / intFactorial(window) - newest) ** 2;
      if (error < leastError) [leastError, best] = [error, lambda];
    }
    return best;
  }
}
