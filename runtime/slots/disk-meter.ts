// What loading models has had fetched from the disk, for a slot that measures its own loads.
import { fetchedBytes } from '../fetched-bytes.ts';

/** Counts from the first load on: the weights of a mapped model are fetched by the run after it, not by the load itself. */
export class DiskMeter {
  private sinceBytes: number | undefined;
  private readonly read: () => number | undefined;

  /** @param read for tests; else what the kernel says */
  constructor(read: () => number | undefined = fetchedBytes) {
    this.read = read;
  }

  /** A load begins. */
  begin(): void {
    this.sinceBytes ??= this.read();
  }

  /** Bytes since the last {@link lap}, or since the first load; counts on. Undefined where nothing was loaded, or nothing is known. */
  lap(): number | undefined {
    const formerBytes = this.sinceBytes;
    if (formerBytes === undefined) return undefined;
    this.sinceBytes = this.read();
    return Math.max(0, (this.sinceBytes ?? formerBytes) - formerBytes);
  }

  /** As {@link lap}, and counts no further until the next load. */
  end(): number | undefined {
    const bytes = this.lap();
    this.sinceBytes = undefined;
    return bytes;
  }
}
