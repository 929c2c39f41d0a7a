// Reads files of a model store into the host's page cache, ahead of loads: from end to end, at a bounded rate, so that calls
// keep the disk and the processors. Node.js has no posix_fadvise; reading does the same, for a copy through a small buffer.
import { readFileSync } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../common/errors.ts';
import { fetchedBytes } from '../fetched-bytes.ts';
import { ControlGroups } from '../memory.ts';
import { fileIdOf, newestManifest } from './load-estimate.ts';
import { filesOfModel, manifestFileName } from './manifest.ts';

const chunkBytes = 1 << 20;
/** Between two looks at the memory. */
const bytesPerLook = 32 * chunkBytes;
/** Memory that is left alone, as a share of the machine's. */
const spareShare = 0.05;

interface Progress {
  readonly id: string;
  bytes: number;
}

export interface FilesRead {
  readonly outcome: 'read' | 'stopped' | 'memory';
  /** How far each was read, from its beginning. */
  readonly files: readonly Readonly<Progress>[];
  /** What came from the disk; absent where the kernel does not count it. */
  readonly diskBytes?: number;
}

export class FileReader {
  private readonly directory: string;
  private readonly manifest: ReturnType<typeof newestManifest>;
  private readonly groups = new ControlGroups();

  /** @param directory of the store */
  constructor(directory: string) {
    this.directory = path.resolve(directory);
    this.manifest = newestManifest(path.join(this.directory, manifestFileName));
  }

  /**
   * Memory that files may take: free, or held by page cache that the kernel can take back, on the machine and in the control
   * groups of this process, which is charged for what it reads. Undefined where the kernel does not say.
   */
  cacheableBytes(): number | undefined {
    const availableBytes = machineAvailableBytes();
    if (availableBytes === undefined) return undefined;
    return Math.max(0, Math.min(availableBytes, ...this.groups.read().map(({ limitBytes, usedBytes }) => limitBytes - usedBytes)));
  }

  /**
   * Reads the files, one after the other, until told to stop or until memory is short.
   * @throws AppError MODEL_MISSING for a file that the store does not have; whatever reading throws
   */
  async read(ids: readonly string[], bytesPerSecond: number, signal: AbortSignal): Promise<FilesRead> {
    const fetchedBefore = fetchedBytes();
    const progress = ids.map((id): Progress => ({ id, bytes: 0 }));
    const pace = paced(bytesPerSecond, signal);
    const buffer = Buffer.allocUnsafe(chunkBytes);
    const ended = (outcome: FilesRead['outcome']): FilesRead => {
      const fetchedAfter = fetchedBytes();
      return { outcome, files: progress, ...(fetchedBefore === undefined || fetchedAfter === undefined ? {} : { diskBytes: Math.max(0, fetchedAfter - fetchedBefore) }) };
    };
    for (const file of progress) {
      const handle = await open(await this.pathOf(file.id));
      try {
        for (;;) {
          if (signal.aborted) return ended('stopped');
          if (file.bytes % bytesPerLook === 0 && this.isMemoryShort()) return ended('memory');
          const { bytesRead } = await handle.read(buffer, 0, chunkBytes, null);
          if (bytesRead === 0) break;
          file.bytes += bytesRead;
          await pace(bytesRead);
        }
      } finally {
        await handle.close();
      }
    }
    return ended('read');
  }

  private isMemoryShort(): boolean {
    const cacheableBytes = this.cacheableBytes();
    return cacheableBytes !== undefined && cacheableBytes < spareShare * os.totalmem();
  }

  /** A file of the manifest that lies in the store, whatever a link says. */
  private async pathOf(id: string): Promise<string> {
    const stored = this.manifest()?.models.flatMap(filesOfModel).find((file) => fileIdOf(file) === id);
    const missing = (): AppError => new AppError('MODEL_MISSING', `There is no file ${id} in the model store ${this.directory}.`, 'Build the model again: npm run models -- build');
    if (stored === undefined) throw missing();
    const root = await realpath(this.directory);
    const file = await realpath(path.join(root, stored.path));
    if (!file.startsWith(root + path.sep)) throw missing();
    return file;
  }
}

/** Waits until as much time has passed as so many bytes may take; ends at once when told to stop. */
function paced(bytesPerSecond: number, signal: AbortSignal): (bytes: number) => Promise<void> {
  const startedAt = performance.now();
  let total = 0;
  return async (bytes) => {
    total += bytes;
    const aheadMs = (1000 * total) / bytesPerSecond - (performance.now() - startedAt);
    if (aheadMs > 0) await sleep(aheadMs, undefined, { signal }).catch(() => undefined);
  };
}

/** Free, or held by page cache that the kernel can take back. */
function machineAvailableBytes(): number | undefined {
  try {
    const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'));
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    // No Linux.
    return undefined;
  }
}
