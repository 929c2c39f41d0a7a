// What this very process has had fetched from the disk, as the kernel counts it. Needs no rights, inside a container as outside.
import { readFileSync } from 'node:fs';

/**
 * Bytes that this process, its threads and the children it has waited for caused to be fetched: read by calls, and pages of
 * mapped files that were not in the page cache. Undefined where the kernel does not count it. About 10 µs.
 */
export function fetchedBytes(): number | undefined {
  try {
    const match = /^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    // No Linux, or a kernel without CONFIG_TASK_IO_ACCOUNTING.
    return undefined;
  }
}
