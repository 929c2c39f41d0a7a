// Makes traces whose arrivals are known to be of a class, with few functions that are called much and many that are not.
import { createRandom, type Random } from '../../common/random.ts';
import { EventHeap } from '../simulation/event-heap.ts';
import { arrivalClasses, arrivalProcess, type ArrivalClass, type ArrivalProcess } from './arrival-processes.ts';
import { chainedArrivals, chainStages } from './call-chains.ts';
import type { Invocation } from './invocation.ts';
import { mergedArrivals } from './merged-arrivals.ts';

/** `chain`: functions that follow one another's calls (call-chains.ts). `mixed`: the functions take the classes of arrivals in turn. */
export const syntheticClasses = [...arrivalClasses, 'chain', 'mixed'] as const;
export type SyntheticClass = (typeof syntheticClasses)[number];

export interface SyntheticTraceInput {
  readonly syntheticClass: SyntheticClass;
  readonly functionCount: number;
  readonly durationMs: number;
  /** Mean over the functions, of calls per minute. */
  readonly meanPerMinute: number;
  /** Zipf exponent of popularity, of functions or of chains: 0 for all alike; with 1 the first is called twice as much as the second. */
  readonly skew: number;
  readonly seed: number;
}

/** Mean run times are spread evenly between these, in ms, one for each function. */
const shortestRunMs = 50;
const longestRunMs = 500;

/** Yields the calls in order of arrival. The same input gives the same calls. */
export function* syntheticInvocations(input: SyntheticTraceInput): Generator<Invocation> {
  const { syntheticClass, functionCount, durationMs } = input;
  if (syntheticClass === 'chain') {
    yield* chainInvocations(input);
    return;
  }
  const classes: readonly ArrivalClass[] = syntheticClass === 'mixed' ? arrivalClasses : [syntheticClass];
  const functions = Array.from({ length: functionCount }, (_, index) => syntheticFunction(input, classes[index % classes.length] as ArrivalClass, index));
  for (const { atMs, functionIndex } of mergedArrivals(functions.map(({ process }) => process), durationMs)) {
    const { functionKey, runMs } = functions[functionIndex] as SyntheticFunction;
    yield { atMs, functionKey, durationMs: runMs };
  }
}

/** All of one namespace, as functions that call on one another are. */
function* chainInvocations({ functionCount, meanPerMinute, skew, durationMs, seed }: SyntheticTraceInput): Generator<Invocation> {
  const functions = chainStages({ functionCount, meanRatePerMs: meanPerMinute / 60_000, skew, seed }).map((stage, index) => {
    const functionKey = `chain/f${index}`;
    const random = createRandom(seed, `synthetic ${functionKey}`);
    const runMs = drawRunMs(random);
    return { ...stage, functionKey, runMs, ownCalls: arrivalProcess(stage.isBursty ? 'bursty' : 'poisson', { ratePerMs: stage.ownRatePerMs, durationMs, random }) };
  });
  for (const { atMs, functionIndex } of chainedArrivals(functions, durationMs, createRandom(seed, 'calls that follow'))) {
    const { functionKey, runMs } = functions[functionIndex] as (typeof functions)[number];
    yield { atMs, functionKey, durationMs: runMs };
  }
}

interface SyntheticFunction {
  readonly functionKey: string;
  readonly runMs: number;
  readonly process: ArrivalProcess;
}

function syntheticFunction({ functionCount, meanPerMinute, skew, durationMs, seed }: SyntheticTraceInput, arrivalClass: ArrivalClass, index: number): SyntheticFunction {
  const functionKey = `${arrivalClass}/f${index}`;
  const random = createRandom(seed, `synthetic ${functionKey}`);
  const runMs = drawRunMs(random);
  const ratePerMs = (meanPerMinute * popularityOf(index, functionCount, skew)) / 60_000;
  return { functionKey, runMs, process: arrivalProcess(arrivalClass, { ratePerMs, durationMs, random }) };
}

function drawRunMs(random: Random): number {
  return Math.round(random.uniformBetween(shortestRunMs, longestRunMs));
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
