// Measures how long a slot was loading, so that an activation's loading time can be told from its running time.
import { DiskMeter } from './disk-meter.ts';

/** Loads that overlap count once: the time during which at least one was under way. */
export class LoadClock {
  readonly disk = new DiskMeter();
  private totalMs = 0;
  private underWay = 0;
  private sinceMs = 0;

  /** Loads a model on the clock, and from now on counts what is fetched from the disk. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.disk.begin();
    this.begin();
    try {
      return await work();
    } finally {
      this.end();
    }
  }

  /** Loads a library on the clock. */
  duringSync<T>(work: () => T): T {
    this.begin();
    try {
      return work();
    } finally {
      this.end();
    }
  }

  /** Milliseconds so far, a load under way included. */
  get elapsedMs(): number {
    return this.totalMs + (this.underWay > 0 ? performance.now() - this.sinceMs : 0);
  }

  private begin(): void {
    if (this.underWay === 0) this.sinceMs = performance.now();
    this.underWay += 1;
  }

  private end(): void {
    this.underWay -= 1;
    if (this.underWay === 0) this.totalMs += performance.now() - this.sinceMs;
  }
}
