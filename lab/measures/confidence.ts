// The mean of a measure over several seeds, and how sure it is.

export interface Estimate {
  readonly mean: number;
  /** Half of the 95 % confidence interval of the mean; 0 for one value. */
  readonly halfWidth: number;
}

/** Student's t for 95 % two-sided, by degrees of freedom from 1; beyond the table the normal's 1.96 is near enough. */
const studentT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042];

/** mean ± t·s/√n. Worked: 1, 2, 3: s = 1, t = 4.303, so 2 ± 2.484. */
export function estimateOf(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, halfWidth: 0 };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, halfWidth: ((studentT[count - 2] ?? 1.96) * Math.sqrt(variance)) / Math.sqrt(count) };
}
