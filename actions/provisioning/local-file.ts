// A file of this machine as a source of models: its checksum where nobody gave one, and its copy, put in place only when it is
// the file that was meant.
import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../common/errors.ts';
import { sha256Of } from '../zoo/file-digest.ts';
import { asDiskError } from '../zoo/file-sink.ts';

const unreadable = (url: URL, cause: unknown): AppError => new AppError('DOWNLOAD_REFUSED', `${url.href} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, 'Correct the path.', { cause });

/** @throws AppError DOWNLOAD_REFUSED */
export async function checksumOfFile(url: URL): Promise<string> {
  return sha256Of(fileURLToPath(url)).catch((thrown: unknown) => {
    throw unreadable(url, thrown);
  });
}

export interface CopyOptions {
  readonly url: URL;
  readonly sha256: string;
  readonly folder: string;
  readonly maxBytes: number;
  /** Refuses what the disk has no room for. */
  readonly requireFreeBytes: (bytes: number) => Promise<void>;
}

/** Resolves to the copy. @throws AppError DOWNLOAD_REFUSED, DISK_FULL */
export async function copyIn({ url, sha256, folder, maxBytes, requireFreeBytes }: CopyOptions): Promise<string> {
  const file = fileURLToPath(url);
  const { size } = await stat(file).catch((thrown: unknown) => {
    throw unreadable(url, thrown);
  });
  if (size > maxBytes) throw new AppError('DOWNLOAD_REFUSED', `${url.href} has ${size} bytes; at most ${maxBytes} are allowed.`, 'Check the path, or allow more with --max-bytes.');
  await requireFreeBytes(size);
  await mkdir(folder, { recursive: true });
  const [part, whole] = [path.join(folder, `${sha256}.part`), path.join(folder, sha256)];
  try {
    await copyFile(file, part);
    // Of the copy: the file may have changed meanwhile.
    if ((await sha256Of(part)) !== sha256) throw new AppError('DOWNLOAD_REFUSED', `${url.href} has another SHA-256 than ${sha256}.`, 'Check the path and the checksum.');
    await rename(part, whole);
  } catch (thrown) {
    await rm(part, { force: true });
    throw asDiskError(thrown, part);
  }
  return whole;
}
