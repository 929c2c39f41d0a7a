import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { gapStatisticsOfCounts, regularityOf, RunningMoments } from '../../traces/regularity.ts';

describe('gapStatisticsOfCounts', () => {
  // The eight functions of InstaInfer's demo, with the CV that its selection script gives them.
  for (const [counts, cv] of [
    [[4, 0, 4, 4, 0], 1.149],
    [[14, 15, 2, 1, 2], 1.381],
    [[0, 0, 0, 4, 1], 1.186],
    [[0, 0, 0, 0, 11], 2.583],
    [[0, 0, 0, 2, 3], 1.186],
    [[0, 0, 0, 21, 9], 3.531],
    [[3, 0, 0, 0, 1], 1.27],
    [[5, 0, 5, 0, 3], 1.172],
  ] as const) {
    it(`gives ${cv} for ${counts.join(' ')}`, () => {
      assert.equal(Number(gapStatisticsOfCounts(counts)?.cv.toFixed(3)), cv);
    });
  }

  it('knows nothing of a function that is never called', () => {
    assert.equal(gapStatisticsOfCounts([0, 0, 0]), undefined);
  });
});

describe('regularityOf', () => {
  for (const [cv, name] of [[0, 'predictable'], [0.99, 'predictable'], [1, 'normal'], [4, 'normal'], [4.01, 'bursty']] as const) {
    it(`calls a CV of ${cv} ${name}`, () => {
      assert.equal(regularityOf(cv), name);
    });
  }
});

describe('RunningMoments', () => {
  it('agrees with mean and deviation worked out from all values, however they are grouped', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.double({ min: 0.01, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 50 }), (groups) => {
        const moments = new RunningMoments();
        for (const [value, times] of groups) moments.add(value, times);
        const all = groups.flatMap(([value, times]) => new Array<number>(times).fill(value));
        const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
        const deviation = Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length);
        assert.ok(Math.abs(moments.mean - mean) <= 1e-9 * mean);
        assert.ok(Math.abs(moments.cv - deviation / mean) <= 1e-6);
      }),
    );
  });
});
