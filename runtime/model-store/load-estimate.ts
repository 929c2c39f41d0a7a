// First guesses of what loading an action's artifacts takes, out of the model store's measurements where it has them. The
// scheduler replaces them by what it measures.
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ActionDocument } from '../../common/action-document.ts';
import type { LoadEstimate } from '../../common/load-estimate.ts';
import { partNames } from '../diffusion/part.ts';
import { declaredBy } from '../protocol.ts';
import { currentFormKey } from './form-key.ts';
import { findModel, manifestFileName, manifestSchema, type Manifest, type StoredFile } from './manifest.ts';
import { externalBytesOf } from './resident-bytes.ts';

/** A slot holds a Node.js process and ONNX Runtime beside the model. */
const slotBaseBytes = 48 * 1024 * 1024;
/** Of a model that nothing is known of. */
const unknown: LoadEstimate = { loadMs: 500, residentBytes: 64 * 1024 * 1024 };

/** Of a store that is not there, or cannot be read, nothing is known; it may come, and grow, while others ask. */
export function estimatorOf(modelStore: string | undefined): (action: ActionDocument) => LoadEstimate {
  const current = modelStore === undefined ? () => undefined : newestManifest(path.join(modelStore, manifestFileName));
  return (action) => {
    const manifest = current();
    const { models, pipelines = [] } = declaredBy(action.annotations['preload']);
    const references = [...models.map(({ store }) => store), ...pipelines.flatMap(({ store }) => partNames.map((part) => store?.replace(/(?=@|$)/, `/${part}`)))];
    const estimates = references.map((store) => (manifest === undefined || store === undefined ? unknown : estimateOf(manifest, store)));
    return {
      loadMs: estimates.reduce((sum, { loadMs }) => sum + loadMs, 0),
      residentBytes: estimates.reduce((sum, { residentBytes }) => sum + residentBytes, slotBaseBytes),
      ...(manifest === undefined ? {} : { files: filesRead(manifest, references) }),
    };
  };
}

/** Names a file by its content: 64 bits of its checksum. */
export const fileIdOf = ({ sha256 }: StoredFile): string => sha256.slice(0, 16);

/** What loads of these models read on this machine: the loading form where there is one for it. */
function filesRead(manifest: Manifest, references: readonly (string | undefined)[]): readonly { readonly id: string; readonly bytes: number }[] {
  const models = references.flatMap((reference) => (reference === undefined ? undefined : findModel(manifest, reference)) ?? []);
  const files = models.flatMap(({ plain, externalData = [], form }) => (form?.key === currentFormKey() ? form.files : [plain, ...externalData]));
  return [...new Map(files.map((file) => [fileIdOf(file), { id: fileIdOf(file), bytes: file.bytes }])).values()];
}

/** Reads the file again when it has changed; blocks for as long as that takes, once for each change. */
export function newestManifest(file: string): () => Manifest | undefined {
  let readAt = 0;
  let manifest: Manifest | undefined;
  return () => {
    const changedAt = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (changedAt === readAt) return manifest;
    readAt = changedAt ?? 0;
    manifest = changedAt === undefined ? undefined : parsedManifest(file);
    return manifest;
  };
}

function parsedManifest(file: string): Manifest | undefined {
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Whoever loads from it says what is wrong with it.
    return undefined;
  }
}

function estimateOf(manifest: Manifest, reference: string): LoadEstimate {
  const model = findModel(manifest, reference);
  if (model === undefined) return unknown;
  const measured = model.form?.measured;
  const [plainBytes, externalBytes] = [model.plain.bytes, externalBytesOf(model)];
  // Without a measured form: read at 200 MB a second, and held twice, or once where the weights are mapped.
  return measured === undefined
    ? { loadMs: (plainBytes + externalBytes) / 200_000, residentBytes: 2 * plainBytes + externalBytes }
    : { loadMs: measured.aheadLoadMs + measured.firstRunMs, residentBytes: measured.privateBytes };
}
