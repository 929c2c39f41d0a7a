// Opens the store of a folder that may have no manifest: then it holds pipelines as they were exported, and nothing else.
import { AppError } from '../../common/errors.ts';
import { ModelStore } from './model-store.ts';

/** A folder without a manifest is a store of plain pipelines. */
export async function openStoreIfAny(directory: string, open: (directory: string) => Promise<ModelStore>): Promise<ModelStore | undefined> {
  try {
    return await open.call(ModelStore, directory);
  } catch (error) {
    if (error instanceof AppError && error.code === 'MODEL_STORE_MISSING') return undefined;
    throw error;
  }
}
