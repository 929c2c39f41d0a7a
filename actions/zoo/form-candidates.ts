// The candidates for a model's loading form: how each is made with ONNX Runtime and how it is opened. Which one a model
// gets is measured in `choose-form.ts`.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { LoadingForm } from '../../runtime/model-store/manifest.ts';
import { quietOptions } from '../../runtime/model-store/open-model.ts';
import { saveInSlot } from './ready-slot.ts';

export type FormKind = LoadingForm['kind'];
export type SessionOptions = Readonly<Record<string, unknown>>;

/**
 * Smaller initializers stay in the graph file: mapping each would cost more than copying (ResNet-152 loads in 7.4 ms
 * with 8192, in 8.7 with 1024; larger bounds gain nothing more).
 */
const externalFromBytes = '8192';

const externalData = {
  optimized_model_external_initializers_file_name: 'model.data',
  optimized_model_external_initializers_min_size_in_bytes: externalFromBytes,
};

interface Recipe {
  readonly fileName: string;
  /** Session configuration that saves the candidate. */
  readonly save: Readonly<Record<string, string>>;
  /** Session configuration that opens it, beyond what all have in common. */
  readonly open: Readonly<Record<string, string>>;
}

const recipes: Record<FormKind, Recipe> = {
  'external-data': { fileName: 'model.onnx', save: { ...externalData, disable_prepacking: '1' }, open: {} },
  'ort-format': {
    fileName: 'model.ort',
    save: { save_model_format: 'ORT', disable_prepacking: '1' },
    open: { use_memory_mapped_ort_model: '1', use_ort_model_bytes_for_initializers: '1' },
  },
  'external-data-prepacked': { fileName: 'model.onnx', save: { ...externalData, save_external_prepacked_constant_initializers: '1' }, open: {} },
};

export const formKinds = Object.keys(recipes) as FormKind[];

/** A candidate on disk. */
export interface Candidate {
  readonly kind: FormKind;
  /** The file that a session is created from; its data file lies beside it. */
  readonly file: string;
  readonly files: readonly string[];
}

/** Options that open a candidate: everything is optimised already, so the optimiser is off. */
export function openingOptions(kind: FormKind, packing: 'packed' | 'unpacked'): SessionOptions {
  const unpacked = packing === 'unpacked' ? { disable_prepacking: '1' } : {};
  return { graphOptimizationLevel: 'disabled', extra: { session: { ...quietOptions.extra.session, ...recipes[kind].open, ...unpacked } } };
}

export interface MakeCandidateOptions {
  readonly kind: FormKind;
  /** The plain file, or a candidate that is optimised already. */
  readonly source: string;
  readonly isOptimised: boolean;
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a candidate in a new folder of its own. */
export async function makeCandidate({ kind, source, isOptimised, directory, signal }: MakeCandidateOptions): Promise<Candidate> {
  await mkdir(directory, { recursive: true });
  const file = path.join(directory, recipes[kind].fileName);
  const sessionOptions = {
    graphOptimizationLevel: isOptimised ? 'disabled' : 'all',
    // The optimiser warns that its layouts belong to this CPU: that is what the form key is for.
    logSeverityLevel: 3,
    optimizedModelFilePath: file,
    extra: { session: recipes[kind].save },
  };
  await saveInSlot({ file: source, sessionOptions }, signal);
  const files = (await readdir(directory)).sort().map((name) => path.join(directory, name));
  return { kind, file, files };
}
