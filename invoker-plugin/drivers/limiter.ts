// At most so many at a time; the others wait their turn.

export class Limiter {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(limit: number) {
    this.free = limit;
  }

  /** Runs the task when there is room for it. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      // The place goes from one to the next: nobody who comes in between can take it.
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
