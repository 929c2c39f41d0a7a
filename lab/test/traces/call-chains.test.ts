// Traces of functions that follow one another's calls, held against what they were asked to be.
import { strict as assert } from 'node:assert';
import { createRandom } from '../../../common/random.ts';
import { arrivalProcess } from '../../traces/arrival-processes.ts';
import { chainedArrivals, chainStages, type ChainedFunction } from '../../traces/call-chains.ts';
import { syntheticInvocations, type SyntheticTraceInput } from '../../traces/synthetic-trace.ts';

const durationMs = 40_000_000;
const input: SyntheticTraceInput = { syntheticClass: 'chain', functionCount: 8, durationMs, meanPerMinute: 2, skew: 1, seed: 7 };
const stages = chainStages({ functionCount: 8, meanRatePerMs: 2 / 60_000, skew: 1, seed: 7 });

/** Two functions: the first is called once a minute, the second follows. */
function pairOf(next: ChainedFunction['next'], runMs = 0): { readonly formers: number[]; readonly followers: number[] } {
  const everyMinute = (afterMs: number): number => (Math.floor(afterMs / 60_000) + 1) * 60_000;
  const never = (): number => Infinity;
  const arrivals = [...chainedArrivals([{ runMs, ownCalls: everyMinute, next }, { runMs: 0, ownCalls: never, next: undefined }], durationMs, createRandom(1, 'pair'))];
  const timesOf = (index: number): number[] => arrivals.filter(({ functionIndex }) => functionIndex === index).map(({ atMs }) => atMs);
  return { formers: timesOf(0), followers: timesOf(1) };
}
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('chains of functions', () => {
  it('are of three, two and four functions in turn, and what is left over', () => {
    assert.deepEqual(stages.map(({ next }) => next?.functionIndex), [1, 2, undefined, 4, undefined, 6, 7, undefined]);
  });

  it('follow with a probability of 0.5 to 0.95 after 0.5 to 20 s on the average', () => {
    for (const seed of [1, 2, 3]) {
      for (const { next } of chainStages({ functionCount: 30, meanRatePerMs: 1, skew: 0, seed })) {
        if (next === undefined) continue;
        assert.ok(next.probability >= 0.5 && next.probability < 0.95 && next.meanDelayMs >= 500 && next.meanDelayMs < 20_000);
      }
    }
  });

  it('have one call in six of a follower of its own, the first chain called most', () => {
    for (const { next, ownRatePerMs } of stages) {
      const follower = next === undefined ? undefined : stages[next.functionIndex];
      if (follower !== undefined) assert.ok(follower.ownRatePerMs < ownRatePerMs);
    }
    assert.ok((stages[0]?.ownRatePerMs ?? 0) > 2 * (stages[5]?.ownRatePerMs ?? Infinity));
    const [first, second] = stages;
    assert.ok(Math.abs((second?.ownRatePerMs ?? 0) / (first?.ownRatePerMs ?? 1) - 0.2 * (first?.next?.probability ?? 0)) < 1e-12);
  });
});

describe('the calls of chains', () => {
  it('follow a share of the former’s, half of the delay always passing', () => {
    const { formers, followers } = pairOf({ functionIndex: 1, probability: 0.7, meanDelayMs: 4000, isAfterEnd: false });
    assert.ok(Math.abs(followers.length / formers.length - 0.7) < 0.05, `${followers.length} of ${formers.length}`);
    const delays = followers.map((atMs) => atMs % 60_000);
    assert.ok(Math.min(...delays) >= 2000);
    assert.ok(Math.abs(meanOf(delays) - 4000) < 300, `${meanOf(delays)}`);
  });

  it('begin to be waited for at the end of the former’s run where they follow that', () => {
    const after = (isAfterEnd: boolean): number => meanOf(pairOf({ functionIndex: 1, probability: 1, meanDelayMs: 1000, isAfterEnd }, 3000).followers.map((atMs) => atMs % 60_000));
    assert.ok(Math.abs(after(true) - after(false) - 3000) < 1);
  });

  it('come in order of time, as many as asked for, the same for the same seed', () => {
    const calls = [...syntheticInvocations(input)];
    assert.ok(calls.every(({ atMs }, index) => atMs < durationMs && atMs >= (calls[index - 1]?.atMs ?? 0)));
    const expected = (8 * 2 * durationMs) / 60_000;
    assert.ok(Math.abs(calls.length / expected - 1) < 0.15, `${calls.length} of ${expected}`);
    assert.deepEqual(calls, [...syntheticInvocations(input)]);
    assert.notDeepEqual(calls, [...syntheticInvocations({ ...input, seed: 8 })]);
  });

  it('leave the other classes as they are without chains', () => {
    const random = createRandom(5, 'synthetic poisson/f0');
    const runMs = Math.round(random.uniformBetween(50, 500));
    const first = arrivalProcess('poisson', { ratePerMs: 1 / 30_000, durationMs, random })(0);
    const [call] = syntheticInvocations({ ...input, syntheticClass: 'poisson', functionCount: 1, seed: 5 });
    assert.deepEqual(call, { atMs: first, functionKey: 'poisson/f0', durationMs: runMs });
  });
});
