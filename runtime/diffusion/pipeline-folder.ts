// Reads the folder of a pipeline as diffusers and optimum export it: what model_index.json and the configs of the parts
// say. The networks themselves are opened elsewhere.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { corruptPipeline } from './corrupt-pipeline.ts';
import { parseSchedulerConfig, type SchedulerConfig, type SchedulerKind } from './core/scheduler-config.ts';
import { partNames } from './part.ts';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts';

export interface PipelineFolder {
  readonly scheduler: SchedulerConfig;
  /** As it was read, for another scheduler with the same noise. */
  readonly schedulerJson: unknown;
  readonly tokenizer: TokenizerFiles;
  /** What latents are divided by before they are decoded. */
  readonly latentScale: number;
  /** Pixels of a side for one latent. */
  readonly pixelsPerLatent: number;
  /** Width and height have to be multiples of it, in pixels. */
  readonly sizeStep: number;
  /** Width and height where none are asked for, in pixels. */
  readonly defaultSize: number;
}

/** The pipelines whose parts work together as this engine has them. */
const pipelineClasses = ['StableDiffusionPipeline', 'OnnxStableDiffusionPipeline', 'ORTStableDiffusionPipeline'];

/**
 * @param folder of model_index.json
 * @throws AppError PIPELINE_CORRUPT naming the file that is missing or wrong
 */
export async function readPipelineFolder(folder: string): Promise<PipelineFolder> {
  const index = fieldsOf(await readJson(folder, 'model_index.json'), 'model_index.json');
  const className = index['_class_name'];
  if (typeof className !== 'string' || !pipelineClasses.includes(className)) throw corruptPipeline(`model_index.json: "_class_name" is ${JSON.stringify(className)}, not one of ${pipelineClasses.join(', ')}`);
  for (const part of [...partNames, 'tokenizer', 'scheduler']) {
    const named = part === 'vae_decoder' ? ['vae_decoder', 'vae'] : [part];
    if (named.every((name) => index[name] === undefined)) throw corruptPipeline(`model_index.json names no ${part}`);
  }
  const schedulerJson = await readJson(folder, 'scheduler/scheduler_config.json');
  const [tokenizer, unet, vae, text] = await Promise.all([
    readTokenizerFiles(folder),
    readOptional(folder, 'unet/config.json'),
    readOptional(folder, 'vae_decoder/config.json'),
    readOptional(folder, 'text_encoder/config.json'),
  ]);
  const vocabularySize = whole(text, 'text_encoder/config.json', 'vocab_size', Number.MAX_SAFE_INTEGER);
  if (tokenizer.largestId >= vocabularySize) throw corruptPipeline(`tokenizer/ does not fit: its largest token is ${tokenizer.largestId}, and the text encoder knows ${vocabularySize}`);
  const pixelsPerLatent = 2 ** (blocks(vae, 'vae_decoder/config.json') - 1);
  return {
    scheduler: schedulerOf(schedulerJson),
    schedulerJson,
    tokenizer,
    latentScale: positive(vae, 'vae_decoder/config.json', 'scaling_factor', 0.18215),
    pixelsPerLatent,
    // The UNet halves the latents once less than it has blocks, and cannot halve an odd number.
    sizeStep: pixelsPerLatent * 2 ** (blocks(unet, 'unet/config.json') - 1),
    defaultSize: pixelsPerLatent * whole(unet, 'unet/config.json', 'sample_size', 64),
  };
}

/**
 * The scheduler as diffusers' Stable Diffusion pipeline has it, whatever the file says: that sets `steps_offset` to 1, and
 * `clip_sample` to false, since latents are no pictures.
 * @param kind another one than the file's
 * @throws AppError PIPELINE_CORRUPT
 */
export function schedulerOf(json: unknown, kind?: SchedulerKind): SchedulerConfig {
  return { ...parseSchedulerConfig(json, kind), stepsOffset: 1, clipRange: undefined };
}

type Fields = Readonly<Record<string, unknown>>;

async function readJson(folder: string, name: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path.join(folder, name), 'utf8');
  } catch (cause) {
    throw corruptPipeline(`${name} of the pipeline ${folder} is missing`, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw corruptPipeline(`${name} of the pipeline ${folder} is not JSON`, cause);
  }
}

async function readOptional(folder: string, name: string): Promise<Fields> {
  const text = await readFile(path.join(folder, name), 'utf8').catch(() => '{}');
  try {
    return fieldsOf(JSON.parse(text), name);
  } catch (cause) {
    throw corruptPipeline(`${name} of the pipeline ${folder} is not a JSON object`, cause);
  }
}

function fieldsOf(json: unknown, what: string): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw corruptPipeline(`${what} is no object`);
  return json as Fields;
}

/** Stable Diffusion has four blocks in both networks. */
function blocks(config: Fields, file: string): number {
  const channels = config['block_out_channels'];
  if (channels === undefined) return 4;
  if (!Array.isArray(channels) || channels.length < 1 || channels.length > 8) throw corruptPipeline(`${file}: "block_out_channels" is no list of 1 to 8 numbers`);
  return channels.length;
}

function positive(config: Fields, file: string, name: string, fallback: number): number {
  const value = config[name] ?? fallback;
  if (typeof value !== 'number' || !(value > 0) || value === Infinity) throw corruptPipeline(`${file}: "${name}" is no number above 0`);
  return value;
}

function whole(config: Fields, file: string, name: string, fallback: number): number {
  const value = positive(config, file, name, fallback);
  if (!Number.isInteger(value)) throw corruptPipeline(`${file}: "${name}" is no whole number`);
  return value;
}
