// Pulls models into a store: downloads what is not there, keeps equal files once, makes the loading form, and lists a model
// only when all of it is in place. How one file comes over the network is `download.ts`'s work.
import { link, mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../common/errors.ts';
import { currentFormKey } from '../../runtime/model-store/form-key.ts';
import { referenceOf, type StoredModel } from '../../runtime/model-store/manifest.ts';
import type { ZooProgress } from '../zoo/build-zoo.ts';
import { sha256Of } from '../zoo/file-digest.ts';
import { formDiskBytes, makeForm } from '../zoo/install-model.ts';
import { StoreWriter } from '../zoo/store-writer.ts';
import { download } from './download.ts';
import { checksumOfFile, copyIn } from './local-file.ts';
import { summariseOnnx } from './onnx-summary.ts';
import type { WantedModel } from './registry-list.ts';
import { parseAddress, type Environment } from './request.ts';

/** Files by their SHA-256; a model's own file is a hard link to one. A model's name cannot begin with a dot. */
export const blobFolder = '.blobs';

/** protobuf's own bound: no ONNX file is longer. */
export const largestOnnxBytes = 2 ** 31 - 1;
const attempts = 5;
const idleMs = 30_000;
const longestPauseMs = 30_000;

export interface PullOptions {
  readonly directory: string;
  readonly models: readonly WantedModel[];
  readonly env: Environment;
  readonly effort: 'measured' | 'quick';
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ZooProgress) => void;
}

/** Whether the store has this very file, and its loading form for this machine. */
async function isThere(store: StoreWriter, present: StoredModel | undefined, { sha256 }: CertainModel): Promise<boolean> {
  if (present?.plain.sha256 !== sha256 || present.form?.key !== currentFormKey()) return false;
  for (const file of [present.plain, ...present.form.files]) {
    if ((await stat(path.join(store.directory, file.path)).catch(() => undefined))?.size !== file.bytes) return false;
  }
  return true;
}

/** Doubles from half a second, and no two wait alike. */
const pauseFor = (signal: AbortSignal) => async (attempt: number): Promise<void> => {
  await sleep(Math.min(longestPauseMs, 250 * 2 ** attempt) * (0.5 + Math.random() / 2), undefined, { signal });
};

/** A wanted model whose content is known. */
type CertainModel = WantedModel & { readonly sha256: string };

/** @throws AppError DOWNLOAD_REFUSED for a file that cannot be read */
async function certain(wanted: WantedModel): Promise<CertainModel> {
  return { ...wanted, sha256: wanted.sha256 ?? (await checksumOfFile(parseAddress(wanted.url))) };
}

/** The blob of this checksum: there already and found right, or downloaded. */
async function blobOf(store: StoreWriter, wanted: CertainModel, label: string, options: PullOptions): Promise<string> {
  const folder = path.join(store.directory, blobFolder);
  const blob = path.join(folder, wanted.sha256);
  const isFound = await sha256Of(blob).then((found) => found === wanted.sha256, () => false);
  if (isFound) return blob;
  const { env, signal, onProgress } = options;
  const url = parseAddress(wanted.url);
  const file = {
    url,
    sha256: wanted.sha256,
    folder,
    maxBytes: Math.min(options.maxBytes, largestOnnxBytes),
    requireFreeBytes: (bytes: number) => store.requireFreeBytes(bytes + formDiskBytes(bytes, true), label),
  };
  if (url.protocol === 'file:') return copyIn(file);
  return download({
    ...file,
    env,
    signal,
    attempts,
    idleMs,
    pause: pauseFor(signal),
    onProgress: (bytes, totalBytes) => onProgress?.({ kind: 'step', model: label, step: 'downloading', fraction: bytes / totalBytes }),
  });
}

/** Puts one model into the store in place of one of its name and version, whose files go afterwards. */
async function pullModel(store: StoreWriter, wanted: CertainModel, options: PullOptions): Promise<StoredModel> {
  const { name, version, sha256 } = wanted;
  const label = referenceOf(wanted);
  const blob = await blobOf(store, wanted, label, options);
  const { parameterCount, hasMatrixProducts, sampleInputs } = await summariseOnnx(blob, label);
  // Named by its content: who still reads the former version finds its files until they are deleted.
  const folder = `pulled/${label}/${sha256.slice(0, 12)}`;
  await mkdir(path.join(store.directory, folder), { recursive: true });
  const file = path.join(store.directory, folder, 'model.onnx');
  await rm(file, { force: true });
  await link(blob, file);
  const plain = { path: `${folder}/model.onnx`, bytes: (await stat(file)).size, sha256 };
  const { effort, signal, onProgress } = options;
  const form = { label, folder, hasMatrixProducts, effort, signal, onStep: (step: string) => onProgress?.({ kind: 'step', model: label, step }) };
  const model = await makeForm(store, { name, version, parameterCount, plain, sampleInputs, attachments: [] }, form).catch(async (thrown: unknown) => {
    if (!store.manifest.models.some((present) => present.plain.path === plain.path)) await store.remove(folder);
    if (thrown instanceof AppError || signal.aborted) throw thrown;
    throw new AppError('MODEL_CORRUPT', `${label} does not run: ${thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown)}`, 'Export it again as ONNX; dimensions left open have to take 1.', { cause: thrown });
  });
  await store.record(model);
  return model;
}

/** Deletes what a model of the same name and version left behind. */
async function removeFormer(store: StoreWriter, former: StoredModel | undefined, current: StoredModel): Promise<void> {
  const folder = former === undefined ? undefined : path.dirname(former.plain.path);
  if (folder?.startsWith('pulled/') === true && folder !== path.dirname(current.plain.path)) await store.remove(folder);
}

/**
 * Pulls what the store lacks; resolves to how many came. Waits while another writes to the same store.
 * @throws AppError DOWNLOAD_REFUSED, DOWNLOAD_FAILED, DISK_FULL, MODEL_CORRUPT, BAD_OPTION (an address)
 */
export async function pullModels(options: PullOptions): Promise<{ readonly pulled: number; readonly skipped: number }> {
  const { directory, models, signal, onProgress } = options;
  // All addresses before the first byte.
  for (const { url } of models) parseAddress(url);
  const store = await StoreWriter.open(directory, { signal, onWait: () => onProgress?.({ kind: 'waiting' }) });
  let pulled = 0;
  try {
    for (const one of models) {
      signal.throwIfAborted();
      const startedMs = performance.now();
      const wanted = await certain(one);
      const present = store.manifest.models.find((model) => model.name === wanted.name && model.version === wanted.version);
      if (await isThere(store, present, wanted)) {
        onProgress?.({ kind: 'skipped', model: referenceOf(wanted) });
        continue;
      }
      const model = await pullModel(store, wanted, options);
      await removeFormer(store, present, model);
      pulled += 1;
      onProgress?.({ kind: 'built', model, tookMs: performance.now() - startedMs });
    }
  } finally {
    await store.close();
  }
  return { pulled, skipped: models.length - pulled };
}
