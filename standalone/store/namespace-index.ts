// The activations of one namespace in order of their start, in memory: which records a page holds, and which are to go.
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';

export interface IndexEntry {
  /** Epoch milliseconds. */
  readonly start: number;
  readonly id: string;
  /** `name`, or `package/name`. */
  readonly name: string;
}

export interface IndexQuery {
  readonly name?: string | undefined;
  readonly since?: number | undefined;
  readonly upto?: number | undefined;
}

/** By start, and by id where that is the same: the order of the keys on disk. */
function compare(left: IndexEntry, right: IndexEntry): number {
  return left.start - right.start || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0);
}

/** The name under which a record is looked for: with its package, where the path of its action has one. */
export function indexedName({ name, annotations }: Pick<WhiskActivation, 'name' | 'annotations'>): string {
  const path = annotations.find(({ key }) => key === 'path')?.value;
  const parts = typeof path === 'string' ? path.split('/') : [];
  return parts.length === 3 ? `${parts[1] ?? ''}/${name}` : name;
}

export class NamespaceIndex {
  /** Ascending. */
  private entries: IndexEntry[] = [];

  get length(): number {
    return this.entries.length;
  }

  /** Records come in order but for those that took longer than a later one: the place is near the end. */
  add(entry: IndexEntry): void {
    let at = this.entries.length;
    for (let before = this.entries[at - 1]; before !== undefined && compare(before, entry) > 0; before = this.entries[at - 1]) at -= 1;
    const there = this.entries[at - 1];
    if (there !== undefined && compare(there, entry) === 0) return;
    this.entries.splice(at, 0, entry);
  }

  /** The newest first. */
  page(query: IndexQuery, { skip, limit }: { readonly skip: number; readonly limit: number }): IndexEntry[] {
    const [from, to] = this.range(query);
    if (query.name === undefined) return this.entries.slice(Math.max(from, to - skip - limit), Math.max(from, to - skip)).reverse();
    const found: IndexEntry[] = [];
    let skipped = 0;
    for (let at = to - 1; at >= from && found.length < limit; at -= 1) {
      const entry = this.entries[at];
      if (entry?.name !== query.name) continue;
      if (skipped < skip) skipped += 1;
      else found.push(entry);
    }
    return found;
  }

  count(query: IndexQuery): number {
    const [from, to] = this.range(query);
    if (query.name === undefined) return Math.max(0, to - from);
    return this.entries.slice(from, to).filter(({ name }) => name === query.name).length;
  }

  /** Removes and returns the oldest. */
  takeOldest(count: number): IndexEntry[] {
    return this.entries.splice(0, count);
  }

  /** Removes and returns those that started before `at`. */
  takeBefore(at: number): IndexEntry[] {
    return this.takeOldest(this.firstFrom(at));
  }

  private range({ since = -Infinity, upto = Infinity }: IndexQuery): [number, number] {
    return [this.firstFrom(since), upto === Infinity ? this.entries.length : this.firstFrom(upto + 1)];
  }

  /** Position of the first entry that started at `at` or later. */
  private firstFrom(at: number): number {
    let [low, high] = [0, this.entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.entries[middle]?.start ?? Infinity) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
