// How regular the calls of each function of a workload are. It looks at the calls alone, so that the classes are the same
// under every policy.
import { regularityOf, RunningMoments, type RegularityClass } from '../traces/regularity.ts';
import type { Workload } from '../workload.ts';

/** For each function; undefined where it is called less than three times: two gaps are the fewest that can differ. */
export type FunctionClasses = readonly (RegularityClass | undefined)[];

export function functionClassesOf({ functions, arrivals }: Workload): FunctionClasses {
  const gaps = functions.map(() => new RunningMoments());
  const lastAt = new Float64Array(functions.length).fill(-1);
  for (const { atMs, functionIndex } of arrivals()) {
    const last = lastAt[functionIndex] ?? -1;
    if (last >= 0) gaps[functionIndex]?.add(atMs - last);
    lastAt[functionIndex] = atMs;
  }
  return gaps.map(({ count, cv }) => (count < 2 ? undefined : regularityOf(cv)));
}
