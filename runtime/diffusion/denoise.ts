// From noise to latents: the UNet is asked step by step, and the scheduler takes its answers.
import { corruptPipeline } from './corrupt-pipeline.ts';
import { guided } from './core/latents.ts';
import { createScheduler } from './core/scheduler.ts';
import type { SchedulerConfig } from './core/scheduler-config.ts';
import { takesPairs, timestepTensor, type Parts } from './part-shapes.ts';
import { floatsOf, type PlainTensor } from './part.ts';
import { outputOf, runPart } from './run-part.ts';

export interface Denoising {
  /** Of the prompt, or of the negative prompt and the prompt: then with guidance. Each `[1, tokens, features]`. */
  readonly embeddings: readonly PlainTensor[];
  /** Of the standard normal distribution, `[1, channels, height, width]` of the latents. */
  readonly noise: PlainTensor;
  readonly scheduler: SchedulerConfig;
  readonly steps: number;
  readonly guidanceScale: number;
  /** What it throws ends the work. */
  readonly beforeStep?: (() => void) | undefined;
  readonly onProgress?: ((progress: { readonly step: number; readonly steps: number }) => void) | undefined;
}

/**
 * @returns latents of the dimensions of the noise
 * @throws AppError PIPELINE_CORRUPT when the UNet does not fit
 */
export async function denoise(parts: Pick<Parts, 'unet'>, { embeddings, noise, scheduler: config, steps, guidanceScale, beforeStep, onProgress }: Denoising): Promise<PlainTensor> {
  const scheduler = createScheduler(config, steps);
  let sample: Float32Array = floatsOf(noise).map((value) => value * scheduler.initNoiseSigma);
  for (const [index, timestep] of scheduler.timesteps.entries()) {
    beforeStep?.();
    const scaled = scheduler.scaleInput(sample, index);
    const answer = await askUnet(parts, scaled, noise.dims, timestep, embeddings);
    sample = scheduler.step(embeddings.length === 2 ? guided(answer, guidanceScale) : answer, index, sample);
    onProgress?.({ step: index + 1, steps: scheduler.timesteps.length });
  }
  return { type: 'float32', dims: noise.dims, data: sample };
}

/** The UNet's answers for all embeddings, one after the other. */
async function askUnet(parts: Pick<Parts, 'unet'>, latents: Float32Array, dims: readonly number[], timestep: number, embeddings: readonly PlainTensor[]): Promise<Float32Array> {
  const ask = async (batch: readonly PlainTensor[]): Promise<Float32Array> => {
    const [first] = batch;
    const feeds = {
      sample: { type: 'float32', dims: [batch.length, ...dims.slice(1)], data: concatenated(batch.map(() => latents)) },
      timestep: timestepTensor(parts.unet, timestep, batch.length),
      encoder_hidden_states: { type: 'float32', dims: [batch.length, ...(first?.dims.slice(1) ?? [])], data: concatenated(batch.map(floatsOf)) },
    };
    const answer = floatsOf(outputOf(await runPart(parts, 'unet', feeds), 'unet', 'out_sample'));
    if (answer.length !== latents.length * batch.length) throw corruptPipeline(`unet/model.onnx gave ${answer.length} numbers for ${latents.length * batch.length}`);
    return answer;
  };
  if (takesPairs(parts.unet) || embeddings.length === 1) return ask(embeddings);
  const answers: Float32Array[] = [];
  for (const embedding of embeddings) answers.push(await ask([embedding]));
  return concatenated(answers);
}

function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const [only] = arrays;
  if (arrays.length === 1 && only !== undefined) return only;
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
