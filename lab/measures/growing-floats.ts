// A list of numbers that may become very long: four bytes each, doubled in place of being copied one by one.

export class GrowingFloats {
  #values = new Float32Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float32Array(2 * this.#values.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
  }

  /** The value below which a share of all lies, as common/statistics.ts has it; undefined for none. Sorts them. */
  percentile(share: number): number | undefined {
    const sorted = this.#values.subarray(0, this.#count).sort();
    const position = share * (sorted.length - 1);
    const lower = sorted[Math.floor(position)];
    const upper = sorted[Math.ceil(position)];
    return lower === undefined || upper === undefined ? undefined : lower + (upper - lower) * (position - Math.floor(position));
  }
}
