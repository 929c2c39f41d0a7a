// Checks that the three networks of a pipeline fit each other and this engine, and makes tensors of the types they ask
// for. Types and dimensions come from the networks.
import { corruptPipeline } from './corrupt-pipeline.ts';
import type { Part, PartName, PlainTensor, ValueInfo } from './part.ts';

export type Parts = Readonly<Record<PartName, Part>>;

const integerTypes = ['int64', 'int32'];

/** On a processor, float16 is computed in float32 all the same, and is slower to load: ONNX Runtime widens every weight. */
const inFloat32 = 'Export the pipeline in float32 (--dtype fp32), or import its float16 weights into the networks of the zoo: npm run models -- import stable-diffusion/unet FILE.safetensors';

/** What each network has to have, with the number of dimensions. */
const expected: readonly { part: PartName; side: 'inputs' | 'outputs'; name: string; types: readonly string[]; ranks: readonly number[] }[] = [
  { part: 'text_encoder', side: 'inputs', name: 'input_ids', types: integerTypes, ranks: [2] },
  { part: 'text_encoder', side: 'outputs', name: 'last_hidden_state', types: ['float32'], ranks: [3] },
  { part: 'unet', side: 'inputs', name: 'sample', types: ['float32'], ranks: [4] },
  { part: 'unet', side: 'inputs', name: 'timestep', types: [...integerTypes, 'float32'], ranks: [0, 1] },
  { part: 'unet', side: 'inputs', name: 'encoder_hidden_states', types: ['float32'], ranks: [3] },
  { part: 'unet', side: 'outputs', name: 'out_sample', types: ['float32'], ranks: [4] },
  { part: 'vae_decoder', side: 'inputs', name: 'latent_sample', types: ['float32'], ranks: [4] },
  { part: 'vae_decoder', side: 'outputs', name: 'sample', types: ['float32'], ranks: [4] },
];

/** Dimensions that have to be equal where both networks fix them. */
type Place = readonly [part: PartName, side: 'inputs' | 'outputs', name: string, dimension: number];
const joints: readonly { what: string; one: Place; other: Place }[] = [
  { what: 'numbers for each token', one: ['text_encoder', 'outputs', 'last_hidden_state', 2], other: ['unet', 'inputs', 'encoder_hidden_states', 2] },
  { what: 'latent channels', one: ['unet', 'inputs', 'sample', 1], other: ['vae_decoder', 'inputs', 'latent_sample', 1] },
  { what: 'latent channels', one: ['unet', 'inputs', 'sample', 1], other: ['unet', 'outputs', 'out_sample', 1] },
];

/**
 * @param tokens how many the tokenizer gives
 * @throws AppError PIPELINE_CORRUPT naming the network and what is wrong in it
 */
export function checkParts(parts: Parts, tokens: number): void {
  for (const { part, side, name, types, ranks } of expected) {
    const value = valueOf(parts[part], side, name);
    if (value === undefined) throw corruptPipeline(`${part}/model.onnx has no ${side === 'inputs' ? 'input' : 'output'} "${name}", but ${parts[part][side].map((other) => other.name).join(', ') || 'none'}`);
    if (value.type === 'float16') throw corruptPipeline(`${part}/model.onnx: "${name}" is float16, and this engine computes in float32`, undefined, inFloat32);
    if (!types.includes(value.type)) throw corruptPipeline(`${part}/model.onnx: "${name}" is ${value.type}; this engine takes ${types.join(' or ')}`);
    // An output whose shape is left open has none.
    if (!ranks.includes(value.shape.length) && !(side === 'outputs' && value.shape.length === 0)) throw corruptPipeline(`${part}/model.onnx: "${name}" has the shape [${value.shape.join(', ')}], not ${ranks.join(' or ')} dimensions`);
  }
  for (const [part, { inputs }] of Object.entries(parts)) {
    const odd = inputs.find(({ name }) => !expected.some((known) => known.part === part && known.side === 'inputs' && known.name === name));
    if (odd !== undefined) throw corruptPipeline(`${part}/model.onnx has an input "${odd.name}", which Stable Diffusion 1 and 2 do not have`);
  }
  for (const { what, one, other } of joints) {
    const [sizeOne, sizeOther] = [fixedSize(parts, ...one), fixedSize(parts, ...other)];
    if (sizeOne !== undefined && sizeOther !== undefined && sizeOne !== sizeOther) throw corruptPipeline(`${one[0]} and ${other[0]} do not fit: ${sizeOne} and ${sizeOther} ${what}`);
  }
  const read = fixedSize(parts, 'text_encoder', 'inputs', 'input_ids', 1);
  if (read !== undefined && read !== tokens) throw corruptPipeline(`tokenizer/ does not fit: it gives ${tokens} tokens, and the text encoder takes ${read}`);
}

const valueOf = (part: Part, side: 'inputs' | 'outputs', name: string): ValueInfo | undefined => part[side].find((value) => value.name === name);

function fixedSize(parts: Parts, part: PartName, side: 'inputs' | 'outputs', name: string, dimension: number): number | undefined {
  const size = valueOf(parts[part], side, name)?.shape[dimension];
  return typeof size === 'number' && size > 0 ? size : undefined;
}

/** How many latent channels there are: 4 where the UNet leaves it open. */
export const latentChannels = (unet: Part): number => fixedSize({ unet } as Parts, 'unet', 'inputs', 'sample', 1) ?? 4;

/** Whether the UNet takes the answers for both prompts at once. */
export function takesPairs(unet: Part): boolean {
  const batch = valueOf(unet, 'inputs', 'sample')?.shape[0];
  return typeof batch !== 'number' || batch < 1 || batch === 2;
}

/** Whole numbers in the type that an input asks for. */
export function integers(part: Part, name: string, values: readonly number[], dims: readonly number[]): PlainTensor {
  const type = valueOf(part, 'inputs', name)?.type ?? 'int64';
  return { type, dims, data: type === 'int32' ? Int32Array.from(values) : BigInt64Array.from(values, (value) => BigInt(value)) };
}

/** The time step: one for all of the batch, unless the UNet wants one for each. */
export function timestepTensor(unet: Part, timestep: number, batch: number): PlainTensor {
  const value = valueOf(unet, 'inputs', 'timestep');
  const [size] = value?.shape ?? [];
  const isEach = size !== undefined && (size === valueOf(unet, 'inputs', 'sample')?.shape[0] || size === batch) && size !== 1 && size !== -1;
  const dims = value?.shape.length === 0 ? [] : [isEach ? batch : 1];
  const values = new Array<number>(isEach ? batch : 1).fill(timestep);
  return value?.type === 'float32' ? { type: 'float32', dims, data: Float32Array.from(values) } : integers(unet, 'timestep', values.map(Math.round), dims);
}
