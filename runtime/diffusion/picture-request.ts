// What a caller may ask of a pipeline, checked before anything is computed.
import { AppError } from '../../common/errors.ts';
import { schedulerKinds, type SchedulerConfig, type SchedulerKind } from './core/scheduler-config.ts';
import { schedulerOf, type PipelineFolder } from './pipeline-folder.ts';

/** All but the prompt may be left out. */
export interface PictureRequest {
  readonly prompt: string;
  readonly negativePrompt?: string | undefined;
  /** Default 25. */
  readonly steps?: number | undefined;
  /** How strictly the prompt is followed; up to 1: without the negative prompt, in half the time. Default 7.5. */
  readonly guidanceScale?: number | undefined;
  /** 0 to 2^32 - 1: the same seed gives the same picture. Default: another one each time. */
  readonly seed?: number | undefined;
  /** In pixels. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** Instead of the pipeline's own: `ddim`, `euler`, `lms` or `pndm`. */
  readonly scheduler?: string | undefined;
  /** Aborted: the picture is given up after the step under way. */
  readonly signal?: AbortSignal | undefined;
  /** Given up at this time, in ms since 1970. Default: the deadline of the activation, where there is one. */
  readonly deadline?: number | undefined;
  readonly onProgress?: ((progress: { readonly step: number; readonly steps: number }) => void) | undefined;
}

export interface CheckedRequest {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly seed: number | undefined;
  readonly width: number;
  readonly height: number;
  readonly scheduler: SchedulerConfig;
}

export const maxPromptLength = 10_000;
/** 2048 x 2048: attention over more needs tens of gigabytes. */
const maxSize = 2048;
const maxGuidance = 100;
const seeds = 2 ** 32;

/** @throws AppError DIFFUSION_INPUT: one line saying what to send instead */
export function checkRequest(request: PictureRequest, folder: PipelineFolder): CheckedRequest {
  const { sizeStep, defaultSize } = folder;
  const side = (name: 'width' | 'height'): number => {
    const size = request[name] ?? defaultSize;
    if (!Number.isInteger(size) || size < sizeStep || size > maxSize || size % sizeStep !== 0) throw wrong(`"${name}" is ${shown(size)}`, `Send a multiple of ${sizeStep} up to ${maxSize}.`);
    return size;
  };
  return {
    prompt: promptOf('prompt', request.prompt),
    negativePrompt: promptOf('negativePrompt', request.negativePrompt ?? ''),
    steps: number('steps', request.steps ?? 25, 1, folder.scheduler.trainTimesteps, true),
    guidanceScale: number('guidanceScale', request.guidanceScale ?? 7.5, 0, maxGuidance, false),
    seed: request.seed === undefined ? undefined : number('seed', request.seed, 0, seeds - 1, true),
    width: side('width'),
    height: side('height'),
    scheduler: request.scheduler === undefined ? folder.scheduler : schedulerOf(folder.schedulerJson, kindOf(request.scheduler)),
  };
}

const wrong = (problem: string, fix: string): AppError => new AppError('DIFFUSION_INPUT', `${problem}.`, fix);

/** A caller's value in an error: short, whatever it is. */
function shown(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : `of type ${typeof value}`;
}

function promptOf(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrong(`"${name}" is ${shown(value)}`, 'Send a text.');
  if (value.length > maxPromptLength) throw wrong(`"${name}" has ${value.length} characters`, `Send at most ${maxPromptLength}: the model reads the first 75 tokens or so.`);
  return value;
}

function number(name: string, value: unknown, least: number, most: number, isWhole: boolean): number {
  if (typeof value !== 'number' || !(value >= least && value <= most) || (isWhole && !Number.isInteger(value))) {
    throw wrong(`"${name}" is ${shown(value)}`, `Send a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}.`);
  }
  return value;
}

function kindOf(name: unknown): SchedulerKind {
  const kinds = Object.values(schedulerKinds);
  const found = kinds.find((kind) => kind === name);
  if (found === undefined) throw wrong(`"scheduler" is ${shown(name)}`, `Send one of ${kinds.join(', ')}.`);
  return found;
}
