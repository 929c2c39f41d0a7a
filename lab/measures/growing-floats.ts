// A list of numbers that may become very long: four bytes each, doubled in place of being copied one by one.

export class GrowingFloats {
  #values: Float32Array<ArrayBuffer>;
  #count: number;
  #isSorted = false;

  /** @param values what it begins with; they are the list's own from now on */
  constructor(values = new Float32Array(0)) {
    this.#values = values;
    this.#count = values.length;
  }

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float32Array(Math.max(1024, 2 * this.#values.length));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
    this.#isSorted = false;
  }

  /** The values alone, in no order that may be relied on. */
  toArray(): Float32Array<ArrayBuffer> {
    return this.#values.slice(0, this.#count);
  }

  /** The value below which a share of all lies, as common/statistics.ts has it; undefined for none. Sorts them. */
  percentile(share: number): number | undefined {
    const sorted = this.#values.subarray(0, this.#count);
    // Of millions sorted already a sort takes as long again.
    if (!this.#isSorted) sorted.sort();
    this.#isSorted = true;
    const position = share * (sorted.length - 1);
    const lower = sorted[Math.floor(position)];
    const upper = sorted[Math.ceil(position)];
    return lower === undefined || upper === undefined ? undefined : lower + (upper - lower) * (position - Math.floor(position));
  }
}
