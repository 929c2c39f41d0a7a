// Gaps between an action's arrivals as a bounded histogram, and the windows of the hybrid histogram policy of "Serverless
// in the Wild" (Shahrad et al., USENIX ATC 2020, §4.2). Differences: bins grow by a factor instead of being minutes, so
// that millisecond and hour gaps are both told apart; and there is no time-series forecast for gaps out of bounds.

/** Bins per doubling of the gap: a bin is 2^(1/4) = 19 % wide. */
const binsPerOctave = 4;
/** Gaps beyond four hours are out of bounds, as in the paper. */
const rangeMs = 4 * 60 * 60_000;
const binCount = Math.ceil(Math.log2(rangeMs) * binsPerOctave) + 1;
/** Fewer gaps than this say nothing. */
const leastGaps = 10;
const headShare = 0.05;
const tailShare = 0.99;
/** The windows start this much earlier than the head and end this much later than the tail. */
const margin = 0.1;
const mostOutOfBoundsShare = 0.5;
/** Coefficient of variation of the bin counts below which they are too even to tell anything. */
const leastVariation = 2;
/** A pre-warm window shorter than this is none: the container simply stays. */
const leastPrewarmMs = 60_000;
/** Counts are halved at this total, so that old habits fade. */
const mostCounted = 1024;

export interface GapHistogram {
  readonly bins: number[];
  counted: number;
  outOfBounds: number;
}

export interface ContainerWindows {
  /** Delay after an arrival before a container is started for the next; absent: none is, the container stays. */
  readonly prewarmWindowMs: number | undefined;
  readonly keepAliveWindowMs: number;
  /** Nearly all gaps are shorter than this. */
  readonly tailMs: number;
}

export function createHistogram(): GapHistogram {
  return { bins: new Array<number>(binCount).fill(0), counted: 0, outOfBounds: 0 };
}

function binOf(gapMs: number): number {
  return Math.min(binCount - 1, Math.floor(Math.log2(Math.max(gapMs, 1)) * binsPerOctave));
}
function lowerEdgeMs(bin: number): number {
  return 2 ** (bin / binsPerOctave);
}

/** Counts one more gap. */
export function addGap(histogram: GapHistogram, gapMs: number): void {
  if (gapMs > rangeMs) histogram.outOfBounds += 1;
  else {
    const bin = binOf(gapMs);
    histogram.bins[bin] = (histogram.bins[bin] ?? 0) + 1;
    histogram.counted += 1;
  }
  if (histogram.counted + histogram.outOfBounds >= mostCounted) halve(histogram);
}

/** Takes a gap out again, because an arrival inside it came to light late; nothing where its count has faded away. */
export function removeGap(histogram: GapHistogram, gapMs: number): void {
  if (gapMs > rangeMs) {
    histogram.outOfBounds = Math.max(0, histogram.outOfBounds - 1);
    return;
  }
  const bin = binOf(gapMs);
  const count = histogram.bins[bin] ?? 0;
  if (count === 0) return;
  histogram.bins[bin] = count - 1;
  histogram.counted -= 1;
}

function halve(histogram: GapHistogram): void {
  histogram.counted = 0;
  for (const [bin, count] of histogram.bins.entries()) {
    const half = count >> 1;
    histogram.bins[bin] = half;
    histogram.counted += half;
  }
  histogram.outOfBounds >>= 1;
}

/** The bin that holds the gap below which `share` of the counted gaps are. */
function percentileBin({ bins, counted }: GapHistogram, share: number): number {
  const rank = Math.max(1, Math.ceil(share * counted));
  let seen = 0;
  for (const [bin, count] of bins.entries()) {
    seen += count;
    if (seen >= rank) return bin;
  }
  return bins.length - 1;
}

/** Standard deviation over mean of the bin counts: 0 when all are the same, √(bins − 1) when all gaps are in one. */
function variationOf({ bins, counted }: GapHistogram): number {
  const mean = counted / bins.length;
  const variance = bins.reduce((sum, count) => sum + (count - mean) ** 2, 0) / bins.length;
  return Math.sqrt(variance) / mean;
}

/**
 * The windows, or undefined where the histogram does not tell: fewer than ten gaps, mostly out of bounds, or too even.
 *
 * pre-warm = 0.9 × 5th percentile (its bin's lower edge), keep-alive = 1.1 × 99th percentile (its bin's upper edge) −
 * pre-warm. Worked: twenty gaps of 10 min, 600 000 ms, are all in the bin [524 288, 623 487): pre-warm = 471 859 ms,
 * keep-alive = 685 836 − 471 859 = 213 977 ms; with gaps of 10 s there is no pre-warm window, and keep-alive is 12.7 s.
 */
export function windowsFromHistogram(histogram: GapHistogram): ContainerWindows | undefined {
  const { counted, outOfBounds } = histogram;
  if (counted < leastGaps || outOfBounds > mostOutOfBoundsShare * (counted + outOfBounds)) return undefined;
  if (variationOf(histogram) < leastVariation) return undefined;
  const headMs = (1 - margin) * lowerEdgeMs(percentileBin(histogram, headShare));
  const tailMs = (1 + margin) * lowerEdgeMs(percentileBin(histogram, tailShare) + 1);
  const prewarmWindowMs = headMs >= leastPrewarmMs ? headMs : undefined;
  return { prewarmWindowMs, keepAliveWindowMs: tailMs - (prewarmWindowMs ?? 0), tailMs };
}
