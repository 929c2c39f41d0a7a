import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { AppError } from '../../../../common/errors.ts';
import { gaussianNoise, guided } from '../latents.ts';
import { parseSchedulerConfig, schedulerKinds } from '../scheduler-config.ts';
import { createScheduler } from '../scheduler.ts';

interface Golden {
  readonly schedulers: readonly { config: Record<string, unknown>; steps: number; timesteps: number[]; initNoiseSigma: number; trajectory: number[][] }[];
  readonly noise: readonly { seed: number; noise: number[] }[];
}

// Beside the sources: the build has no data.
const goldenFile = path.resolve(import.meta.dirname, '../../../../../runtime/diffusion/core/test/data/schedulers.json');
const golden = JSON.parse(readFileSync(goldenFile, 'utf8')) as Golden;

interface Trajectory {
  readonly config: Record<string, unknown>;
  readonly steps: number;
  readonly timesteps: number[];
  readonly initNoiseSigma: number;
  readonly noise: number[];
  readonly modelInputs: number[][];
  readonly samples: number[][];
}

/** Made with the zoo's other golden data. */
const trajectoriesFile = path.resolve(import.meta.dirname, '../../../../../actions/zoo/golden/scheduler-trajectories.json');
const { trajectories } = JSON.parse(readFileSync(trajectoriesFile, 'utf8')) as { trajectories: readonly Trajectory[] };

function assertClose(actual: ArrayLike<number>, expected: readonly number[], relative: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, at) => {
    assert.ok(Math.abs((actual[at] ?? NaN) - value) <= relative * Math.max(1, Math.abs(value)), `${what}, number ${at}: ${actual[at]}, not ${value}`);
  });
}

describe('schedulers follow the trajectories of diffusers', () => {
  for (const { config, steps, timesteps, initNoiseSigma, trajectory } of golden.schedulers) {
    const { _class_name: name, timestep_spacing: spacing = 'default spacing', prediction_type: prediction = 'epsilon', ...rest } = config;
    it(`${String(name)}, ${steps} steps, ${String(spacing)}, ${String(prediction)}, ${Object.entries(rest).slice(4).map(String).join(' ')}`, () => {
      const scheduler = createScheduler(parseSchedulerConfig(config), steps);
      assertClose(scheduler.timesteps, timesteps, 1e-4, 'timesteps');
      assertClose([scheduler.initNoiseSigma], [initNoiseSigma], 1e-5, 'first sigma');
      let sample: Float32Array = gaussianNoise(7, 16).map((value) => value * scheduler.initNoiseSigma);
      trajectory.forEach((expected, index) => {
        const answer = scheduler.scaleInput(sample, index).map((value) => Math.sin(value * 1.3 + (timesteps[index] ?? 0) / 300));
        sample = scheduler.step(answer, index, sample);
        assertClose(sample, expected, 1e-3, `after step ${index}`);
      });
    });
  }

  for (const { config, steps, timesteps, initNoiseSigma, noise, modelInputs, samples } of trajectories) {
    const { _class_name: name, ...rest } = config;
    it(`${String(name)}, ${steps} steps, each input and each sample in double precision: ${JSON.stringify(rest)}`, () => {
      const scheduler = createScheduler(parseSchedulerConfig(config), steps);
      assertClose(scheduler.timesteps, timesteps, 1e-4, 'timesteps');
      let sample: Float32Array = Float32Array.from(noise, (value) => value * scheduler.initNoiseSigma);
      assertClose([scheduler.initNoiseSigma], [initNoiseSigma], 1e-5, 'first sigma');
      samples.forEach((expected, index) => {
        const input = scheduler.scaleInput(sample, index);
        assertClose(input, modelInputs[index] ?? [], 1e-3, `input of step ${index}`);
        const answer = input.map((value, at) => 0.3 * value + 0.5 * Math.sin(at + (timesteps[index] ?? 0) / 100));
        sample = scheduler.step(answer, index, sample);
        assertClose(sample, expected, 1e-3, `after step ${index}`);
      });
    });
  }

  it('arrive without noise where the UNet tells it exactly (Euler, LMS), and at finite numbers always', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(schedulerKinds)), fc.integer({ min: 2, max: 30 }), fc.boolean(), (name, steps, skip) => {
        const config = parseSchedulerConfig({ _class_name: name, beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012, clip_sample: false, set_alpha_to_one: true, skip_prk_steps: skip });
        const scheduler = createScheduler(config, steps);
        let sample: Float32Array = gaussianNoise(1, 16).map((value) => value * scheduler.initNoiseSigma);
        const noise = gaussianNoise(1, 16);
        scheduler.timesteps.forEach((_, index) => {
          sample = scheduler.step(noise, index, sample);
        });
        for (const value of sample) assert.ok(Number.isFinite(value));
        if (config.kind === 'euler' || config.kind === 'lms') for (const value of sample) assert.ok(Math.abs(value) < 1e-2, String(value));
      }),
    );
  });

  it('refuses more steps than the model was trained with, and none at all', () => {
    for (const steps of [0, -1, 1001, 2.5, Number.NaN]) {
      for (const name of Object.keys(schedulerKinds)) {
        assert.throws(() => createScheduler(parseSchedulerConfig({ _class_name: name }), steps), (error: unknown) => error instanceof AppError && error.code === 'DIFFUSION_INPUT');
      }
    }
  });
});

describe('a scheduler_config.json', () => {
  for (const [what, json] of Object.entries<unknown>({
    'is no object': [],
    'names a class that is not there': { _class_name: 'UniPCMultistepScheduler' },
    'names a property of every object': { _class_name: 'toString' },
    'has text for a number': { _class_name: 'DDIMScheduler', beta_start: '0.1' },
    'sets what would be misread': { _class_name: 'EulerDiscreteScheduler', use_exponential_sigmas: true },
    'has a schedule that is not there': { _class_name: 'DDIMScheduler', beta_schedule: 'sigmoid' },
    'predicts what is not there': { _class_name: 'PNDMScheduler', prediction_type: 'sample' },
    'would need all memory': { _class_name: 'DDIMScheduler', num_train_timesteps: 1e12 },
    'has too few betas': { _class_name: 'DDIMScheduler', trained_betas: [0.1] },
  })) {
    it(`that ${what} is refused, naming the file`, () => {
      assert.throws(() => parseSchedulerConfig(json), (error: unknown) => error instanceof AppError && error.code === 'PIPELINE_CORRUPT' && error.message.includes('scheduler_config.json'));
    });
  }
});

describe('latents', () => {
  for (const { seed, noise } of golden.noise) {
    it(`of seed ${seed} are the ${noise.length} numbers that PyTorch gives`, () => {
      assertClose(gaussianNoise(seed, noise.length), noise, 1e-5, 'noise');
    });
  }

  it('have mean 0 and deviation 1', () => {
    const noise = gaussianNoise(3, 65_536);
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const variance = noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length;
    assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.02, `${mean}, ${variance}`);
  });

  it('are guided along the difference of both answers', () => {
    assert.deepEqual([...guided(Float32Array.of(1, 2, 3, 2), 7.5)], [16, 2]);
  });
});
