// Cuts a small trace out of a day: some minutes of some functions, drawn from those whose calls are as regular as asked for.
// With its defaults it asks for what InstaInfer's Select_Trace_5min.py asks for.
import { createRandom } from '../../common/random.ts';
import type { TraceFunction } from './azure-2019.ts';
import { gapStatisticsOfCounts, regularityOf, type RegularityClass } from './regularity.ts';

export interface Selection {
  /** First minute, from 1, and how many. */
  readonly fromMinute: number;
  readonly minuteCount: number;
  /** Undefined takes functions of every class. */
  readonly regularity: RegularityClass | undefined;
  /** Bounds of the mean gap between calls, in minutes. */
  readonly leastGapMinutes: number;
  readonly mostGapMinutes: number;
  /** Functions that are drawn; fewer where fewer fit. */
  readonly count: number;
  readonly seed: number;
}

/** Functions need at least two calls within the minutes. Each that fits is as likely to be drawn (reservoir sampling, Vitter's algorithm R). */
export async function selectFunctions(functions: AsyncIterable<TraceFunction>, selection: Selection): Promise<readonly TraceFunction[]> {
  const random = createRandom(selection.seed, 'selection');
  const drawn: { readonly order: number; readonly found: TraceFunction }[] = [];
  let fitting = 0;
  for await (const candidate of functions) {
    const countsPerMinute = candidate.countsPerMinute.slice(selection.fromMinute - 1, selection.fromMinute - 1 + selection.minuteCount);
    if (!fits(countsPerMinute, selection)) continue;
    const order = fitting;
    fitting += 1;
    const index = drawn.length < selection.count ? drawn.length : Math.floor(random.uniform() * fitting);
    if (index < selection.count) drawn[index] = { order, found: { ...candidate, countsPerMinute } };
  }
  return drawn.sort((left, right) => left.order - right.order).map(({ found }) => found);
}

function fits(countsPerMinute: readonly number[], selection: Selection): boolean {
  if (countsPerMinute.reduce((sum, count) => sum + count, 0) < 2) return false;
  const gaps = gapStatisticsOfCounts(countsPerMinute);
  if (gaps === undefined || gaps.meanMinutes < selection.leastGapMinutes || gaps.meanMinutes > selection.mostGapMinutes) return false;
  return selection.regularity === undefined || regularityOf(gaps.cv) === selection.regularity;
}

/** The functions as a file of the Azure 2019 invocation schema. */
export function* azure2019Lines(functions: readonly TraceFunction[], minuteCount: number): Generator<string> {
  yield ['HashOwner', 'HashApp', 'HashFunction', 'Trigger', ...Array.from({ length: minuteCount }, (_, index) => index + 1)].join(',');
  for (const { functionKey, trigger, countsPerMinute } of functions) yield [...functionKey.split('/'), trigger, ...countsPerMinute].join(',');
}
