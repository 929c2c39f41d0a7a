// One topic in memory: an ordered log of records that forgets the oldest, or of each key all but the newest.
import type { BusRecord } from './bus.ts';

export class MemoryTopic {
  readonly name: string;
  /** Offset of the next record. */
  endOffset = 0;
  private records: BusRecord[] = [];
  private readonly retainedRecords: number;
  private readonly compacted: boolean;
  /** Length at which the log is shortened next. */
  private shortenAt: number;

  constructor(name: string, retainedRecords: number, compacted: boolean) {
    this.name = name;
    this.retainedRecords = retainedRecords;
    this.compacted = compacted;
    this.shortenAt = 2 * retainedRecords;
  }

  get firstOffset(): number {
    return this.records[0]?.offset ?? this.endOffset;
  }

  /** `readTo`: every reader is past this offset; a tombstone before it has told everybody. */
  append(value: string | null, key: string | null, publishedAt: number, readTo: () => number): void {
    this.records.push({ topic: this.name, partition: 0, offset: this.endOffset, key, value, publishedAt });
    this.endOffset += 1;
    if (this.records.length < this.shortenAt) return;
    this.records = this.compacted ? this.newestOfEachKey(readTo()) : this.records.slice(-this.retainedRecords);
    this.shortenAt = Math.max(2 * this.retainedRecords, 2 * this.records.length);
  }

  /** The record at an offset, or the first one after it that is still there. */
  at(offset: number): BusRecord | undefined {
    return this.records[this.indexOf(offset)];
  }

  /** Records at or after an offset. */
  countFrom(offset: number): number {
    return this.records.length - this.indexOf(offset);
  }

  private indexOf(offset: number): number {
    let [low, high] = [0, this.records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.records[middle]?.offset ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private newestOfEachKey(readTo: number): BusRecord[] {
    const newest = new Map(this.records.map((record) => [record.key, record.offset]));
    return this.records.filter((record) => newest.get(record.key) === record.offset && (record.value !== null || record.offset >= readTo));
  }
}
