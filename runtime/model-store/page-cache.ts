// Puts files into the page cache or out of it, so that a measurement says which of the two it is about. It does not
// pin them there: the kernel may evict what nobody uses.
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const readBufferBytes = 1 << 20;

/** Reads the files from end to end, so that they are in the page cache; what the kernel evicts later is gone again. */
export async function readIntoPageCache(files: readonly string[]): Promise<void> {
  const buffer = Buffer.allocUnsafe(readBufferBytes);
  for (const file of files) {
    const handle = await open(file);
    try {
      while ((await handle.read(buffer, 0, buffer.length, null)).bytesRead > 0);
    } finally {
      await handle.close();
    }
  }
}

/**
 * Drops the files' pages from the page cache. Pages that a process has mapped stay: call it before the model is opened.
 * Node has no posix_fadvise; GNU dd with `nocache` and a count of 0 advises for the whole file and copies nothing.
 */
export async function evictFromPageCache(files: readonly string[]): Promise<void> {
  for (const file of files) {
    // Dirty pages cannot be dropped.
    const handle = await open(file, 'r');
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await promisify(execFile)('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
  }
}
