// What a pipeline's scheduler_config.json says, checked, with the defaults that diffusers has for each class. It reads no
// file and computes nothing.
import { AppError } from '../../../common/errors.ts';

export const schedulerKinds = { DDIMScheduler: 'ddim', EulerDiscreteScheduler: 'euler', LMSDiscreteScheduler: 'lms', PNDMScheduler: 'pndm' } as const;
export type SchedulerKind = (typeof schedulerKinds)[keyof typeof schedulerKinds];

export type BetaSchedule = 'linear' | 'scaled_linear' | 'squaredcos_cap_v2';
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';
export type TimestepSpacing = 'leading' | 'linspace' | 'trailing';

/** The fields as diffusers names them, in our spelling. */
export interface SchedulerConfig {
  readonly kind: SchedulerKind;
  readonly trainTimesteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: BetaSchedule;
  readonly trainedBetas: readonly number[] | undefined;
  readonly predictionType: PredictionType;
  readonly timestepSpacing: TimestepSpacing;
  readonly stepsOffset: number;
  /** DDIM, PNDM: what comes after the last step is the picture itself, rather than the least noisy training step. */
  readonly setAlphaToOne: boolean;
  /** PNDM: without the Runge-Kutta steps that the original starts with. */
  readonly skipPrkSteps: boolean;
  /** Euler, LMS: noise falls as Karras et al. 2022 have it (formula 5, ρ = 7), from and to where the time steps would. */
  readonly useKarrasSigmas: boolean;
  /** DDIM: predicted pictures are cut to ±this; undefined: not at all. */
  readonly clipRange: number | undefined;
}

/** Options that change the result and are not supported: a config that sets one is refused rather than misread. */
const unsupported = ['use_exponential_sigmas', 'use_beta_sigmas', 'rescale_betas_zero_snr', 'thresholding'] as const;

const maxTrainTimesteps = 100_000;

/**
 * @param json the parsed scheduler_config.json
 * @param kind another scheduler than the config's class: its own defaults apply where the config is silent
 * @throws AppError PIPELINE_CORRUPT
 */
export function parseSchedulerConfig(json: unknown, kind?: SchedulerKind): SchedulerConfig {
  const fields = new Fields(json);
  const resolvedKind = kind ?? fields.oneOf('_class_name', schedulerKinds);
  for (const option of unsupported) if (fields.flag(option, false)) throw wrong(`"${option}" is set, and not supported`);
  const isSigmaBased = resolvedKind === 'euler' || resolvedKind === 'lms';
  const trainTimesteps = fields.integer('num_train_timesteps', 1000, 1, maxTrainTimesteps);
  return {
    kind: resolvedKind,
    trainTimesteps,
    betaStart: fields.number('beta_start', 0.0001),
    betaEnd: fields.number('beta_end', 0.02),
    betaSchedule: fields.word('beta_schedule', ['linear', 'scaled_linear', 'squaredcos_cap_v2'], 'linear'),
    trainedBetas: fields.numbers('trained_betas', trainTimesteps),
    predictionType: fields.word('prediction_type', resolvedKind === 'ddim' || resolvedKind === 'euler' ? ['epsilon', 'v_prediction', 'sample'] : ['epsilon', 'v_prediction'], 'epsilon'),
    timestepSpacing: fields.word('timestep_spacing', ['leading', 'linspace', 'trailing'], isSigmaBased ? 'linspace' : 'leading'),
    stepsOffset: fields.integer('steps_offset', 0, 0, trainTimesteps - 1),
    setAlphaToOne: fields.flag('set_alpha_to_one', resolvedKind === 'ddim'),
    skipPrkSteps: fields.flag('skip_prk_steps', false),
    useKarrasSigmas: isSigmaBased && fields.flag('use_karras_sigmas', false),
    clipRange: fields.flag('clip_sample', true) ? fields.number('clip_sample_range', 1) : undefined,
  };
}

const wrong = (problem: string): AppError =>
  new AppError('PIPELINE_CORRUPT', `scheduler/scheduler_config.json: ${problem}.`, `Use one of ${Object.keys(schedulerKinds).join(', ')} with the options of docs/diffusion.md.`);

class Fields {
  private readonly json: Readonly<Record<string, unknown>>;

  constructor(json: unknown) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong('it is no object');
    this.json = json as Readonly<Record<string, unknown>>;
  }

  oneOf<T>(name: string, table: Readonly<Record<string, T>>): T {
    const value = this.json[name];
    const found = typeof value === 'string' && Object.hasOwn(table, value) ? table[value] : undefined;
    if (found === undefined) throw wrong(`"${name}" is ${JSON.stringify(value)}, not one of ${Object.keys(table).join(', ')}`);
    return found;
  }

  word<T extends string>(name: string, words: readonly T[], fallback: T): T {
    const value = this.json[name] ?? fallback;
    const found = words.find((word) => word === value);
    if (found === undefined) throw wrong(`"${name}" is ${JSON.stringify(value)}, not one of ${words.join(', ')}`);
    return found;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.json[name] ?? fallback;
    if (typeof value !== 'boolean') throw wrong(`"${name}" is neither true nor false`);
    return value;
  }

  number(name: string, fallback: number): number {
    const value = this.json[name] ?? fallback;
    if (typeof value !== 'number' || !(value > 0) || value === Infinity) throw wrong(`"${name}" is no number above 0`);
    return value;
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const value = this.json[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw wrong(`"${name}" is no whole number from ${least} to ${most}`);
    return value;
  }

  numbers(name: string, length: number): readonly number[] | undefined {
    const value = this.json[name] ?? undefined;
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length !== length || !value.every((item) => typeof item === 'number' && item > 0 && item < 1)) throw wrong(`"${name}" is no list of ${length} numbers between 0 and 1`);
    return value as number[];
  }
}
