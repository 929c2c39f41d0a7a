// Writes to a model store so that no reader and no interruption ever finds half a file: everything is made in a partial
// folder, moved into place, and only then listed in the manifest. It does not know what a model is made of.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { manifestFileName, readManifest, type Manifest, type StoredModel, type StoredPipeline } from '../../runtime/model-store/manifest.ts';
import { asDiskError } from './file-sink.ts';
import { lockStore } from './store-lock.ts';

const partialPrefix = '.partial-';

async function readManifestOrNone(directory: string): Promise<Manifest> {
  try {
    return await readManifest(directory);
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'MODEL_STORE_MISSING') return { formatVersion: 1, models: [] };
    throw thrown;
  }
}

export interface OpenStoreWriterOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once if another builder is at work and this one waits. */
  readonly onWait?: () => void;
}

export class StoreWriter {
  readonly directory: string;
  readonly #unlock: () => Promise<void>;
  #manifest: Manifest;

  private constructor(directory: string, manifest: Manifest, unlock: () => Promise<void>) {
    this.directory = directory;
    this.#manifest = manifest;
    this.#unlock = unlock;
  }

  /**
   * Waits for other builders, then opens the store, making its folder if need be.
   * @throws AppError MODEL_CORRUPT when its manifest cannot be read, DISK_FULL
   */
  static async open(directory: string, options: OpenStoreWriterOptions = {}): Promise<StoreWriter> {
    await mkdir(directory, { recursive: true }).catch((thrown: unknown) => {
      throw asDiskError(thrown, directory);
    });
    const unlock = await lockStore(directory, options);
    try {
      const writer = new StoreWriter(directory, await readManifestOrNone(directory), unlock);
      await writer.#removePartials();
      return writer;
    } catch (thrown) {
      await unlock();
      throw thrown;
    }
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** What a killed builder left: this one holds the lock, so nobody is still writing it. */
  async #removePartials(): Promise<void> {
    const names = await readdir(this.directory);
    const partials = names.filter((name) => name.startsWith(partialPrefix));
    await Promise.all(partials.map((name) => rm(path.join(this.directory, name), { recursive: true, force: true })));
  }

  /** Runs `work` with a new partial folder, which is gone afterwards, whatever happened. */
  async withPartialFolder<T>(label: string, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = path.join(this.directory, `${partialPrefix}${process.pid}-${label.replaceAll('/', '-')}`);
    try {
      await mkdir(folder, { recursive: true });
      return await work(folder);
    } catch (thrown) {
      throw asDiskError(thrown, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Moves a finished file or folder to `relativePath` in the store, replacing what is there. */
  async moveIntoPlace(finished: string, relativePath: string): Promise<void> {
    const target = path.join(this.directory, relativePath);
    await mkdir(path.dirname(target), { recursive: true });
    // A folder that is not empty cannot be renamed over; a form folder is named by its content, so it is a leftover.
    await rm(target, { recursive: true, force: true });
    await rename(finished, target);
  }

  /** Deletes files of the store that the manifest no longer lists; processes that have them mapped keep them. */
  async remove(relativePath: string): Promise<void> {
    await rm(path.join(this.directory, relativePath), { recursive: true, force: true });
  }

  /** Puts `model` into the manifest in place of one of its name and version, atomically. */
  async record(model: StoredModel): Promise<void> {
    await this.#replaceManifest({ ...this.#manifest, models: [...this.#manifest.models.filter((other) => !isSame(other, model)), model] });
  }

  /** The same for a pipeline, whose parts are recorded already. */
  async recordPipeline(pipeline: StoredPipeline): Promise<void> {
    const others = (this.#manifest.pipelines ?? []).filter((other) => !isSame(other, pipeline));
    await this.#replaceManifest({ ...this.#manifest, pipelines: [...others, pipeline] });
  }

  /** Takes models out of the manifest, atomically; their files are the caller's to remove. */
  async forget(models: readonly StoredModel[]): Promise<void> {
    await this.#replaceManifest({ ...this.#manifest, models: this.#manifest.models.filter((model) => !models.some((gone) => isSame(gone, model))) });
  }

  async #replaceManifest(manifest: Manifest): Promise<void> {
    await this.withPartialFolder('manifest', async (folder) => {
      const file = path.join(folder, manifestFileName);
      const handle = await open(file, 'wx');
      try {
        await handle.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(file, path.join(this.directory, manifestFileName));
    });
    this.#manifest = manifest;
  }

  /** @throws AppError DISK_FULL when fewer bytes are free than `label` needs. */
  async requireFreeBytes(bytes: number, label: string): Promise<void> {
    const { bavail, bsize } = await statfs(this.directory);
    const freeBytes = bavail * bsize;
    if (freeBytes >= bytes) return;
    const mb = (value: number): string => `${Math.ceil(value / 1e6)} MB`;
    throw new AppError('DISK_FULL', `${label} needs ${mb(bytes)} of disk while it is built; ${mb(freeBytes)} are free at ${this.directory}.`, 'Free some space, or choose another disk with --dir, and run the same command again.');
  }

  async close(): Promise<void> {
    await this.#unlock();
  }
}

const isSame = (a: Pick<StoredModel, 'name' | 'version'>, b: Pick<StoredModel, 'name' | 'version'>): boolean => a.name === b.name && a.version === b.version;

/** Name of the folder of a loading form: another key or other weights give another folder. */
export function formFolderName(plainSha256: string, key: string): string {
  return `form-${createHash('sha256').update(`${plainSha256} ${key}`).digest('hex').slice(0, 12)}`;
}
