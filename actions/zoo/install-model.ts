// Puts one model into a store: the plain file from its architecture and a source of weights, then its loading form.
// Which models, and whether they are there already, is decided by the builder and the importer.
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { currentFormKey } from '../../runtime/model-store/form-key.ts';
import type { LoadingForm, StoredModel } from '../../runtime/model-store/manifest.ts';
import { describeArchitecture, hasExternalData, isPartName, type ModelName } from './architectures/index.ts';
import type { ArchitectureSize } from './architectures/architecture.ts';
import { chooseForm, type ChosenForm } from './choose-form.ts';
import { installAttachments } from './attachments.ts';
import { describeFile } from './file-digest.ts';
import type { OpenForWriting } from './file-sink.ts';
import { parameterCount, weightBytes, type GraphDescription } from './graph-builder.ts';
import { writeOnnx } from './onnx-writer.ts';
import type { WeightSource } from './random-weights.ts';
import { formFolderName, type StoreWriter } from './store-writer.ts';

/** The zoo's models have one version; a user's own store may have others. */
export const zooVersion = '1';

/** Disk that making a form takes at its peak, in plain files: two candidates, or one of them and one with blobs (1.8). */
const formDiskFactor = { withoutBlobs: 2.1, withBlobs: 2.9 } as const;

/** Whether the model multiplies matrices of many rows; a layer at the end of a convolutional network has one. */
const hasMatrixProducts = (graph: GraphDescription): boolean => graph.nodes.some(({ opType }) => opType === 'MatMul');

/** Where the plain files are in the store: in a pipeline's parts as exporters place them, and external where 2 GB do not hold the weights. */
function plainPlace(name: ModelName): { file: string; data?: string } {
  if (!isPartName(name)) return { file: `${name}/${name}.onnx` };
  const file = `${name}/model.onnx`;
  return hasExternalData(name) ? { file, data: `${file}_data` } : { file };
}

/** One step of the work on one model. */
export interface ModelProgress {
  readonly model: string;
  readonly step: string;
  /** 0 to 1, where the step knows. */
  readonly fraction?: number;
}

export interface InstallOptions {
  readonly name: ModelName;
  readonly size: ArchitectureSize;
  readonly weights: WeightSource;
  readonly origin: NonNullable<StoredModel['origin']>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
  readonly openFile?: OpenForWriting | undefined;
}

/** Writes the plain file and records the model, yet without a loading form. */
export async function installPlain(store: StoreWriter, options: InstallOptions): Promise<StoredModel> {
  const { name, size, weights, origin, signal, onProgress, openFile } = options;
  const { graph, sampleInputs } = describeArchitecture(name, size);
  await store.requireFreeBytes(weightBytes(graph) + formDiskBytes(weightBytes(graph), hasMatrixProducts(graph)), name);
  return store.withPartialFolder(name, async (folder) => {
    const place = plainPlace(name);
    const file = path.join(folder, path.basename(place.file));
    const dataFile = place.data === undefined ? undefined : path.join(folder, path.basename(place.data));
    const { data, ...written } = await writeOnnx({
      file,
      dataFile,
      graph,
      weights,
      openFile,
      onProgress: (bytesWritten, bytesTotal) => {
        signal?.throwIfAborted();
        onProgress?.({ model: name, step: 'writing weights', fraction: bytesWritten / bytesTotal });
      },
    });
    const plain = { path: place.file, ...written };
    if (dataFile !== undefined && place.data !== undefined) await store.moveIntoPlace(dataFile, place.data);
    await store.moveIntoPlace(file, plain.path);
    const externalData = data === undefined || place.data === undefined ? {} : { externalData: [{ path: place.data, ...data }] };
    const attachments = await installAttachments(store, name, folder);
    const model: StoredModel = { name, version: zooVersion, parameterCount: parameterCount(graph), plain, ...externalData, sampleInputs, attachments, origin };
    await store.record(model);
    return model;
  });
}

async function recordedForm({ candidate, onPath, ahead, measured, openings }: ChosenForm, key: string, folder: string): Promise<LoadingForm> {
  const recordedPath = (file: string): string => `${folder}/${path.basename(file)}`;
  const files = await Promise.all(candidate.files.map((file) => describeFile(file, recordedPath(file))));
  const file = recordedPath(candidate.file);
  return {
    key,
    kind: candidate.kind,
    files,
    onPath: { file, sessionOptions: { ...onPath } },
    ahead: { file, sessionOptions: { ...ahead } },
    measured,
    candidates: openings.map((opening) => ({ ...opening })),
  };
}

/** A failure of ONNX Runtime on a disk without room is a full disk: it reports the two alike. */
async function explainFailure(thrown: unknown, store: StoreWriter, model: StoredModel): Promise<unknown> {
  if (thrown instanceof AppError || !(thrown instanceof Error) || thrown.name === 'AbortError') return thrown;
  const { bavail, bsize } = await statfs(store.directory);
  if (bavail * bsize > model.plain.bytes) return thrown;
  return new AppError('DISK_FULL', `The disk is full: the loading form of ${model.name} cannot be written to ${store.directory}.`, 'Free some space, or choose another disk with --dir, and run the same command again.', { cause: thrown });
}

/** What the loading form of a model is made from, whosever model it is. */
export interface FormOptions {
  /** For progress and messages. */
  readonly label: string;
  /** Folder in the store that the form's own folder goes into. */
  readonly folder: string;
  readonly hasMatrixProducts: boolean;
  readonly effort: 'measured' | 'quick';
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** Disk that making the form of a plain file takes at its peak. */
export const formDiskBytes = (plainBytes: number, hasProducts: boolean): number => Math.ceil(plainBytes * (hasProducts ? formDiskFactor.withBlobs : formDiskFactor.withoutBlobs));

/** Chooses and makes the loading form of a model whose plain file is in the store; resolves to the model with it, not recorded yet. */
export async function makeForm(store: StoreWriter, model: StoredModel, { label, folder, hasMatrixProducts: hasProducts, effort, signal, onStep }: FormOptions): Promise<StoredModel> {
  const weightsFile = model.externalData?.[0] ?? model.plain;
  const key = currentFormKey();
  const target = `${folder}/${formFolderName(weightsFile.sha256, key)}`;
  await store.requireFreeBytes(formDiskBytes(weightsFile.bytes, hasProducts), label);
  return store.withPartialFolder(`${label}-form`, async (directory) => {
    try {
      const chosen = await chooseForm({
        plainFile: path.join(store.directory, model.plain.path),
        hasMatrixProducts: hasProducts,
        sampleInputs: model.sampleInputs,
        directory,
        effort,
        signal,
        ...(onStep === undefined ? {} : { onStep }),
      });
      onStep?.('computing checksums');
      const form = await recordedForm(chosen, key, target);
      signal?.throwIfAborted();
      await store.moveIntoPlace(path.dirname(chosen.candidate.file), target);
      return { ...model, form };
    } catch (thrown) {
      throw await explainFailure(thrown, store, model);
    }
  });
}

/** Chooses, makes and records the loading form of a model that has its plain file; an older form is deleted. */
export async function installForm(store: StoreWriter, model: StoredModel, options: Pick<InstallOptions, 'name' | 'size' | 'signal' | 'onProgress'>): Promise<StoredModel> {
  const { name, size, signal, onProgress } = options;
  const { graph } = describeArchitecture(name, size);
  const formed = await makeForm(store, model, {
    label: name,
    folder: name,
    // A pipeline's part gets the one form that loads without a copy: others take minutes to try, and ORT format ends at 2 GB.
    hasMatrixProducts: hasMatrixProducts(graph) && !isPartName(name),
    effort: size === 'full' && !isPartName(name) ? 'measured' : 'quick',
    signal,
    onStep: (step) => onProgress?.({ model: name, step }),
  });
  await store.record(formed);
  return formed;
}

/** Deletes the files of a loading form that `current` no longer uses. */
export async function removeFormerForm(store: StoreWriter, former: StoredModel | undefined, current: StoredModel): Promise<void> {
  const folder = (model: StoredModel | undefined): string | undefined => model?.form?.files[0] && path.dirname(model.form.files[0].path);
  const formerFolder = folder(former);
  if (formerFolder !== undefined && formerFolder !== folder(current)) await store.remove(formerFolder);
}
