// Builds the model zoo: decides which models a store lacks and installs them, largest first so that the disk's peak
// comes while the store is small. How one model gets there is `install-model.ts`'s work.
import { statSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { currentFormKey } from '../../runtime/model-store/form-key.ts';
import type { StoredFile, StoredModel } from '../../runtime/model-store/manifest.ts';
import { describeArchitecture, isModelName, modelNames, partsOf, type ModelName, type PipelineName } from './architectures/index.ts';
import type { ArchitectureSize } from './architectures/architecture.ts';
import { hasAttachments } from './attachments.ts';
import type { OpenForWriting } from './file-sink.ts';
import { weightBytes } from './graph-builder.ts';
import { installForm, installPlain, removeFormerForm, zooVersion, type ModelProgress } from './install-model.ts';
import { installPipelineFiles } from './pipeline-files.ts';
import { randomWeights } from './random-weights.ts';
import { StoreWriter } from './store-writer.ts';

export interface BuildZooOptions {
  readonly directory: string;
  readonly size: ArchitectureSize;
  /** All eight when both are absent. */
  readonly models?: readonly ModelName[] | undefined;
  readonly pipelines?: readonly PipelineName[] | undefined;
  readonly seed?: number | undefined;
  /** Build again what is there already, imported weights included. */
  readonly isForced?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ZooProgress) => void) | undefined;
  readonly openFile?: OpenForWriting | undefined;
}

export type ZooProgress =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'skipped'; readonly model: string }
  | { readonly kind: 'built'; readonly model: StoredModel; readonly tookMs: number }
  | ({ readonly kind: 'step' } & ModelProgress);

export interface BuildZooResult {
  readonly built: readonly ModelName[];
  readonly skipped: readonly ModelName[];
  readonly tookMs: number;
}

export const defaultSeed = 1;

/** What a model of the store still needs. */
type Need = 'nothing' | 'form' | 'all';

const isThere = (directory: string, file: StoredFile): boolean => statSync(path.join(directory, file.path), { throwIfNoEntry: false })?.size === file.bytes;

/**
 * What `model` needs to be finished: imported weights stay, whatever the seed; a form for another machine is made anew.
 * Sizes are compared, not checksums: that is what `models verify` is for.
 */
export function needOf(directory: string, model: StoredModel | undefined, wanted: { size: ArchitectureSize; seed: number }, key = currentFormKey()): Need {
  if (model === undefined || ![model.plain, ...(model.externalData ?? [])].every((file) => isThere(directory, file))) return 'all';
  if (isModelName(model.name) && !hasAttachments(model.name, model.attachments)) return 'all';
  const { origin, form } = model;
  if (origin?.size !== wanted.size) return 'all';
  if (origin.importedFrom === undefined && origin.seed !== wanted.seed) return 'all';
  return form?.key === key && form.files.every((file) => isThere(directory, file)) ? 'nothing' : 'form';
}

function refuseOtherSize(store: StoreWriter, size: ArchitectureSize): void {
  const other = store.manifest.models.find(({ origin }) => origin !== undefined && origin.size !== size);
  if (other === undefined) return;
  throw new AppError('BAD_OPTION', `${store.directory} holds ${other.origin?.size ?? 'other'} models, and these would be ${size} ones.`, 'Choose another folder with --dir.');
}

/** The models asked for, largest first. */
function inOrder(models: readonly ModelName[], size: ArchitectureSize): ModelName[] {
  const bytes = new Map(models.map((name) => [name, weightBytes(describeArchitecture(name, size).graph)]));
  return [...bytes.keys()].sort((a, b) => (bytes.get(b) ?? 0) - (bytes.get(a) ?? 0));
}

async function buildModel(store: StoreWriter, name: ModelName, need: Need, options: BuildZooOptions): Promise<StoredModel> {
  const { size, signal, openFile, onProgress, seed = defaultSeed } = options;
  const former = store.manifest.models.find((model) => model.name === name && model.version === zooVersion);
  const install = {
    name,
    size,
    weights: randomWeights(seed, name),
    origin: { size, seed },
    signal,
    openFile,
    onProgress: (progress: ModelProgress) => onProgress?.({ kind: 'step', ...progress }),
  };
  const plain = need === 'form' && former !== undefined ? former : await installPlain(store, install);
  const model = await installForm(store, plain, install);
  await removeFormerForm(store, former, model);
  return model;
}

/**
 * Builds what the store lacks of the models asked for; finished ones are skipped, so an interrupted build goes on where
 * it stopped. Waits while another builder writes to the same store.
 * @throws AppError DISK_FULL, MODEL_CORRUPT (the manifest), BAD_OPTION (a folder with models of the other size)
 */
export async function buildZoo(options: BuildZooOptions): Promise<BuildZooResult> {
  const startedMs = performance.now();
  const { directory, size, signal, onProgress, pipelines = [], seed = defaultSeed, isForced = false } = options;
  const models = [...(options.models ?? (pipelines.length > 0 ? [] : modelNames)), ...pipelines.flatMap(partsOf)];
  const built: ModelName[] = [];
  const skipped: ModelName[] = [];
  const store = await StoreWriter.open(directory, { signal, onWait: () => onProgress?.({ kind: 'waiting' }) });
  try {
    refuseOtherSize(store, size);
    for (const name of inOrder(models, size)) {
      signal?.throwIfAborted();
      const present = store.manifest.models.find((model) => model.name === name && model.version === zooVersion);
      const need = isForced ? 'all' : needOf(directory, present, { size, seed });
      if (need === 'nothing') {
        skipped.push(name);
        onProgress?.({ kind: 'skipped', model: name });
        continue;
      }
      const modelStartedMs = performance.now();
      const model = await buildModel(store, name, need, options);
      built.push(name);
      onProgress?.({ kind: 'built', model, tookMs: performance.now() - modelStartedMs });
    }
    for (const pipeline of pipelines) await installPipelineFiles(store, pipeline, size, isForced);
  } finally {
    await store.close();
  }
  return { built, skipped, tookMs: performance.now() - startedMs };
}
