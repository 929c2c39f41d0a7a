// Deletes the models of a store that nobody has used for a while. What counts as a use is kept by whoever schedules
// (`model-uses.ts`); a model that has come lately counts as used when it came.
import { readdir, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { filesOfModel, findModel, referenceOf, type StoredModel } from '../../runtime/model-store/manifest.ts';
import { readUses, type ModelUses } from '../../runtime/model-store/model-uses.ts';
import { StoreWriter } from '../zoo/store-writer.ts';
import { blobFolder } from './pull-models.ts';

export interface CollectOptions {
  readonly directory: string;
  /** Unused for longer than this, in ms. */
  readonly unusedMs: number;
  /** Epoch ms. */
  readonly now: number;
  /** Says what would go, and deletes nothing. */
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
  readonly onWait?: () => void;
}

export interface Collected {
  /** `name@version` of what went, with when it was used last. */
  readonly models: readonly { readonly label: string; readonly usedAt: number }[];
  /** Of their files; what two models share counts for the one that goes last. */
  readonly bytes: number;
  readonly keptCount: number;
}

/**
 * Waits while another writes to the store. Processes that have a deleted model open keep it. The networks of a pipeline stay:
 * they go with nothing less than the whole of it.
 * @throws AppError MODEL_CORRUPT
 */
export async function collectUnused({ directory, unusedMs, now, isDryRun, signal, onWait }: CollectOptions): Promise<Collected> {
  const store = await StoreWriter.open(directory, { signal, ...(onWait === undefined ? {} : { onWait }) });
  try {
    const { models, pipelines = [] } = store.manifest;
    const usedAt = lastUses(store, await readUses(directory));
    const parts = new Set(pipelines.flatMap(({ name, version, parts }) => parts.map((part) => `${name}/${part}@${version}`)));
    const unused: { model: StoredModel; usedAt: number }[] = [];
    for (const model of models) {
      if (parts.has(referenceOf(model))) continue;
      const cameAt = (await stat(path.join(directory, model.plain.path)).catch(() => undefined))?.ctimeMs ?? 0;
      const lastAt = Math.max(usedAt.get(referenceOf(model)) ?? 0, cameAt);
      if (now - lastAt > unusedMs) unused.push({ model, usedAt: lastAt });
    }
    const going = unused.map(({ model }) => model);
    const kept = models.filter((model) => !going.includes(model));
    const stays = new Set(kept.flatMap(filesOfModel).map((file) => file.path));
    const files = going.flatMap(filesOfModel).filter((file) => !stays.has(file.path));
    if (!isDryRun && going.length > 0) {
      // First no reader finds them any more, then they go.
      await store.forget(going);
      for (const file of files) await store.remove(file.path);
      await removeEmptyFolders(directory, files.map((file) => path.dirname(file.path)));
      await removeUnlinkedBlobs(store);
    }
    return { models: unused.map(({ model, usedAt: at }) => ({ label: referenceOf(model), usedAt: at })), bytes: files.reduce((sum, file) => sum + file.bytes, 0), keptCount: kept.length };
  } finally {
    await store.close();
  }
}

/** A reference without a version means the last one listed. */
function lastUses({ manifest }: StoreWriter, uses: ModelUses): Map<string, number> {
  const found = new Map<string, number>();
  for (const [reference, at] of Object.entries(uses)) {
    const model = findModel(manifest, reference);
    if (model !== undefined) found.set(referenceOf(model), Math.max(at, found.get(referenceOf(model)) ?? 0));
  }
  return found;
}

/** The deepest first, and up to the store's own folder. */
async function removeEmptyFolders(directory: string, folders: readonly string[]): Promise<void> {
  const withParents = folders.flatMap((folder) => folder.split('/').map((_, depth, parts) => parts.slice(0, depth + 1).join('/')));
  for (const folder of [...new Set(withParents)].sort((left, right) => right.length - left.length)) {
    if (folder !== '.') await rmdir(path.join(directory, folder)).catch(() => undefined);
  }
}

/** A blob is a hard link of each model that has it: alone, it is nobody's. */
async function removeUnlinkedBlobs(store: StoreWriter): Promise<void> {
  const folder = path.join(store.directory, blobFolder);
  for (const name of await readdir(folder).catch(() => [])) {
    const { nlink } = await stat(path.join(folder, name));
    if (nlink === 1 && /^[0-9a-f]{64}$/.test(name)) await store.remove(path.join(blobFolder, name));
  }
}
