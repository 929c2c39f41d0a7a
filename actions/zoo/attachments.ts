// The files that belong to a model of the zoo beside its weights: BERT's tokenizer. Users replace it with the published
// one when they import trained weights.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildTokenizerJson } from '../bert-vocabulary/build-tokenizer.ts';
import type { StoredFile } from '../../runtime/model-store/manifest.ts';
import type { ModelName } from './architectures/index.ts';
import { describeFile } from './file-digest.ts';
import type { StoreWriter } from './store-writer.ts';

const contentOf: Readonly<Partial<Record<ModelName, Readonly<Record<string, () => string>>>>> = {
  'bert-base': { 'tokenizer.json': buildTokenizerJson },
};

/** Whether a recorded model has every attachment the zoo gives it. */
export function hasAttachments(name: ModelName, recorded: readonly StoredFile[]): boolean {
  return Object.keys(contentOf[name] ?? {}).every((file) => recorded.some(({ path: recordedPath }) => path.basename(recordedPath) === file));
}

/** Writes a model's attachments into `folder` and moves them to their place in the store. */
export async function installAttachments(store: StoreWriter, name: ModelName, folder: string): Promise<StoredFile[]> {
  const attachments: StoredFile[] = [];
  for (const [fileName, content] of Object.entries(contentOf[name] ?? {})) {
    const file = path.join(folder, fileName);
    await writeFile(file, content());
    const described = await describeFile(file, `${name}/${fileName}`);
    await store.moveIntoPlace(file, described.path);
    attachments.push(described);
  }
  return attachments;
}
