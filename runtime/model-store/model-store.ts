// A model store as its readers see it: which models there are and where their files lie. It opens no session
// (`open-model.ts`) and builds nothing (the zoo).
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { findModel, readTrustedManifest, referenceOf } from './manifest-file.ts';
import type { Manifest, StoredFile, StoredModel } from './manifest.ts';

export class ModelStore {
  readonly directory: string;
  readonly manifest: Manifest;

  private constructor(directory: string, manifest: Manifest) {
    this.directory = directory;
    this.manifest = manifest;
  }

  /** @throws AppError MODEL_STORE_MISSING, MODEL_CORRUPT */
  static async open(directory: string): Promise<ModelStore> {
    // Its schema is loaded when a store is opened: a container that holds nothing does without.
    const { readManifest } = await import('./manifest.ts');
    return new ModelStore(directory, await readManifest(directory));
  }

  /**
   * The same for a slot, without a check of each field.
   * @throws AppError MODEL_STORE_MISSING, MODEL_CORRUPT
   */
  static async openTrusted(directory: string): Promise<ModelStore> {
    return new ModelStore(directory, await readTrustedManifest(directory));
  }

  /**
   * Finds `name` or `name@version`.
   * @throws AppError MODEL_MISSING, naming what there is.
   */
  find(reference: string): StoredModel {
    const model = findModel(this.manifest, reference);
    if (model !== undefined) return model;
    const present = this.manifest.models.map(referenceOf).join(', ') || 'nothing';
    throw new AppError('MODEL_MISSING', `There is no model ${reference} in ${this.directory}, which has ${present}.`, 'Build it: npm run models -- build');
  }

  /** Absolute path of a file of the manifest. */
  pathOf(file: StoredFile | string): string {
    return path.resolve(this.directory, typeof file === 'string' ? file : file.path);
  }
}
