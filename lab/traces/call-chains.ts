// Functions that call on one another: who follows whom, how often and how much later, and the calls that come of it.
import { createRandom, type Random } from '../../common/random.ts';
import { EventHeap } from '../simulation/event-heap.ts';
import type { ArrivalProcess } from './arrival-processes.ts';
import { mergedArrivals, type IndexedArrival } from './merged-arrivals.ts';

/** A place in a chain. The first has calls of its own only, the others have some beside those that follow. */
export interface ChainStage {
  readonly ownRatePerMs: number;
  /** The head of every second chain is called in bursts. */
  readonly isBursty: boolean;
  readonly next: Follower | undefined;
}

export interface Follower {
  readonly functionIndex: number;
  /** Share of the former's calls that it follows. */
  readonly probability: number;
  /** From the end of the former's run, or else from its arrival; half of it always passes, the other half is exponential. */
  readonly meanDelayMs: number;
  readonly isAfterEnd: boolean;
}

export interface ChainsInput {
  readonly functionCount: number;
  /** Mean over the functions. */
  readonly meanRatePerMs: number;
  /** Zipf exponent of the popularity of chains. */
  readonly skew: number;
  readonly seed: number;
}

/** Functions of the first chain, the second, …, in turn; what is left over makes the last one shorter. */
const chainLengths = [3, 2, 4] as const;
const [leastProbability, mostProbability] = [0.5, 0.95];
/** Calls of its own that a follower has, for each that follows. */
const ownShare = 0.2;
/** Mean delays are spread evenly over the logarithm between these. */
const [shortestDelayMs, longestDelayMs] = [500, 20_000];

/**
 * The functions in the order of their chains: 0, 1, 2 are the first, 3 and 4 the second. A follower's rate is the former's ×
 * probability × 1.2; all are scaled so that their mean is the one asked for.
 *
 * Worked: two functions, probability 0.5, a mean of 1: rates 1.25 and 0.75, of which 0.625 follow and 0.125 are its own.
 */
export function chainStages({ functionCount, meanRatePerMs, skew, seed }: ChainsInput): ChainStage[] {
  const stages: ChainStage[] = [];
  let sum = 0;
  for (let chain = 0; stages.length < functionCount; chain += 1) {
    const random = createRandom(seed, `chain ${chain}`);
    const length = Math.min(chainLengths[chain % chainLengths.length] ?? 1, functionCount - stages.length);
    let rate = (chain + 1) ** -skew;
    let ownRate = rate;
    for (let place = 0; place < length; place += 1) {
      sum += rate;
      const functionIndex = stages.length + 1;
      const probability = random.uniformBetween(leastProbability, mostProbability);
      const meanDelayMs = shortestDelayMs * (longestDelayMs / shortestDelayMs) ** random.uniform();
      const isAfterEnd = random.uniform() < 0.5;
      const next = place + 1 < length ? { functionIndex, probability, meanDelayMs, isAfterEnd } : undefined;
      stages.push({ ownRatePerMs: ownRate, isBursty: place === 0 && chain % 2 === 1, next });
      ownRate = ownShare * probability * rate;
      rate = (1 + ownShare) * probability * rate;
    }
  }
  const scale = (functionCount * meanRatePerMs) / sum;
  return stages.map((stage) => ({ ...stage, ownRatePerMs: stage.ownRatePerMs * scale }));
}

/** A function whose calls may be followed. */
export interface ChainedFunction extends Pick<ChainStage, 'next'> {
  readonly runMs: number;
  /** Used up by {@link chainedArrivals}. */
  readonly ownCalls: ArrivalProcess;
}

/** Yields the functions' own calls and all that follow from them, in order of time, before `untilMs`. */
export function* chainedArrivals(functions: readonly ChainedFunction[], untilMs: number, random: Random): Generator<IndexedArrival> {
  const following = new EventHeap<number>();
  function* take(arrival: IndexedArrival): Generator<IndexedArrival> {
    yield arrival;
    const { runMs = 0, next } = functions[arrival.functionIndex] ?? {};
    if (next === undefined || random.uniform() >= next.probability) return;
    const delayMs = next.meanDelayMs / 2 + random.exponential(next.meanDelayMs / 2);
    const atMs = arrival.atMs + delayMs + (next.isAfterEnd ? runMs : 0);
    if (atMs < untilMs) following.push(atMs, next.functionIndex);
  }
  function* takeUntil(atMs: number): Generator<IndexedArrival> {
    while ((following.peekAt() ?? Infinity) <= atMs) {
      const due = following.pop();
      if (due !== undefined) yield* take({ atMs: due.at, functionIndex: due.item });
    }
  }
  for (const arrival of mergedArrivals(functions.map(({ ownCalls }) => ownCalls), untilMs)) {
    yield* takeUntil(arrival.atMs);
    yield* take(arrival);
  }
  yield* takeUntil(untilMs);
}
