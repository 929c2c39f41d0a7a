// A model store as its readers see it: which models there are and where their files lie. It opens no session
// (`open-model.ts`) and builds nothing (the zoo).
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { findModel, readManifest, type Manifest, type StoredFile, type StoredModel } from './manifest.ts';

export class ModelStore {
  readonly directory: string;
  readonly manifest: Manifest;

  private constructor(directory: string, manifest: Manifest) {
    this.directory = directory;
    this.manifest = manifest;
  }

  /** @throws AppError MODEL_STORE_MISSING, MODEL_CORRUPT */
  static async open(directory: string): Promise<ModelStore> {
    return new ModelStore(directory, await readManifest(directory));
  }

  /**
   * Finds `name` or `name@version`.
   * @throws AppError MODEL_MISSING, naming what there is.
   */
  find(reference: string): StoredModel {
    const model = findModel(this.manifest, reference);
    if (model !== undefined) return model;
    const present = this.manifest.models.map(({ name, version }) => `${name}@${version}`).join(', ') || 'nothing';
    throw new AppError('MODEL_MISSING', `There is no model ${reference} in ${this.directory}, which has ${present}.`, 'Build it: npm run models -- build');
  }

  /** Absolute path of a file of the manifest. */
  pathOf(file: StoredFile | string): string {
    return path.resolve(this.directory, typeof file === 'string' ? file : file.path);
  }
}
