// The schedulers that follow an ordinary differential equation in σ, the ratio of noise to picture: Euler's method
// (Karras et al.: "Elucidating the Design Space of Diffusion-Based Generative Models", 2022, algorithm 2 without churn)
// and linear multistep (Adams-Bashforth of up to four derivatives, as in Katherine Crowson's k-diffusion).
import { cumulativeAlphas, interpolated, sigmaOf, spacedTimesteps } from './noise-schedule.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import type { Scheduler } from './scheduler.ts';

const lmsOrder = 4;

/** How the next latents follow from σ at each step and the derivatives so far, the latest last. */
type Advance = (sigmas: readonly number[], index: number, sample: Float32Array, derivatives: readonly Float32Array[]) => Float32Array;

export function createEuler(config: SchedulerConfig, steps: number): Scheduler {
  return createSigmaScheduler(config, steps, 1, (sigmas, index, sample, [derivative]) => {
    const distance = sigmaAt(sigmas, index + 1) - sigmaAt(sigmas, index);
    return sample.map((x, at) => x + (derivative?.[at] ?? 0) * distance);
  });
}

export function createLms(config: SchedulerConfig, steps: number): Scheduler {
  return createSigmaScheduler(config, steps, lmsOrder, (sigmas, index, sample, derivatives) => {
    const order = derivatives.length;
    const weighted = derivatives.map((derivative, at) => ({ derivative, weight: lmsWeight(sigmas, index, order, order - 1 - at) }));
    return sample.map((x, at) => weighted.reduce((sum, { derivative, weight }) => sum + weight * (derivative[at] ?? 0), x));
  });
}

function createSigmaScheduler(config: SchedulerConfig, steps: number, order: number, advance: Advance): Scheduler {
  const trained = cumulativeAlphas(config).map(sigmaOf);
  const spaced = spacedTimesteps(config, steps, true);
  const spacedSigmas = spaced.map((timestep) => interpolated(trained, timestep));
  const falling = config.useKarrasSigmas ? karrasSigmas(spacedSigmas) : spacedSigmas;
  const timesteps = config.useKarrasSigmas ? falling.map((sigma) => timestepOf(trained, sigma)) : spaced;
  const sigmas = [...falling, 0];
  const largest = Math.max(...sigmas);
  let derivatives: readonly Float32Array[] = [];
  return {
    timesteps,
    initNoiseSigma: config.timestepSpacing === 'leading' ? Math.hypot(largest, 1) : largest,
    scaleInput(sample, index) {
      const scale = 1 / Math.hypot(sigmaAt(sigmas, index), 1);
      return sample.map((x) => x * scale);
    },
    step(modelOutput, index, sample) {
      const derivative = derivativeOf(config, sigmaAt(sigmas, index), modelOutput, sample);
      derivatives = [...derivatives.slice(1 - order || derivatives.length), derivative];
      return advance(sigmas, index, sample, derivatives);
    },
  };
}

const rho = 7;

/** As many as there are, between the first and the last of them. */
function karrasSigmas(sigmas: readonly number[]): number[] {
  const [first, last] = [(sigmas[0] ?? 0) ** (1 / rho), (sigmas.at(-1) ?? 0) ** (1 / rho)];
  return sigmas.map((_, index) => (first + (sigmas.length === 1 ? 0 : index / (sigmas.length - 1)) * (last - first)) ** rho);
}

/** Between which training steps this σ lies, as on a straight line of its logarithm. */
function timestepOf(trained: readonly number[], sigma: number): number {
  const found = trained.findLastIndex((value) => value <= sigma);
  const below = Math.min(trained.length - 2, Math.max(0, found));
  const [low, high] = [Math.log(trained[below] ?? 1), Math.log(trained[below + 1] ?? 1)];
  return below + Math.min(1, Math.max(0, (Math.log(sigma) - low) / (high - low)));
}

const sigmaAt = (sigmas: readonly number[], index: number): number => sigmas[index] ?? 0;

/** (x − predicted picture) / σ */
function derivativeOf({ predictionType }: SchedulerConfig, sigma: number, modelOutput: Float32Array, sample: Float32Array): Float32Array {
  switch (predictionType) {
    case 'epsilon':
      return modelOutput;
    case 'sample':
      return sample.map((x, at) => (x - (modelOutput[at] ?? 0)) / sigma);
    case 'v_prediction': {
      const squared = sigma * sigma + 1;
      return sample.map((x, at) => (x + ((modelOutput[at] ?? 0) * sigma) / Math.sqrt(squared) - x / squared) / sigma);
    }
  }
}

/**
 * The integral, over the step from σ[index] to σ[index + 1], of the Lagrange polynomial through the last `order` steps that
 * belongs to the one `back` steps ago. Two points of Gauss and Legendre are exact up to its degree, three.
 */
function lmsWeight(sigmas: readonly number[], index: number, order: number, back: number): number {
  const from = sigmaAt(sigmas, index);
  const half = (sigmaAt(sigmas, index + 1) - from) / 2;
  const own = sigmaAt(sigmas, index - back);
  const polynomial = (sigma: number): number => {
    let product = 1;
    for (let other = 0; other < order; other += 1) {
      if (other !== back) product *= (sigma - sigmaAt(sigmas, index - other)) / (own - sigmaAt(sigmas, index - other));
    }
    return product;
  };
  const offset = half / Math.sqrt(3);
  return half * (polynomial(from + half - offset) + polynomial(from + half + offset));
}
