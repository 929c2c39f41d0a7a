// Remembers which files of a store were found sound, so that only those that have changed since are read again. It trusts
// size, time and inode of a file: whoever can forge those can forge the manifest as well.
import { statSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { StoredFile } from '../../runtime/model-store/manifest.ts';

const fileName = 'verified.json';
const signaturesSchema = z.record(z.string(), z.string());

export class KnownFiles {
  private readonly directory: string;
  private readonly signatures: Record<string, string>;

  private constructor(directory: string, signatures: Record<string, string>) {
    this.directory = directory;
    this.signatures = signatures;
  }

  /** What was remembered of a store; nothing where that cannot be read, which costs a reading of the files and no more. */
  static async open(directory: string): Promise<KnownFiles> {
    const text = await readFile(path.join(directory, fileName), 'utf8').catch(() => '{}');
    try {
      return new KnownFiles(directory, signaturesSchema.parse(JSON.parse(text)));
    } catch {
      return new KnownFiles(directory, {});
    }
  }

  /** Whether the file was found sound with this very content. */
  has(file: StoredFile): boolean {
    const signature = this.signatureOf(file);
    return signature !== undefined && this.signatures[file.path] === signature;
  }

  /** To be called for a file that was found sound. */
  add(file: StoredFile): void {
    const signature = this.signatureOf(file);
    if (signature !== undefined) this.signatures[file.path] = signature;
  }

  async save(): Promise<void> {
    const file = path.join(this.directory, fileName);
    await writeFile(`${file}.${process.pid}`, JSON.stringify(this.signatures, undefined, 2));
    await rename(`${file}.${process.pid}`, file);
  }

  private signatureOf(file: StoredFile): string | undefined {
    const found = statSync(path.join(this.directory, file.path), { throwIfNoEntry: false });
    return found === undefined ? undefined : `${file.sha256} ${found.size} ${found.mtimeMs} ${found.ino}`;
  }
}
