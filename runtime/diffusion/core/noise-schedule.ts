// How much noise there is at each training time step, and which of these steps a short run visits. All schedulers start
// from here.
import { AppError } from '../../../common/errors.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

/** The betas of Ho et al. 2020 (linear), Rombach et al. 2022 (scaled linear) or Nichol & Dhariwal 2021 (squared cosine). */
function betasOf(config: SchedulerConfig): readonly number[] {
  const { trainTimesteps, betaStart, betaEnd, betaSchedule, trainedBetas } = config;
  if (trainedBetas !== undefined) return trainedBetas;
  switch (betaSchedule) {
    case 'linear':
      return linspace(betaStart, betaEnd, trainTimesteps);
    case 'scaled_linear':
      return linspace(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainTimesteps).map((root) => root * root);
    case 'squaredcos_cap_v2': {
      const alphaBar = (share: number): number => Math.cos(((share + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
      return Array.from({ length: trainTimesteps }, (_, index) => Math.min(0.999, 1 - alphaBar((index + 1) / trainTimesteps) / alphaBar(index / trainTimesteps)));
    }
  }
}

/** The product of (1 − β) up to each training step: the share of the picture, in power, that is left at it. */
export function cumulativeAlphas(config: SchedulerConfig): readonly number[] {
  let product = 1;
  return betasOf(config).map((beta) => (product *= 1 - beta));
}

/**
 * The training steps that a run of `steps` steps visits, noisiest first; whole numbers unless `fractional`.
 * @throws AppError DIFFUSION_INPUT for more steps than there are
 */
export function spacedTimesteps(config: SchedulerConfig, steps: number, fractional: boolean): readonly number[] {
  const { trainTimesteps, timestepSpacing, stepsOffset } = config;
  if (!Number.isInteger(steps) || steps < 1 || steps > trainTimesteps) {
    throw new AppError('DIFFUSION_INPUT', `${steps} steps cannot be made.`, `Ask for a whole number of steps from 1 to ${trainTimesteps}.`);
  }
  switch (timestepSpacing) {
    case 'linspace': {
      const spaced = linspace(0, trainTimesteps - 1, steps).reverse();
      return fractional ? spaced : spaced.map(roundHalfToEven);
    }
    case 'leading': {
      const ratio = Math.floor(trainTimesteps / steps);
      // The offset may lead beyond the last training step where the ratio is 1.
      return Array.from({ length: steps }, (_, index) => Math.min(trainTimesteps - 1, (steps - 1 - index) * ratio + stepsOffset));
    }
    case 'trailing':
      return Array.from({ length: steps }, (_, index) => roundHalfToEven(trainTimesteps - (index * trainTimesteps) / steps) - 1);
  }
}

/** Ratio of noise to picture, in amplitude: what Karras et al. 2022 call σ. */
export const sigmaOf = (alpha: number): number => Math.sqrt((1 - alpha) / alpha);

/** σ at a step between two training steps, as between them on a straight line. */
export function interpolated(values: readonly number[], at: number): number {
  const below = Math.floor(at);
  const low = values[below] ?? Number.NaN;
  const high = values[below + 1] ?? low;
  return low + (high - low) * (at - below);
}

function linspace(start: number, end: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (count === 1 ? start : start + ((end - start) * index) / (count - 1)));
}

/** NumPy's rounding. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
