// How regular the calls of each function of a workload are. It looks at when calls come alone, so that the classes are the same
// under every policy.
import { regularityOf, RunningMoments, type RegularityClass } from '../traces/regularity.ts';

export class FunctionGaps {
  readonly #gaps: readonly RunningMoments[];
  readonly #lastAt: Float64Array;

  constructor(functionCount: number) {
    this.#gaps = Array.from({ length: functionCount }, () => new RunningMoments());
    this.#lastAt = new Float64Array(functionCount).fill(-1);
  }

  /** Calls of one function in order of time, from 0 on. */
  note(functionIndex: number, atMs: number): void {
    const last = this.#lastAt[functionIndex] ?? -1;
    if (last >= 0) this.#gaps[functionIndex]?.add(atMs - last);
    this.#lastAt[functionIndex] = atMs;
  }

  /** Undefined for a function that was called less than three times: two gaps are the fewest that can differ. */
  classOf(functionIndex: number): RegularityClass | undefined {
    const gaps = this.#gaps[functionIndex];
    return gaps === undefined || gaps.count < 2 ? undefined : regularityOf(gaps.cv);
  }
}
