// The ids that were added last, up to a number.

export class RecentIds {
  private readonly ids = new Set<string>();
  /** As they came; full, it begins anew. A set finds its oldest only behind the places of all that it has deleted. */
  private readonly ring: string[] = [];
  private oldestIndex = 0;
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }

  /** @returns the id that is forgotten for it, where there is one */
  add(id: string): string | undefined {
    if (this.ids.has(id)) return undefined;
    this.ids.add(id);
    const forgotten = this.ring.length < this.most ? undefined : this.ring[this.oldestIndex];
    this.ring[this.oldestIndex] = id;
    this.oldestIndex = (this.oldestIndex + 1) % this.most;
    if (forgotten !== undefined) this.ids.delete(forgotten);
    return forgotten;
  }
}
