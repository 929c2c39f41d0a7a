// Takes trained weights from a .safetensors file by the names of the state dict and installs the model with them. It
// refuses a file that does not fit before it touches the store.
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import type { StoredModel } from '../../runtime/model-store/manifest.ts';
import type { ArchitectureSize } from './architectures/architecture.ts';
import { describeArchitecture, type ModelName } from './architectures/index.ts';
import type { WeightTensor } from './graph-builder.ts';
import { installForm, installPlain, removeFormerForm, zooVersion, type ModelProgress } from './install-model.ts';
import type { WeightSource } from './random-weights.ts';
import { SafetensorsFile, type SafeTensor } from './safetensors.ts';
import { StoreWriter } from './store-writer.ts';

/** Parts of published state dicts that inference does not use. */
const unused = [
  /(^|\.)num_batches_tracked$/,
  /^AuxLogits\./,
  /^aux[12]\./,
  /(^|\.)position_ids$/,
  // The encoding half of AutoencoderKL.
  /^encoder\.(conv_in|down_blocks|mid_block|conv_norm_out|conv_out)\./,
  /^quant_conv\./,
];

/** Published BERT files may put the encoder under `bert.`, beside heads that are not ours. */
const encoderPrefix = 'bert.';

/** How many names an error lists before it only counts. */
const listedNames = 5;

const formerAttentionNames: Readonly<Record<string, string>> = { q: 'query', k: 'key', v: 'value', 'out.0': 'proj_attn' };

/** The names under which a tensor is found in published files, ours first. */
function namesFor(tensor: string): string[] {
  // Checkpoints converted from TensorFlow call the weight and bias of a layer norm gamma and beta.
  let legacy = tensor.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
  // The decoder's attention as Stable Diffusion 1.x was published, before diffusers renamed it.
  if (tensor.startsWith('decoder.')) legacy = legacy.replace(/\.to_(q|k|v|out\.0)\./, (_, part: string) => `.${formerAttentionNames[part] ?? part}.`);
  return [tensor, legacy, `${encoderPrefix}${tensor}`, `${encoderPrefix}${legacy}`];
}

const listed = (names: readonly string[]): string =>
  names.length <= listedNames ? names.join(', ') : `${names.slice(0, listedNames).join(', ')} and ${names.length - listedNames} more`;

const sameDims = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((dim, index) => dim === b[index]);

/**
 * Finds each of `weights` in the file.
 * @throws AppError WEIGHTS_MISMATCH that names what is missing, too much, of another shape or of an unreadable type.
 */
export function matchTensors(weights: readonly WeightTensor[], tensors: ReadonlyMap<string, SafeTensor>, label: string): Map<string, SafeTensor> {
  const matched = new Map<string, SafeTensor>();
  const missing: string[] = [];
  const misshapen: string[] = [];
  const unreadable: string[] = [];
  const taken = new Set<string>();
  for (const { name, dims } of weights) {
    const found = namesFor(name).flatMap((candidate) => tensors.get(candidate) ?? [])[0];
    if (found === undefined) {
      missing.push(name);
      continue;
    }
    taken.add(found.name);
    if (!sameDims(found.dims, dims)) misshapen.push(`${found.name} [${found.dims.join(', ')}] instead of [${dims.join(', ')}]`);
    else if (!SafetensorsFile.isReadable(found.elementType)) unreadable.push(`${found.name} (${found.elementType})`);
    else matched.set(name, found);
  }
  const hasPrefix = [...taken].some((name) => name.startsWith(encoderPrefix));
  const extra = [...tensors.keys()].filter((name) => !taken.has(name) && !unused.some((pattern) => pattern.test(name)) && (!hasPrefix || name.startsWith(encoderPrefix)));
  const problems = Object.entries({ missing, 'not of this model': extra, 'of another shape': misshapen, 'of a type that cannot be read': unreadable })
    .filter(([, names]) => names.length > 0)
    .map(([problem, names]) => `${names.length} ${problem}: ${listed(names)}`);
  if (problems.length === 0) return matched;
  throw new AppError('WEIGHTS_MISMATCH', `The weights do not fit ${label}. ${problems.join('; ')}.`, 'Use a state dict of the same architecture (torchvision, transformers or diffusers), in F32, F16, BF16 or F64.');
}

function weightsFrom(file: SafetensorsFile, matched: ReadonlyMap<string, SafeTensor>): WeightSource {
  return (weight) => {
    const tensor = matched.get(weight.name);
    if (tensor === undefined) throw new Error(`${weight.name} was not matched.`);
    return file.read(tensor);
  };
}

export interface ImportWeightsOptions {
  readonly directory: string;
  readonly name: ModelName;
  readonly size: ArchitectureSize;
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
}

/**
 * Installs `name` with the weights of a .safetensors file in place of what the store has, loading form included.
 * @throws AppError WEIGHTS_MISMATCH, MODEL_MISSING (no such file), MODEL_CORRUPT (no safetensors), DISK_FULL
 */
export async function importWeights({ directory, name, size, file, signal, onProgress }: ImportWeightsOptions): Promise<StoredModel> {
  const safetensors = await SafetensorsFile.open(file);
  try {
    const matched = matchTensors(describeArchitecture(name, size).graph.weights, safetensors.tensors, name);
    const store = await StoreWriter.open(directory, { signal });
    try {
      const former = store.manifest.models.find((model) => model.name === name && model.version === zooVersion);
      const install = { name, size, weights: weightsFrom(safetensors, matched), origin: { size, importedFrom: path.basename(file) }, signal, onProgress };
      const model = await installForm(store, await installPlain(store, install), install);
      await removeFormerForm(store, former, model);
      return model;
    } finally {
      await store.close();
    }
  } finally {
    await safetensors.close();
  }
}
