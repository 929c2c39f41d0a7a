// The manifest of a model store as a file, without its schema: for slots and for proxies at rest, which have no room for
// the library that checks it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import type { Manifest, SampleInput, StoredFile, StoredModel } from './manifest.ts';

/** File name of the manifest in the store's folder. */
export const manifestFileName = 'manifest.json';

/** @throws AppError MODEL_STORE_MISSING when there is no such file, MODEL_CORRUPT when it is not JSON */
export async function readManifestFile(storeDir: string): Promise<unknown> {
  const file = path.join(storeDir, manifestFileName);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    // The slots of one container have users of their own.
    if (cause instanceof Error && 'code' in cause && cause.code === 'EACCES') throw new AppError('MODEL_STORE_MISSING', `The model store at ${storeDir} may not be read.`, `Let every user read it: chmod -R a+rX ${storeDir}, and a+x for the folders it is in.`, { cause });
    throw new AppError('MODEL_STORE_MISSING', `There is no model store at ${storeDir}.`, 'Build it: npm run models -- build', { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('MODEL_CORRUPT', `${file} is not JSON.`, 'Delete it and build again: npm run models -- build', { cause });
  }
}

/**
 * A manifest as it is, with the schema's defaults: for a slot, which reads what the operator has built and the proxy
 * checks. What a wrong one does, it does to the action that asks for a model.
 * @throws AppError MODEL_STORE_MISSING, MODEL_CORRUPT
 */
export async function readTrustedManifest(storeDir: string): Promise<Manifest> {
  const json = (await readManifestFile(storeDir)) as Partial<Manifest> | null;
  if (json?.formatVersion !== 1 || !Array.isArray(json.models)) throw new AppError('MODEL_CORRUPT', `${path.join(storeDir, manifestFileName)} is not a manifest.`, 'Delete that folder and build it again: npm run models -- build');
  return { formatVersion: 1, models: json.models.map(withDefaults), ...(json.pipelines === undefined ? {} : { pipelines: json.pipelines }) };
}

function withDefaults(model: Omit<StoredModel, 'attachments' | 'sampleInputs'> & { readonly attachments?: StoredModel['attachments']; readonly sampleInputs: Readonly<Record<string, Omit<SampleInput, 'fill'> & { readonly fill?: number }>> }): StoredModel {
  const sampleInputs = Object.fromEntries(Object.entries(model.sampleInputs).map(([name, input]) => [name, { ...input, fill: input.fill ?? 0 }]));
  return { ...model, attachments: model.attachments ?? [], sampleInputs };
}

/** `name@version`. */
export const referenceOf = ({ name, version }: Pick<StoredModel, 'name' | 'version'>): string => `${name}@${version}`;

/** Every file of a model, in every form. */
export function filesOfModel({ plain, externalData = [], form, attachments }: StoredModel): readonly StoredFile[] {
  return [plain, ...externalData, ...(form?.files ?? []), ...attachments];
}

/** Finds `name` or `name@version` in a manifest; without a version, the last one listed. */
export function findModel(manifest: Manifest, reference: string): StoredModel | undefined {
  const [name, version] = reference.split('@');
  return manifest.models.findLast((model) => model.name === name && (version === undefined || model.version === version));
}
