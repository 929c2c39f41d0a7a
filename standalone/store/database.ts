// The folder that a standalone system keeps its entities and activations in: one LevelDB database, opened by one process.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { AppError, describeError } from '../../common/errors.ts';

/** Keys and values are texts; keys sort by their bytes. */
export type Database = ClassicLevel<string, string>;

/** Between the parts of a key: no name of OpenWhisk's can hold it, and it sorts before everything that one can. */
export const separator = '!';

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Opens the database in `folder`, which is created where it is missing.
 * @throws AppError DATA_FOLDER_IN_USE when another process has it open, DATA_FOLDER when it cannot be used
 */
export async function openDatabase(folder: string): Promise<Database> {
  const location = path.join(folder, 'database');
  const database: Database = new ClassicLevel(location, { keyEncoding: 'utf8', valueEncoding: 'utf8' });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await database.open();
    return database;
  } catch (error) {
    const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (codeOf(cause) === 'LEVEL_LOCKED') {
      throw new AppError('DATA_FOLDER_IN_USE', `Another standalone server uses the data folder ${folder}.`, 'Stop that one, or give this one a folder of its own with --data.', { cause });
    }
    throw new AppError('DATA_FOLDER', `The data folder ${folder} cannot be used: ${describeError(cause)}.`, 'Give a folder that can be written with --data, or move a damaged one away.', { cause });
  }
}
