// Compares every file of a model store, those of its pipelines included, with the size and the SHA-256 in its manifest. It repairs nothing.
// A tokenizer may be the user's: who imports trained weights puts theirs in place of the zoo's stand-in (docs/diffusion.md).
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { filesOfModel, readManifest, type StoredFile } from '../../runtime/model-store/manifest.ts';
import { sha256Of } from './file-digest.ts';
import type { KnownFiles } from './known-files.ts';

export interface VerifiedModel {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
  /** One line for each file that is not what it should be. */
  readonly problems: readonly string[];
  /** Files of a tokenizer that is not the one the zoo made. */
  readonly replaced: readonly string[];
}

async function problemOf(directory: string, file: StoredFile, known: KnownFiles | undefined): Promise<string | undefined> {
  if (known?.has(file) === true) return undefined;
  const absolute = path.join(directory, file.path);
  const bytes = statSync(absolute, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) return `${file.path} is missing`;
  if (bytes !== file.bytes) return `${file.path} has ${bytes} bytes, not ${file.bytes}`;
  if ((await sha256Of(absolute)) !== file.sha256) return `${file.path} has another SHA-256`;
  known?.add(file);
  return undefined;
}

/** Whether a file belongs to a tokenizer, and can be one that a user put there: all of it that is JSON can be read. */
function mayBeUsers(directory: string, { path: file }: StoredFile): boolean {
  const absolute = path.join(directory, file);
  const isOfTokenizer = path.basename(path.dirname(file)) === 'tokenizer' || path.basename(file) === 'tokenizer.json';
  if (!isOfTokenizer) return false;
  // The stand-in's goes before the two, so it is taken away where they are put.
  if (!existsSync(absolute)) return path.basename(file) === 'tokenizer.json' && ['vocab.json', 'merges.txt'].every((other) => existsSync(path.join(path.dirname(absolute), other)));
  if (!file.endsWith('.json')) return statSync(absolute).size > 0;
  try {
    JSON.parse(readFileSync(absolute, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads every file of the store, or with `known` those that changed since they were found sound; calls back after each model.
 * @throws AppError MODEL_STORE_MISSING, MODEL_CORRUPT when the manifest cannot be read
 */
export async function verifyStore(directory: string, onModel?: (model: VerifiedModel) => void, known?: KnownFiles): Promise<VerifiedModel[]> {
  const manifest = await readManifest(directory);
  const verified: VerifiedModel[] = [];
  const ofModels = manifest.models.map((model) => ({ name: model.name, files: filesOfModel(model) }));
  for (const { name, files } of [...ofModels, ...(manifest.pipelines ?? [])]) {
    const [problems, replaced]: [string[], string[]] = [[], []];
    for (const file of files) {
      const problem = await problemOf(directory, file, known);
      if (problem === undefined) continue;
      if (mayBeUsers(directory, file)) replaced.push(file.path);
      else problems.push(problem);
    }
    const model = { name, files: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0), problems, replaced };
    verified.push(model);
    onModel?.(model);
  }
  await known?.save();
  return verified;
}

/** @throws AppError MODEL_CORRUPT naming the files that are not what they should be, if there are any. */
export function requireSound(models: readonly VerifiedModel[]): void {
  const corrupt = models.filter(({ problems }) => problems.length > 0);
  if (corrupt.length === 0) return;
  // A part is built with its pipeline.
  const names = [...new Set(corrupt.map(({ name }) => `--only ${name.split('/')[0]}`))].join(' ');
  throw new AppError('MODEL_CORRUPT', `${corrupt.flatMap(({ problems }) => problems).join('; ')}.`, `Build again: npm run models -- build --force ${names}`);
}
