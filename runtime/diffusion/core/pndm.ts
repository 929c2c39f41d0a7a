// PNDM (Liu et al.: "Pseudo Numerical Methods for Diffusion Models on Manifolds", 2022): linear multistep over the last
// four answers, started by pseudo Runge-Kutta steps or, with `skipPrkSteps`, by a second look at the first step (PLMS).
import { cumulativeAlphas, spacedTimesteps } from './noise-schedule.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import type { Scheduler } from './scheduler.ts';

/** Weights of the answers of a Runge-Kutta step of fourth order. */
const rungeKutta = [1 / 6, 1 / 3, 1 / 3, 1 / 6] as const;

/** Weights of the last answers, the latest first, by how many there are (Adams-Bashforth). */
const multistep: readonly (readonly number[])[] = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];

export function createPndm(config: SchedulerConfig, steps: number): Scheduler {
  const { trainTimesteps, skipPrkSteps } = config;
  const alphas = cumulativeAlphas(config);
  const finalAlpha = config.setAlphaToOne ? 1 : (alphas[0] ?? 1);
  const stride = Math.floor(trainTimesteps / steps);
  const spaced = spacedTimesteps(config, steps, false);
  const starting = skipPrkSteps ? [] : rungeKuttaTimesteps(spaced, Math.floor(stride / 2));
  const timesteps = [...starting, ...(skipPrkSteps ? [...spaced.slice(0, 2), ...spaced.slice(1)] : spaced.slice(3))];

  let answers: readonly Float32Array[] = [];
  let running: Float32Array | undefined;
  let base: Float32Array | undefined;

  const alphaAt = (timestep: number): number => alphas[timestep] ?? finalAlpha;
  /** Formula 11 of the paper. */
  const transfer = (sample: Float32Array, from: number, to: number, output: Float32Array): Float32Array => {
    const alpha = alphaAt(from);
    const next = alphaAt(to);
    const scale = Math.sqrt(next / alpha);
    const share = (next - alpha) / (alpha * Math.sqrt(1 - next) + Math.sqrt(alpha * (1 - alpha) * next));
    const [picture, noise] = config.predictionType === 'v_prediction' ? [Math.sqrt(alpha), Math.sqrt(1 - alpha)] : [1, 0];
    return sample.map((x, at) => scale * x - share * (picture * (output[at] ?? 0) + noise * x));
  };

  const stepRungeKutta = (output: Float32Array, index: number, sample: Float32Array): Float32Array => {
    const phase = index % 4;
    if (phase === 0) {
      answers = [...answers, output];
      base = sample;
      running = undefined;
    }
    const weight = rungeKutta[phase] ?? 0;
    const sum = output.map((value, at) => (running?.[at] ?? 0) + weight * value);
    running = sum;
    const to = (timesteps[index] ?? 0) - (phase % 2 === 0 ? Math.floor(stride / 2) : 0);
    return transfer(base ?? sample, starting[index - phase] ?? 0, to, phase === 3 ? sum : output);
  };

  const stepMultistep = (output: Float32Array, index: number, sample: Float32Array): Float32Array => {
    const timestep = timesteps[index] ?? 0;
    // The second look at the first step: from where that began, with the mean of both answers.
    if (skipPrkSteps && index === 1) {
      const [first] = answers;
      return transfer(base ?? sample, timestep + stride, timestep, output.map((value, at) => (value + (first?.[at] ?? 0)) / 2));
    }
    if (skipPrkSteps && index === 0) base = sample;
    answers = [...answers.slice(-3), output];
    const weights = multistep[answers.length - 1] ?? [];
    const latestFirst = answers.toReversed();
    const blended = output.map((_, at) => weights.reduce((sum, weight, back) => sum + weight * (latestFirst[back]?.[at] ?? 0), 0));
    return transfer(sample, timestep, timestep - stride, blended);
  };

  return {
    timesteps,
    initNoiseSigma: 1,
    scaleInput: (sample) => sample,
    step: (modelOutput, index, sample) => (index < starting.length ? stepRungeKutta(modelOutput, index, sample) : stepMultistep(modelOutput, index, sample)),
  };
}

/** Four calls for each of the first three steps: at its beginning, twice at its middle, at its end. */
function rungeKuttaTimesteps(spaced: readonly number[], halfStride: number): number[] {
  return spaced.slice(0, 3).flatMap((timestep, at) => {
    const next = spaced[at + 1];
    return next === undefined ? [] : [timestep, next + halfStride, next + halfStride, next];
  });
}
