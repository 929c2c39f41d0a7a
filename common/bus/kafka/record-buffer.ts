// Records between the broker and their reader: taken in while there is room, handed over one at a time and in order.
import type { BusRecord, SubscribeOptions } from '../bus.ts';

/** Bounds of what is read and not handed over; the first as OpenWhisk's controller (maxPeek). */
const maxRecords = 128;
const maxBytes = 4 * 2 ** 20;

export class RecordBuffer {
  private readonly options: SubscribeOptions;
  private records: BusRecord[] = [];
  private bytes = 0;
  private paused = false;
  private closed = false;
  private handing: Promise<void> | undefined;
  private waiting: (() => void)[] = [];
  /** For each partition, the offset after the last record that was handed over. */
  readonly handedOver = new Map<number, number>();
  /** For each partition, the offset after the last record whose handler is done. */
  readonly handled = new Map<number, number>();

  constructor(options: SubscribeOptions) {
    this.options = options;
  }

  /** How many records may be added: none when it is full, at least one when it is empty, however large. */
  get room(): number {
    return this.bytes < maxBytes ? maxRecords - this.records.length : 0;
  }

  get size(): number {
    return this.records.length;
  }

  /**
   * Resolves when there is room, the buffer is closed, or `ms` are over. One that was full counts as full until half of it is
   * handed over: what is taken in has to be committed, and that should not be for one record each time.
   */
  async untilRoom(ms: number): Promise<void> {
    if (this.room > 0 || this.closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  add(records: readonly BusRecord[]): void {
    this.records.push(...records);
    for (const { value } of records) this.bytes += value?.length ?? 0;
    this.handing ??= this.handOver();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.handing ??= this.handOver();
  }

  /** Hands nothing over any more; resolves, when the handler under way is done, with what is left. */
  async close(): Promise<readonly BusRecord[]> {
    this.closed = true;
    this.wake();
    await this.handing;
    return this.records.splice(0);
  }

  private async handOver(): Promise<void> {
    await Promise.resolve();
    while (!this.paused && !this.closed) {
      const record = this.records.shift();
      if (record === undefined) break;
      this.bytes -= record.value?.length ?? 0;
      this.handedOver.set(record.partition, record.offset + 1);
      try {
        await this.options.handle(record);
      } catch (error) {
        this.options.onError(error, record);
      }
      this.handled.set(record.partition, record.offset + 1);
      if (this.records.length <= maxRecords / 2 && this.bytes <= maxBytes / 2) this.wake();
    }
    this.handing = undefined;
  }

  private wake(): void {
    for (const resume of this.waiting.splice(0)) resume();
  }
}
