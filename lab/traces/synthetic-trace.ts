// Makes traces whose arrivals are known to be of a class, with few functions that are called much and many that are not.
import { createRandom } from '../../common/random.ts';
import { EventHeap } from '../simulation/event-heap.ts';
import { arrivalClasses, arrivalProcess, type ArrivalClass, type ArrivalProcess } from './arrival-processes.ts';
import type { Invocation } from './invocation.ts';
import { mergedArrivals } from './merged-arrivals.ts';

/** `mixed`: the functions take the classes in turn. */
export const syntheticClasses = [...arrivalClasses, 'mixed'] as const;
export type SyntheticClass = (typeof syntheticClasses)[number];

export interface SyntheticTraceInput {
  readonly syntheticClass: SyntheticClass;
  readonly functionCount: number;
  readonly durationMs: number;
  /** Mean over the functions, of calls per minute. */
  readonly meanPerMinute: number;
  /** Zipf exponent of popularity: 0 for all alike; with 1 the first is called twice as much as the second. */
  readonly skew: number;
  readonly seed: number;
}

/** Mean run times are spread evenly between these, in ms, one for each function. */
const shortestRunMs = 50;
const longestRunMs = 500;

/** Yields the calls in order of arrival. The same input gives the same calls. */
export function* syntheticInvocations(input: SyntheticTraceInput): Generator<Invocation> {
  const functions = Array.from({ length: input.functionCount }, (_, index) => syntheticFunction(input, index));
  for (const { atMs, functionIndex } of mergedArrivals(functions.map(({ process }) => process), input.durationMs)) {
    const { functionKey, durationMs } = functions[functionIndex] as SyntheticFunction;
    yield { atMs, functionKey, durationMs };
  }
}

interface SyntheticFunction {
  readonly functionKey: string;
  readonly durationMs: number;
  readonly process: ArrivalProcess;
}

function syntheticFunction(input: SyntheticTraceInput, index: number): SyntheticFunction {
  const { syntheticClass, functionCount, meanPerMinute, skew, durationMs, seed } = input;
  const arrivalClass: ArrivalClass = syntheticClass === 'mixed' ? (arrivalClasses[index % arrivalClasses.length] as ArrivalClass) : syntheticClass;
  const functionKey = `${arrivalClass}/f${index}`;
  const random = createRandom(seed, `synthetic ${functionKey}`);
  const runMs = Math.round(random.uniformBetween(shortestRunMs, longestRunMs));
  const ratePerMs = (meanPerMinute * popularityOf(index, functionCount, skew)) / 60_000;
  return { functionKey, durationMs: runMs, process: arrivalProcess(arrivalClass, { ratePerMs, durationMs, random }) };
}

/** How often the function is called, relative to the mean of all: n·(i + 1)^−s / Σ (j + 1)^−s. */
function popularityOf(index: number, functionCount: number, skew: number): number {
  let sum = 0;
  for (let other = 1; other <= functionCount; other += 1) sum += other ** -skew;
  return (functionCount * (index + 1) ** -skew) / sum;
}

/** The calls as rows of the Azure 2021 schema, in order of end, times in seconds. */
export function* azure2021Lines(invocations: Iterable<Invocation>): Generator<string> {
  yield 'app,func,end_timestamp,duration';
  const running = new EventHeap<string>();
  for (const { atMs, functionKey, durationMs = 0 } of invocations) {
    for (let end = running.peekAt(); end !== undefined && end <= atMs; end = running.peekAt()) yield running.pop()?.item ?? '';
    const slash = functionKey.lastIndexOf('/');
    const [app, func] = [functionKey.slice(0, Math.max(0, slash)), functionKey.slice(slash + 1)];
    running.push(atMs + durationMs, `${app},${func},${seconds(atMs + durationMs)},${seconds(durationMs)}`);
  }
  for (let next = running.pop(); next !== undefined; next = running.pop()) yield next.item;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(6);
}
