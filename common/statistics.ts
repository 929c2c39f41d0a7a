// Means and percentiles of measured values. One percentile method for every figure of a report.

/** How every percentile here is computed, for the report to name. */
export const percentileMethod = 'linear interpolation between closest ranks (Hyndman and Fan, type 7)';

/** Six figures of a set of values, in the unit of the values. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The arithmetic mean; undefined for no values. */
export function meanOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The value below which a share of the sorted values lies: position share × (n − 1), interpolated linearly.
 * Worked example: 0.9 of [10, 20, 30, 40] is at position 2.7 and so 30 + 0.7 × 10 = 37. Undefined for no values.
 */
export function percentileOf(values: readonly number[], share: number): number | undefined {
  return percentileOfSorted(values.toSorted((a, b) => a - b), share);
}

/** The same for several shares, in their order; empty for no values. */
export function percentilesOf(values: readonly number[], shares: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return shares.flatMap((share) => percentileOfSorted(sorted, share) ?? []);
}

function percentileOfSorted(sorted: readonly number[], share: number): number | undefined {
  const position = share * (sorted.length - 1);
  const lower = sorted[Math.floor(position)];
  const upper = sorted[Math.ceil(position)];
  if (lower === undefined || upper === undefined) return undefined;
  return lower + (upper - lower) * (position - Math.floor(position));
}

/** The median; undefined for no values. */
export function medianOf(values: readonly number[]): number | undefined {
  return percentileOf(values, 0.5);
}

/** A duration that was seen to its end, or cut off after `value` and so known to be longer. */
export interface CensoredValue {
  readonly value: number;
  readonly isCutOff: boolean;
}

/**
 * The median where some values are only known to be longer (Kaplan and Meier, 1958): long durations are cut off more often,
 * so the median of the complete ones alone would be too small. Worked: 100, 200 cut off, 300, 400: three quarters last
 * longer than 100, of which half last longer than 300, that is 0.375 of all, so the median is 300. The largest value where
 * more than half were cut off; undefined for no values.
 */
export function medianOfCensored(values: readonly CensoredValue[]): number | undefined {
  if (values.every(({ isCutOff }) => !isCutOff)) return medianOf(values.map(({ value }) => value));
  // A value cut off at the moment another ended was still running then.
  const sorted = values.toSorted((a, b) => a.value - b.value || Number(a.isCutOff) - Number(b.isCutOff));
  let lasting = 1;
  for (const [index, { value, isCutOff }] of sorted.entries()) {
    if (isCutOff) continue;
    const stillRunning = sorted.length - index;
    lasting *= (stillRunning - 1) / stillRunning;
    if (lasting <= 0.5) return value;
  }
  return sorted.at(-1)?.value;
}

/** All six figures, to the microsecond for values in ms; null for no values, so that JSON says so. */
export function distributionOf(values: readonly number[]): Distribution | null {
  const mean = meanOf(values);
  if (mean === undefined) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => roundTo(percentileOfSorted(sorted, share) ?? Number.NaN, 3);
  return { count: values.length, mean: roundTo(mean, 3), p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** Rounds to a number of decimals. */
export function roundTo(value: number, decimals: number): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}

/** Median of at least one value. */
export function median(values: readonly number[]): number {
  return medianOf(values) ?? Number.NaN;
}
