// A file being written: counts bytes, hashes them on the way, and turns a full disk into an error a person can act on.
// Where the file belongs and what becomes of a half-written one is its caller's business.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { AppError } from '../../common/errors.ts';

/** What is needed of a file handle; tests pass one whose disk is full. */
export interface WritableHandle {
  write(bytes: Uint8Array): Promise<{ bytesWritten: number }>;
  close(): Promise<void>;
}

export type OpenForWriting = (file: string) => Promise<WritableHandle>;

/** Opens a new file; fails if it is there already. */
export const openForWriting: OpenForWriting = async (file) => {
  const handle = await open(file, 'wx');
  return { write: (bytes) => handle.write(bytes), close: () => handle.close() };
};

export function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === code;
}

/** DISK_FULL for what says that there is no space (or quota) left, anything else as it was. */
export function asDiskError(thrown: unknown, file: string): unknown {
  if (!hasCode(thrown, 'ENOSPC') && !hasCode(thrown, 'EDQUOT')) return thrown;
  return new AppError('DISK_FULL', `The disk is full: ${file} cannot be written.`, 'Free some space, or choose another disk with --dir, and run the same command again.', { cause: thrown });
}

export class FileSink {
  readonly #file: string;
  readonly #handle: WritableHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  private constructor(file: string, handle: WritableHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  static async create(file: string, openFile: OpenForWriting = openForWriting): Promise<FileSink> {
    try {
      return new FileSink(file, await openFile(file));
    } catch (thrown) {
      throw asDiskError(thrown, file);
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws AppError DISK_FULL */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#handle.write(bytes.subarray(done))).bytesWritten;
      }
    } catch (thrown) {
      throw asDiskError(thrown, this.#file);
    }
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }

  /** Closes the file; resolves to its SHA-256 in hex. */
  async finish(): Promise<string> {
    await this.#handle.close();
    return this.#hash.digest('hex');
  }

  /** Closes the file after a failure; what went wrong is already being reported. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }
}
