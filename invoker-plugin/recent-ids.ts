// The ids that were added last, up to a number.

export class RecentIds {
  private readonly ids = new Set<string>();
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }

  add(id: string): void {
    this.ids.add(id);
    const oldest = this.ids.values().next();
    if (this.ids.size > this.most && oldest.done !== true) this.ids.delete(oldest.value);
  }
}
