// Finds a pipeline of a model store: its folder, and for each network the file it is opened from. A network with an entry
// in the manifest, `<pipeline>/<part>`, may have a loading form; the others are plain files. It opens nothing.
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { corruptPipeline } from '../diffusion/corrupt-pipeline.ts';
import { partNames, type PartName } from '../diffusion/part.ts';
import { currentFormKey } from './form-key.ts';
import { findModel } from './manifest-file.ts';
import type { StoredModel } from './manifest.ts';
import type { ModelStore } from './model-store.ts';
import { checkSizes, planOpening, quietOptions, type OpenMode } from './open-model.ts';
import { externalBytesOf, predictPlainResidentBytes } from './resident-bytes.ts';

export interface LocatedPart {
  readonly name: PartName;
  /** Absolute. */
  readonly plainFile: string;
  readonly plainBytes: number;
  /** Of the files around it: external data may have any name. */
  readonly externalBytes: number;
  readonly stored: { readonly store: ModelStore; readonly entry: StoredModel } | undefined;
}

export interface LocatedPipeline {
  /** Absolute. */
  readonly folder: string;
  readonly parts: readonly LocatedPart[];
}

/** A folder's name and perhaps a version: what comes from an action must not lead out of the store. */
const referencePattern = /^(?!\.)[\w.-]{1,200}(?:@[\w.-]{1,100})?$/;

/**
 * @param store undefined where the store has no manifest
 * @param reference `name` or `name@version`
 * @throws AppError MODEL_MISSING, PIPELINE_CORRUPT naming the part that is missing
 */
export function findPipeline(storeDir: string, store: ModelStore | undefined, reference: string): LocatedPipeline {
  const [name = '', version] = reference.split('@');
  const missing = (): AppError => new AppError('MODEL_MISSING', `There is no pipeline ${reference.slice(0, 300)} in ${storeDir}.`, 'Put its folder, with model_index.json, into the model store, or build it with the zoo.');
  if (!referencePattern.test(reference)) throw missing();
  const entries = new Map<PartName, StoredModel>();
  for (const part of partNames) {
    const entry = store && findModel(store.manifest, `${name}/${part}${version === undefined ? '' : `@${version}`}`);
    if (entry !== undefined) entries.set(part, entry);
  }
  const [known] = entries.values();
  if (store === undefined || known === undefined) {
    const folder = path.join(path.resolve(storeDir), name);
    if (!existsSync(path.join(folder, 'model_index.json'))) throw missing();
    return pipelineIn(folder);
  }
  const folder = path.dirname(path.dirname(store.pathOf(known.plain)));
  const parts = partNames.map((part): LocatedPart => {
    const entry = entries.get(part);
    if (entry === undefined) return plainPart(folder, part);
    const plainFile = store.pathOf(entry.plain);
    const around = bytesAround(plainFile, entry.form?.files.map((file) => store.pathOf(file)) ?? []);
    return { name: part, plainFile, plainBytes: entry.plain.bytes, externalBytes: Math.max(externalBytesOf(entry), around), stored: { store, entry } };
  });
  return { folder, parts };
}

/**
 * A folder as it was exported, with plain files only.
 * @throws AppError PIPELINE_CORRUPT naming the part that is missing
 */
export function pipelineIn(folder: string): LocatedPipeline {
  return { folder, parts: partNames.map((part) => plainPart(folder, part)) };
}

function plainPart(folder: string, name: PartName): LocatedPart {
  const plainFile = path.join(folder, name, 'model.onnx');
  if (!existsSync(plainFile)) throw corruptPipeline(`${name}/model.onnx of the pipeline ${folder} is missing`);
  return { name, plainFile, plainBytes: sizeOf(plainFile), externalBytes: bytesAround(plainFile, []), stored: undefined };
}

/**
 * What lies beside a plain file and in folders beside it, where ONNX lets external data lie. Links count as what they lead to:
 * the cache of a model hub has nothing else.
 */
function bytesAround(plainFile: string, formFiles: readonly string[]): number {
  const folder = path.dirname(plainFile);
  const others = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name));
  return others.filter((file) => file !== plainFile && !formFiles.includes(file)).reduce((sum, file) => sum + sizeOf(file), 0);
}

/** Of a file; 0 for everything else. */
function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true ? found.size : 0;
}

export interface PartOpening {
  /** Absolute. */
  readonly file: string;
  readonly sessionOptions: Readonly<Record<string, unknown>>;
  readonly fileBytes: number;
  /** Absolute paths of everything that is read. */
  readonly files: readonly string[];
}

/**
 * How a part is opened here: in its loading form where there is one for this machine.
 * @throws AppError MODEL_CORRUPT when a file has not the size it should have
 */
export function planPartOpening({ name, plainFile, plainBytes, externalBytes, stored }: LocatedPart, mode: OpenMode): PartOpening {
  if (!existsSync(plainFile)) throw corruptPipeline(`${name}/model.onnx is missing (${plainFile})`);
  if (stored === undefined) return { file: plainFile, sessionOptions: mode === 'stock' ? {} : quietOptions, fileBytes: plainBytes + externalBytes, files: [plainFile] };
  const { store, entry } = stored;
  const opening = planOpening(store, entry, mode);
  checkSizes(store, entry, opening.files);
  const fileBytes = opening.form === 'plain' ? plainBytes + externalBytes : opening.files.reduce((sum, file) => sum + file.bytes, 0);
  return { file: store.pathOf(opening.file), sessionOptions: opening.sessionOptions, fileBytes, files: opening.files.map((file) => store.pathOf(file)) };
}

/** Private bytes that a part will cost, its first inference included. */
export function predictPartBytes({ plainBytes, externalBytes, stored }: LocatedPart, mode: OpenMode): number {
  const form = mode === 'stock' ? undefined : stored?.entry.form;
  return form?.key === currentFormKey() ? form.measured.privateBytes : predictPlainResidentBytes(plainBytes, externalBytes);
}
