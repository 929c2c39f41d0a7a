// What a scheduler is: it says at which time steps the UNet is asked, and makes of each answer the next, less noisy
// latents. One object serves one picture: some of them remember earlier answers.
import { createDdim } from './ddim.ts';
import { createPndm } from './pndm.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { createEuler, createLms } from './sigma-schedulers.ts';

export interface Scheduler {
  /** The time step of each call of the UNet; PNDM makes more calls than it was asked for steps. */
  readonly timesteps: readonly number[];
  /** What unit Gaussian noise is multiplied by to be the first latents. */
  readonly initNoiseSigma: number;
  /** The latents as the UNet is to see them at this call. */
  scaleInput(sample: Float32Array, index: number): Float32Array;
  /** The next latents. Calls come in the order of `timesteps`, each index once. */
  step(modelOutput: Float32Array, index: number, sample: Float32Array): Float32Array;
}

/** @throws AppError DIFFUSION_INPUT for more steps than the model was trained with */
export function createScheduler(config: SchedulerConfig, steps: number): Scheduler {
  switch (config.kind) {
    case 'ddim':
      return createDdim(config, steps);
    case 'euler':
      return createEuler(config, steps);
    case 'lms':
      return createLms(config, steps);
    case 'pndm':
      return createPndm(config, steps);
  }
}
