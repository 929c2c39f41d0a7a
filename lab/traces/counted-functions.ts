// Counts per minute of many functions, kept small, and the calls that they stand for, minute by minute: a day of 50,000
// functions is in memory as pairs of minute and count, never as calls.
import { createRandom, type Random } from '../../common/random.ts';
import type { IndexedArrival } from './merged-arrivals.ts';

const minuteMs = 60_000;

export class CountedFunctions {
  readonly #keys: string[] = [];
  /** For each minute, pairs of function index and count. */
  readonly #minutes: number[][] = [];
  #invocationCount = 0;

  /** Functions are indexed in the order in which they are added. */
  add(functionKey: string, countsPerMinute: readonly number[]): void {
    const functionIndex = this.#keys.push(functionKey) - 1;
    for (const [minute, count] of countsPerMinute.entries()) {
      const pairs = (this.#minutes[minute] ??= []);
      if (count === 0) continue;
      pairs.push(functionIndex, count);
      this.#invocationCount += count;
    }
  }

  get minuteCount(): number {
    return this.#minutes.length;
  }

  get invocationCount(): number {
    return this.#invocationCount;
  }

  /** Calls in order of time, uniform within their minute; each function draws as `generateArrivals` in its exact mode has it draw. */
  *arrivals(seed: number): Generator<IndexedArrival & { readonly runMs: undefined }> {
    const randoms = new Map<number, Random>();
    for (const [minute, pairs] of this.#minutes.entries()) {
      const calls: { readonly atMs: number; readonly functionIndex: number; readonly runMs: undefined }[] = [];
      for (let index = 0; index < pairs.length; index += 2) {
        const functionIndex = pairs[index] ?? 0;
        let random = randoms.get(functionIndex);
        if (random === undefined) {
          random = createRandom(seed, `arrivals of ${this.#keys[functionIndex] ?? ''}`);
          randoms.set(functionIndex, random);
        }
        for (let call = pairs[index + 1] ?? 0; call > 0; call -= 1) {
          const atMs = Math.round((minute * minuteMs + random.uniformBetween(0, minuteMs)) * 1000) / 1000;
          calls.push({ atMs, functionIndex, runMs: undefined });
        }
      }
      yield* calls.sort((left, right) => left.atMs - right.atMs);
    }
  }
}
