// DDIM (Song, Meng, Ermon: "Denoising Diffusion Implicit Models", 2021, formula 12 with η = 0): no noise is added on the
// way, so the same latents give the same picture.
import { cumulativeAlphas, spacedTimesteps } from './noise-schedule.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import type { Scheduler } from './scheduler.ts';

export function createDdim(config: SchedulerConfig, steps: number): Scheduler {
  const alphas = cumulativeAlphas(config);
  const timesteps = spacedTimesteps(config, steps, false);
  const stride = Math.floor(config.trainTimesteps / steps);
  const finalAlpha = config.setAlphaToOne ? 1 : (alphas[0] ?? 1);
  const { predictionType } = config;
  const clip = config.clipRange ?? Infinity;
  return {
    timesteps,
    initNoiseSigma: 1,
    scaleInput: (sample) => sample,
    step(modelOutput, index, sample) {
      const timestep = timesteps[index] ?? 0;
      const alpha = alphas[timestep] ?? 1;
      const formerAlpha = alphas[timestep - stride] ?? finalAlpha;
      const picture = Math.sqrt(alpha);
      const noise = Math.sqrt(1 - alpha);
      const nextPicture = Math.sqrt(formerAlpha);
      const nextNoise = Math.sqrt(1 - formerAlpha);
      return sample.map((x, at) => {
        const output = modelOutput[at] ?? 0;
        let predicted = output;
        let epsilon = output;
        if (predictionType === 'epsilon') predicted = (x - noise * output) / picture;
        else if (predictionType === 'v_prediction') {
          predicted = picture * x - noise * output;
          epsilon = picture * output + noise * x;
        } else epsilon = (x - picture * output) / noise;
        return nextPicture * Math.max(-clip, Math.min(clip, predicted)) + nextNoise * epsilon;
      });
    },
  };
}
