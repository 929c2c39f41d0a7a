// First guesses of what loading an action's artifacts takes, out of the model store's measurements where it has them. The
// scheduler replaces them by what it measures.
import type { ActionDocument } from '../../common/action-document.ts';
import type { LoadEstimate } from '../../common/load-estimate.ts';
import { partNames } from '../diffusion/part.ts';
import { artifactsSchema } from '../protocol.ts';
import { findModel, readManifest, type Manifest } from './manifest.ts';


/** A slot holds a Node.js process and ONNX Runtime beside the model. */
const slotBaseBytes = 48 * 1024 * 1024;
/** Of a model that nothing is known of. */
const unknown: LoadEstimate = { loadMs: 500, residentBytes: 64 * 1024 * 1024 };

/** @throws AppError MODEL_STORE_MISSING */
export async function estimatorOf(modelStore: string | undefined): Promise<(action: ActionDocument) => LoadEstimate> {
  const manifest = modelStore === undefined ? undefined : await readManifest(modelStore);
  return (action) => {
    const artifacts = artifactsSchema.safeParse(action.annotations['preload']);
    const { models, pipelines = [] } = artifacts.success ? artifacts.data : { models: [] };
    const references = [...models.map(({ store }) => store), ...pipelines.flatMap(({ store }) => partNames.map((part) => store?.replace(/(?=@|$)/, `/${part}`)))];
    const estimates = references.map((store) => (manifest === undefined || store === undefined ? unknown : estimateOf(manifest, store)));
    return {
      loadMs: estimates.reduce((sum, { loadMs }) => sum + loadMs, 0),
      residentBytes: estimates.reduce((sum, { residentBytes }) => sum + residentBytes, slotBaseBytes),
    };
  };
}

function estimateOf(manifest: Manifest, reference: string): LoadEstimate {
  const model = findModel(manifest, reference);
  if (model === undefined) return unknown;
  const measured = model.form?.measured;
  // Without a measured form: read at 200 MB a second, and held twice.
  return measured === undefined
    ? { loadMs: model.plain.bytes / 200_000, residentBytes: 2 * model.plain.bytes }
    : { loadMs: measured.aheadLoadMs + measured.firstRunMs, residentBytes: measured.privateBytes };
}
