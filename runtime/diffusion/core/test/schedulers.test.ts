import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { AppError } from '../../../../common/errors.ts';
import { gaussianNoise, guided } from '../latents.ts';
import { parseSchedulerConfig, schedulerKinds } from '../scheduler-config.ts';
import { createScheduler } from '../scheduler.ts';

/** One run of a scheduler of diffusers. */
interface Run {
  readonly config: Record<string, unknown>;
  readonly steps: number;
  readonly timesteps: number[];
  readonly initNoiseSigma: number;
}

/** Samples after each step, from the noise of seed 7. */
interface SingleRun extends Run {
  readonly trajectory: number[][];
}

/** With what the network is given in each step, in double precision. */
interface DoubleRun extends Run {
  readonly noise: number[];
  readonly modelInputs: number[][];
  readonly samples: number[][];
}

/** Golden data lie beside the sources: the build has none. */
const golden = (file: string): unknown => JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../../../..', file), 'utf8'));
const { schedulers, noise: noises } = golden('runtime/diffusion/core/test/data/schedulers.json') as { schedulers: readonly SingleRun[]; noise: readonly { seed: number; noise: number[] }[] };
const { trajectories } = golden('actions/zoo/golden/scheduler-trajectories.json') as { trajectories: readonly DoubleRun[] };

function assertClose(actual: ArrayLike<number>, expected: readonly number[], relative: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, at) => {
    assert.ok(Math.abs((actual[at] ?? NaN) - value) <= relative * Math.max(1, Math.abs(value)), `${what}, number ${at}: ${actual[at]}, not ${value}`);
  });
}

/** Goes through a run with a network of which `answerOf` gives one number, and holds every sample to the expected one. */
function assertFollows({ config, steps, timesteps, initNoiseSigma }: Run, start: Float32Array, answerOf: (input: number, at: number, timestep: number) => number, samples: readonly number[][], modelInputs?: readonly number[][]): void {
  const scheduler = createScheduler(parseSchedulerConfig(config), steps);
  assertClose(scheduler.timesteps, timesteps, 1e-4, 'timesteps');
  assertClose([scheduler.initNoiseSigma], [initNoiseSigma], 1e-5, 'first sigma');
  let sample: Float32Array = start.map((value) => value * scheduler.initNoiseSigma);
  samples.forEach((expected, index) => {
    const input = scheduler.scaleInput(sample, index);
    if (modelInputs !== undefined) assertClose(input, modelInputs[index] ?? [], 1e-3, `input of step ${index}`);
    const answer = input.map((value, at) => answerOf(value, at, timesteps[index] ?? 0));
    sample = scheduler.step(answer, index, sample);
    assertClose(sample, expected, 1e-3, `after step ${index}`);
  });
}

describe('schedulers follow the trajectories of diffusers', () => {
  for (const run of schedulers) {
    const { _class_name: name, timestep_spacing: spacing = 'default spacing', prediction_type: prediction = 'epsilon', ...rest } = run.config;
    it(`${String(name)}, ${run.steps} steps, ${String(spacing)}, ${String(prediction)}, ${Object.entries(rest).slice(4).map(String).join(' ')}`, () => {
      assertFollows(run, gaussianNoise(7, 16), (input, _, timestep) => Math.sin(input * 1.3 + timestep / 300), run.trajectory);
    });
  }

  for (const run of trajectories) {
    const { _class_name: name, ...rest } = run.config;
    it(`${String(name)}, ${run.steps} steps, each input and each sample in double precision: ${JSON.stringify(rest)}`, () => {
      assertFollows(run, Float32Array.from(run.noise), (input, at, timestep) => 0.3 * input + 0.5 * Math.sin(at + timestep / 100), run.samples, run.modelInputs);
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
  for (const { seed, noise } of noises) {
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
