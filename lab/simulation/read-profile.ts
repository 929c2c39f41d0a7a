// Reads a profile of measured latencies from a file.
import { readFile } from 'node:fs/promises';
import { AppError } from '../../common/errors.ts';
import { profileSchema, type Profile } from './profile.ts';

/** Throws AppError BAD_PROFILE where the file cannot be read, is no JSON, or breaks the schema. */
export async function readProfile(file: string): Promise<Profile> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('BAD_PROFILE', `Profile ${file} cannot be read (${reason}).`, 'Give the profile.json of a live run.', { cause });
  }
  const parsed = profileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? 'the file' : issue.path.join('.');
  throw new AppError('BAD_PROFILE', `Profile ${file}, ${where}: ${issue?.message ?? 'invalid'}.`, 'Give the profile.json of a live run.');
}
