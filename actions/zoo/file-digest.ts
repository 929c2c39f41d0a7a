// Size and checksum of files that exist already, for the manifest. Files being written are hashed by `file-sink.ts`.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { StoredFile } from '../../runtime/model-store/manifest.ts';

const readBytes = 1 << 20;

/** SHA-256 of a file, in hex. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: readBytes })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Describes a file for the manifest under the path it will have there. */
export async function describeFile(file: string, recordedPath: string): Promise<StoredFile> {
  return { path: recordedPath, bytes: (await stat(file)).size, sha256: await sha256Of(file) };
}
