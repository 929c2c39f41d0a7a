// A priority queue of things that happen at a time; what is due at the same time comes out in the order it went in.

interface Entry<T> {
  readonly at: number;
  readonly order: number;
  readonly item: T;
}

function isBefore<T>(left: Entry<T>, right: Entry<T>): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

/** A binary heap: O(log n) to put in and to take out. */
export class EventHeap<T> {
  readonly #entries: Entry<T>[] = [];
  #nextOrder = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** `at` must be a number; NaN would have no place in any order. */
  push(at: number, item: T): void {
    if (Number.isNaN(at)) throw new RangeError('a time has to be a number');
    const entries = this.#entries;
    const entry: Entry<T> = { at, order: this.#nextOrder++, item };
    let index = entries.length;
    entries.push(entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = entries[parentIndex] as Entry<T>;
      if (!isBefore(entry, parent)) break;
      entries[index] = parent;
      index = parentIndex;
    }
    entries[index] = entry;
  }

  /** The time of the earliest item; undefined when there is none. */
  peekAt(): number | undefined {
    return this.#entries[0]?.at;
  }

  /** The earliest item with its time; undefined when there is none. */
  pop(): { readonly at: number; readonly item: T } | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (first === undefined || last === undefined) return undefined;
    if (entries.length > 0) this.#sink(last);
    return first;
  }

  /** Puts an entry in at the top and moves it down to its place. */
  #sink(entry: Entry<T>): void {
    const entries = this.#entries;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = entries[childIndex];
      const right = entries[childIndex + 1];
      if (child === undefined) break;
      if (right !== undefined && isBefore(right, child)) [child, childIndex] = [right, childIndex + 1];
      if (!isBefore(child, entry)) break;
      entries[index] = child;
      index = childIndex;
    }
    entries[index] = entry;
  }
}
