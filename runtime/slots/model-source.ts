// Where a slot's models come from: entries of the model store, and files of the action's own archive. It finds and
// opens them; what is resident, and whose time it cost, is `artifact-registry.ts`'s work.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type * as Onnx from 'onnxruntime-node';
import type { InferenceSession } from 'onnxruntime-node';
import type { Artifacts } from '../protocol.ts';
import { findModel } from '../model-store/manifest-file.ts';
import type { SampleInput, StoredModel } from '../model-store/manifest.ts';
import { ModelStore } from '../model-store/model-store.ts';
import { openModel, openModelFile, planOpening, warmUp, zeroInputs, type OpenMode } from '../model-store/open-model.ts';
import { evictFromPageCache } from '../model-store/page-cache.ts';

const warmUpRuns = 2;

export type OnnxRuntime = typeof Onnx;

/** A model that can be opened: by its entry in the store, or as a plain file of the archive. */
export type OpenableModel =
  | { readonly name: string; readonly plainPath: string; readonly store: ModelStore; readonly entry: StoredModel }
  | { readonly name: string; readonly plainPath: string; readonly store: undefined };

/** The action asks for something that is not there; the message says what was looked for, and where. */
export class MissingArtifactError extends Error {}

export class ModelSource {
  private readonly storeDir: string | undefined;
  private store: Promise<ModelStore> | undefined;

  constructor(storeDir: string | undefined) {
    this.storeDir = storeDir;
  }

  /** Reads the store's manifest ahead of the first question; a store that is not there is reported to who asks for a model. */
  async prepare(): Promise<void> {
    await this.openStore()?.catch(() => undefined);
  }

  /**
   * @param artifacts what the action declares; a name it does not declare is looked up in the store as it is
   * @param actionDir folder that declared paths are relative to
   * @throws MissingArtifactError, AppError MODEL_MISSING, MODEL_STORE_MISSING, MODEL_CORRUPT
   */
  async find(name: string, artifacts: Artifacts, actionDir: string): Promise<OpenableModel> {
    const declared = artifacts.models.find((model) => model.name === name);
    if (declared?.path !== undefined) return { name, plainPath: fileOfArchive(name, declared.path, actionDir), store: undefined };
    const reference = declared?.store ?? name;
    const store = await this.storeWith(reference);
    if (store === undefined) {
      throw new MissingArtifactError(`There is no model "${name}": the action's archive declares no file for it, and this runtime has no model store (INSTAINFER_MODEL_STORE).`);
    }
    const entry = store.find(reference);
    return { name, plainPath: store.pathOf(entry.plain), store, entry };
  }

  /** As it was when this slot first looked, unless it has changed since in what is asked for. */
  private async storeWith(reference: string): Promise<ModelStore | undefined> {
    const store = await this.openStore();
    const entry = store === undefined ? undefined : findModel(store.manifest, reference);
    if (store === undefined || (entry !== undefined && existsSync(store.pathOf(entry.plain)))) return store;
    this.store = undefined;
    return this.openStore();
  }

  private openStore(): Promise<ModelStore> | undefined {
    if (this.storeDir === undefined || this.store !== undefined) return this.store;
    const opening = ModelStore.openTrusted(this.storeDir);
    this.store = opening;
    // A slot may be older than the store: the next one to ask tries again.
    opening.catch(() => {
      this.store = undefined;
    });
    return opening;
  }
}

function fileOfArchive(name: string, relativePath: string, actionDir: string): string {
  const file = path.resolve(actionDir, relativePath);
  if (!file.startsWith(actionDir + path.sep) || !existsSync(file)) {
    throw new MissingArtifactError(`The model "${name}" is declared as "${relativePath}", but the action's archive has no such file.`);
  }
  return file;
}

/**
 * Opens a session. A load ahead of a call ends with warm-up runs, so that the first real call finds nothing left to do:
 * the first run pages the weights in and records what memory it needs, the second lays that memory out.
 */
export async function openSession(ort: OnnxRuntime, model: OpenableModel, mode: OpenMode): Promise<InferenceSession> {
  const { session } = model.store === undefined ? await openModelFile(ort, model.plainPath, mode) : await openModel(ort, model.store, model.entry, mode);
  if (mode === 'ahead') {
    const inputs = model.store === undefined ? zeroInputs(session) : model.entry.sampleInputs;
    for (let run = 0; run < warmUpRuns; run++) await warmUp(session, inputs, ort);
  }
  return session;
}

/** Empties the page cache of the files that opening this model would read. */
export async function evictModel(model: OpenableModel, mode: OpenMode): Promise<void> {
  const { store } = model;
  await evictFromPageCache(store === undefined ? [model.plainPath] : planOpening(store, model.entry, mode).files.map((file) => store.pathOf(file)));
}

export function sampleInputsOf(model: OpenableModel): Record<string, SampleInput> {
  return model.store === undefined ? {} : model.entry.sampleInputs;
}

/**
 * Absolute path of a file stored with the model, such as a tokenizer's vocabulary.
 * @throws MissingArtifactError
 */
export function attachmentOf(model: OpenableModel, fileName: string): string {
  const file = model.store === undefined ? undefined : model.entry.attachments.find((attachment) => path.basename(attachment.path) === fileName);
  if (model.store === undefined || file === undefined) throw new MissingArtifactError(`The model "${model.name}" has no file "${fileName}" in the model store.`);
  return model.store.pathOf(file);
}
