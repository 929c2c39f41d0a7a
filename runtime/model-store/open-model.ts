// Opens models as ONNX Runtime sessions: stored ones in the form that suits the moment, others as they are. The caller
// passes onnxruntime-node in, for it decides when that 46 MB library is loaded and with which environment.
import { statSync } from 'node:fs';
import type * as OnnxRuntime from 'onnxruntime-node';
import { AppError } from '../../common/errors.ts';
import { currentFormKey } from './form-key.ts';
import type { LoadingForm, SampleInput, StoredFile, StoredModel } from './manifest.ts';
import type { ModelStore } from './model-store.ts';

/** The onnxruntime-node module, or as much of it as this file needs. */
export type Ort = Pick<typeof OnnxRuntime, 'InferenceSession' | 'Tensor'>;
type Session = OnnxRuntime.InferenceSession;
type SessionOptions = OnnxRuntime.InferenceSession.SessionOptions;

/**
 * `stock`: the plain file with ONNX Runtime's defaults, what an action without us does.
 * `onPath`: a call is waiting, the fastest to load. `ahead`: nobody waits, the fastest to run.
 */
export type OpenMode = 'stock' | 'onPath' | 'ahead';

/**
 * Threads of a session must not spin while they wait: they take the cores from the sessions and processes beside it.
 * ResNet-50 among four sessions runs in 43 ms instead of 85; GoogLeNet beside two busy processes in 24-54 ms instead of
 * 80-137. Alone on a quiet machine spinning would gain a millisecond of GoogLeNet's 12, and nothing of larger models.
 */
export const quietOptions = { extra: { session: { intra_op: { allow_spinning: '0' } } } };

/** How a stored model is opened here: which file, with which options, and why not its loading form. */
export interface Opening {
  readonly file: string;
  readonly sessionOptions: Readonly<Record<string, unknown>>;
  /** Every file that the session reads or maps. */
  readonly files: readonly StoredFile[];
  readonly form: 'plain' | LoadingForm['kind'];
  /** Set when a loading form was wanted and the plain file is opened instead. */
  readonly fallbackReason?: string;
}

export interface OpenedModel {
  readonly session: Session;
  readonly form: Opening['form'];
  /** Bytes of the files behind the session, which processes share; not private memory. */
  readonly bytes: number;
  readonly fallbackReason?: string;
}

function plainOpening(model: StoredModel, sessionOptions: Opening['sessionOptions']): Opening {
  return { file: model.plain.path, sessionOptions, files: [model.plain, ...(model.externalData ?? [])], form: 'plain' };
}

/** Decides how `model` is opened on a machine of this form key. */
export function planOpening(store: ModelStore, model: StoredModel, mode: OpenMode, key = currentFormKey()): Opening {
  if (mode === 'stock') return plainOpening(model, {});
  const { form } = model;
  const plain = plainOpening(model, quietOptions);
  if (form === undefined) return { ...plain, fallbackReason: 'it has no loading form' };
  if (form.key !== key) return { ...plain, fallbackReason: `its loading form is for ${form.key}, this is ${key}` };
  const missing = form.files.find((file) => statSync(store.pathOf(file), { throwIfNoEntry: false }) === undefined);
  if (missing !== undefined) return { ...plain, fallbackReason: `${missing.path} of its loading form is missing` };
  const { file, sessionOptions } = form[mode];
  return { file, sessionOptions, files: form.files, form: form.kind };
}

function corrupt(model: string, problem: string, cause?: unknown): AppError {
  return new AppError('MODEL_CORRUPT', `Model ${model} is corrupt: ${problem}.`, `Build it again: npm run models -- build --force --only ${model}`, { cause });
}

/** Compares sizes only, in microseconds; `models verify` compares checksums. */
export function checkSizes(store: ModelStore, model: StoredModel, files: readonly StoredFile[]): void {
  for (const file of files) {
    const found = statSync(store.pathOf(file), { throwIfNoEntry: false })?.size;
    if (found === undefined) throw corrupt(model.name, `${file.path} is missing`);
    if (found !== file.bytes) throw corrupt(model.name, `${file.path} has ${found} bytes, not ${file.bytes}`);
  }
}

const firstLine = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0] ?? '';

/**
 * Opens a stored model. Synchronous inside, as everything of ONNX Runtime: it blocks the event loop for the whole load.
 * @throws AppError MODEL_CORRUPT when a file has not the size it should have or ONNX Runtime cannot read it.
 */
export async function openModel(ort: Ort, store: ModelStore, model: StoredModel, mode: OpenMode): Promise<OpenedModel> {
  const opening = planOpening(store, model, mode);
  checkSizes(store, model, opening.files);
  const bytes = opening.files.reduce((sum, file) => sum + file.bytes, 0);
  const fallback = opening.fallbackReason === undefined ? {} : { fallbackReason: opening.fallbackReason };
  try {
    const session = await ort.InferenceSession.create(store.pathOf(opening.file), opening.sessionOptions as SessionOptions);
    return { session, form: opening.form, bytes, ...fallback };
  } catch (thrown) {
    throw corrupt(model.name, firstLine(thrown), thrown);
  }
}

/**
 * Opens an ONNX file that no store describes, such as one of an action's archive; there is no loading form of it.
 * @throws AppError MODEL_MISSING, MODEL_CORRUPT
 */
export async function openModelFile(ort: Ort, file: string, mode: OpenMode): Promise<OpenedModel> {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) {
    throw new AppError('MODEL_MISSING', `There is no model file ${file}.`, 'Put it into the archive of the action, or correct the path in its preload annotation.');
  }
  try {
    const session = await ort.InferenceSession.create(file, mode === 'stock' ? {} : quietOptions);
    return { session, form: 'plain', bytes };
  } catch (thrown) {
    throw new AppError('MODEL_CORRUPT', `${file} cannot be opened as a model: ${firstLine(thrown)}.`, 'Export it again as ONNX.', { cause: thrown });
  }
}

/** Shapes of zeros for a session that comes without sample inputs; a dimension left open becomes 1. */
export function zeroInputs(session: Session): Record<string, SampleInput> {
  const inputs: Record<string, SampleInput> = {};
  for (const metadata of session.inputMetadata) {
    if (!metadata.isTensor) continue;
    const { type } = metadata;
    if (type !== 'float32' && type !== 'int64' && type !== 'int32' && type !== 'bool') continue;
    inputs[metadata.name] = { type, dims: metadata.shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1)), fill: 0 };
  }
  return inputs;
}

/** The feeds of one inference on sample inputs. */
export function makeFeeds(ort: Ort, sampleInputs: Readonly<Record<string, SampleInput>>): Record<string, OnnxRuntime.Tensor> {
  return Object.fromEntries(Object.entries(sampleInputs).map(([name, sample]) => [name, makeTensor(ort, sample)]));
}

function makeTensor(ort: Ort, { type, dims, fill }: SampleInput): OnnxRuntime.Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  switch (type) {
    case 'float32':
      return new ort.Tensor(type, new Float32Array(count).fill(fill), dims);
    case 'int64':
      return new ort.Tensor(type, new BigInt64Array(count).fill(BigInt(fill)), dims);
    case 'int32':
      return new ort.Tensor(type, new Int32Array(count).fill(fill), dims);
    case 'bool':
      return new ort.Tensor(type, new Uint8Array(count).fill(fill), dims);
  }
}

/**
 * Runs one inference on the sample inputs, so that the first real one finds its pages mapped and its kernels set up.
 * Resolves to the milliseconds it took.
 */
export async function warmUp(session: Session, sampleInputs: Readonly<Record<string, SampleInput>>, ort: Ort): Promise<number> {
  const feeds = makeFeeds(ort, sampleInputs);
  const startedMs = performance.now();
  await session.run(feeds);
  return performance.now() - startedMs;
}
