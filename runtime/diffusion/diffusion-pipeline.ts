// Stable Diffusion over three networks: prompt to text embeddings, noise to latents step by step, latents to a picture. It
// opens nothing; the networks, the tokenizer and the PNG encoder are given to it.
import { randomInt } from 'node:crypto';
import { AppError } from '../../common/errors.ts';
import { corruptPipeline } from './corrupt-pipeline.ts';
import { gaussianNoise } from './core/latents.ts';
import { denoise } from './denoise.ts';
import { checkParts, integers, latentChannels, type Parts } from './part-shapes.ts';
import { floatsOf, type PlainTensor } from './part.ts';
import { checkRequest, type CheckedRequest, type PictureRequest } from './picture-request.ts';
import type { PipelineFolder } from './pipeline-folder.ts';
import type { PromptTokenizer } from './prompt-tokens.ts';
import { outputOf, runPart } from './run-part.ts';

/** Makes a PNG file of 8-bit RGB. */
export type EncodePng = (rgb: Uint8Array, width: number, height: number) => Promise<Buffer>;

export interface PipelineMeans {
  readonly folder: PipelineFolder;
  readonly tokenizer: PromptTokenizer;
  readonly encodePng: EncodePng;
  /** The networks, opened now where they are not: a part may have been given up since the last picture. */
  readonly parts: () => Promise<Parts>;
}

export interface Picture {
  readonly png: Buffer;
  readonly width: number;
  readonly height: number;
  readonly seed: number;
  readonly steps: number;
  /** What the caller should know, such as a prompt that was cut. */
  readonly warnings: readonly string[];
  /** Milliseconds; `loadMs`: waiting for networks that were not there. */
  readonly timings: { readonly loadMs: number; readonly encodeMs: number; readonly denoiseMs: number; readonly decodeMs: number };
}

export class DiffusionPipeline {
  private readonly means: PipelineMeans;

  constructor(means: PipelineMeans) {
    this.means = means;
  }

  /**
   * Makes one picture.
   * @throws AppError DIFFUSION_INPUT for what cannot be asked, DIFFUSION_CANCELLED after `signal` or `deadline`,
   *   PIPELINE_CORRUPT when the networks do not fit
   */
  async generate(given: PictureRequest): Promise<Picture> {
    // Another activation of the same process may change the environment meanwhile.
    const request = { ...given, deadline: given.deadline ?? activationDeadline() };
    const { folder, encodePng } = this.means;
    const checked = checkRequest(request, folder);
    const { width, height, steps, seed = randomInt(2 ** 32) } = checked;
    throwIfGivenUp(request);
    const startMs = performance.now();
    const parts = await this.means.parts();
    checkParts(parts, folder.tokenizer.length);
    const loadedMs = performance.now();
    throwIfGivenUp(request);
    const { embeddings, warnings } = await this.encodePrompts(parts, checked);
    const encodedMs = performance.now();
    const { pixelsPerLatent } = folder;
    const dims = [1, latentChannels(parts.unet), height / pixelsPerLatent, width / pixelsPerLatent];
    const noise: PlainTensor = { type: 'float32', dims, data: gaussianNoise(seed, product(dims)) };
    const latents = await denoise(parts, {
      ...checked,
      embeddings,
      noise,
      beforeStep: () => {
        throwIfGivenUp(request);
      },
      onProgress: request.onProgress,
    });
    throwIfGivenUp(request);
    const denoisedMs = performance.now();
    const rgb = await this.decode(parts, latents, width, height);
    const png = await encodePng(rgb, width, height);
    const decodedMs = performance.now();
    const timings = { loadMs: loadedMs - startMs, encodeMs: encodedMs - loadedMs, denoiseMs: denoisedMs - encodedMs, decodeMs: decodedMs - denoisedMs };
    return { png, width, height, seed, steps, warnings, timings };
  }

  /** Embeddings of the negative prompt, where it counts, and of the prompt. */
  private async encodePrompts(parts: Parts, { prompt, negativePrompt, guidanceScale }: CheckedRequest): Promise<{ embeddings: readonly PlainTensor[]; warnings: string[] }> {
    const warnings: string[] = [];
    const embeddings: PlainTensor[] = [];
    const texts = [...(isGuided(guidanceScale) ? ([['negative prompt', negativePrompt]] as const) : []), ['prompt', prompt] as const];
    for (const [what, text] of texts) {
      const { ids, cutTokens } = this.means.tokenizer.encode(text);
      if (cutTokens > 0) warnings.push(`The ${what} is too long: its last ${cutTokens} tokens were left out; the model reads ${ids.length - 2}.`);
      // One at a time: an encoder may be exported for one text.
      const answer = await runPart(parts, 'text_encoder', { input_ids: integers(parts.text_encoder, 'input_ids', ids, [1, ids.length]) });
      embeddings.push(outputOf(answer, 'text_encoder', 'last_hidden_state'));
    }
    return { embeddings, warnings };
  }

  private async decode(parts: Parts, latents: PlainTensor, width: number, height: number): Promise<Uint8Array> {
    const scale = 1 / this.means.folder.latentScale;
    const feeds = { latent_sample: { ...latents, data: floatsOf(latents).map((value) => value * scale) } };
    const { data, dims } = outputOf(await runPart(parts, 'vae_decoder', feeds), 'vae_decoder', 'sample');
    if (dims.join() !== [1, 3, height, width].join()) throw corruptPipeline(`vae_decoder/model.onnx gave the shape [${dims.join(', ')}], not [1, 3, ${height}, ${width}]`);
    return pixelsOf(data as Float32Array, width * height);
  }
}

const isGuided = (scale: number): boolean => scale > 1;
const product = (dims: readonly number[]): number => dims.reduce((all, dim) => all * dim, 1);

/** From planes of -1 to 1 to pixels of three bytes. */
function pixelsOf(planes: Float32Array, pixels: number): Uint8Array {
  const rgb = new Uint8ClampedArray(pixels * 3);
  for (let channel = 0; channel < 3; channel += 1) {
    for (let pixel = 0; pixel < pixels; pixel += 1) rgb[pixel * 3 + channel] = ((planes[channel * pixels + pixel] ?? 0) / 2 + 0.5) * 255;
  }
  return new Uint8Array(rgb.buffer);
}

function throwIfGivenUp({ signal, deadline = Infinity }: PictureRequest): void {
  const reason = signal?.aborted === true ? 'its caller gave it up' : Date.now() >= deadline ? 'its time was over' : undefined;
  if (reason !== undefined) throw new AppError('DIFFUSION_CANCELLED', `The picture was not finished: ${reason}.`, 'Ask for fewer steps or a smaller picture, or allow more time.');
}

/** When OpenWhisk gives the running activation up, in ms since 1970. */
function activationDeadline(): number {
  const deadline = Number(process.env['__OW_DEADLINE'] ?? Number.NaN);
  return Number.isFinite(deadline) && deadline > 0 ? deadline : Infinity;
}
