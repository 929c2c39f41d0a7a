// From a rate to the time at which artifacts should be loaded and the time at which they may go. Formulas only.

/**
 * Time after an arrival by which the next one has come with the given probability, for Poisson arrivals of the given rate:
 * the t with 1 − e^(−λt) = p, that is −ln(1 − p) / λ; in ms for λ per ms, Infinity for λ = 0.
 *
 * Source: InstaInfer (SoCC'24), T1 with p = P_load = 0.06 and T2 with p = P_offload = 0.94. Worked: mean gap 60 000 ms:
 * T1 = 0.0619 × 60 000 = 3713 ms, T2 = 2.813 × 60 000 = 168 805 ms.
 */
export function arrivalQuantileMs(probability: number, ratePerMs: number): number {
  return -Math.log(1 - probability) / ratePerMs;
}
