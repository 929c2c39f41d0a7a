import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { percentileOf } from '../../../common/statistics.ts';
import { estimateOf } from '../../measures/confidence.ts';
import { GrowingFloats } from '../../measures/growing-floats.ts';
import { regretOf, scalerScoreOf } from '../../measures/measures.ts';
import { keepAlive } from '../../policies/keep-alive.ts';
import { runSmallWorld } from '../../testing/small-world.ts';

describe('scalerScoreOf', () => {
  const half = { runGibSeconds: 10, heldGibSeconds: 20, runMs: 1000, startupMs: 1000, succeededShare: 1 };

  it('is 50 for containers busy half of their lives and startups as long as the runs', () => {
    assert.equal(scalerScoreOf(half), 50);
  });
  it('is 100 where nothing is idle and nothing starts up', () => {
    assert.equal(scalerScoreOf({ ...half, heldGibSeconds: 10, startupMs: 0 }), 100);
  });
  it('is 0 where more than one call in two thousand failed', () => {
    assert.equal(scalerScoreOf({ ...half, succeededShare: 0.9994 }), 0);
    assert.equal(scalerScoreOf({ ...half, succeededShare: 0.9995 }), 50);
  });
});

describe('regretOf', () => {
  for (const [startupMs, regret] of [[10, 0], [3010, 1], [310, 0.1]] as const) {
    it(`is ${regret} for ${startupMs} ms between a floor of 10 and 3010 all cold`, () => {
      assert.equal(regretOf({ startupMs, floorMs: 10, allColdMs: 3010 }), regret);
    });
  }
});

describe('estimateOf', () => {
  it('is the mean and half of the 95 % interval by Student: 2 ± 2.484 for 1, 2, 3', () => {
    const { mean, halfWidth } = estimateOf([1, 2, 3]);
    assert.deepEqual([mean, Number(halfWidth.toFixed(3))], [2, 2.484]);
  });
  it('holds the true mean of a known distribution in about 95 of 100 cases', () => {
    let hits = 0;
    // Twelve uniform numbers less 6 are nearly normal with mean 0; a small linear congruential generator draws them.
    let state = 1;
    const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let trial = 0; trial < 1000; trial += 1) {
      const { mean, halfWidth } = estimateOf(Array.from({ length: 10 }, () => Array.from({ length: 12 }, uniform).reduce((sum, value) => sum + value, -6)));
      if (Math.abs(mean) <= halfWidth) hits += 1;
    }
    assert.ok(hits > 925 && hits < 975, `${hits}`);
  });
});

describe('GrowingFloats', () => {
  it('has the same percentiles as a list that is sorted', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const floats = new GrowingFloats();
        for (const value of values) floats.push(value);
        assert.ok(Math.abs((floats.percentile(share) ?? NaN) - (percentileOf(values, share) ?? NaN)) < 0.01);
      }),
    );
  });
});

describe('RunMeter', () => {
  // a: cold at 0, startup 500 + 10 + 1000, runs 100; warm at 10 s, runs 100. The container lives from 0 to 60 s and longer.
  const { measures } = runSmallWorld({ policy: keepAlive, actions: [['a', 1000, 400]], containers: 1, calls: [[0, 'a'], [10_000, 'a']], durationMs: 60_000 });
  const gib = 1000 / 1024;

  it('counts start types and hits', () => {
    assert.deepEqual(measures.byStartType, { cold: 1, prewarmed: 0, warm: 1, preloaded: 0 });
    assert.equal(measures.hitShare, 0.5);
    assert.equal(measures.containersCreated, 1);
  });
  it('gives startup and the share of loading that was removed', () => {
    assert.equal(measures.startupMeanMs, 755);
    assert.equal(measures.startupP50Ms, 755);
    assert.equal(measures.loadRemovedShare, 0.5);
  });
  it('counts memory from the container being asked for until the end of the trace, and what of it was wasted', () => {
    assert.ok(Math.abs(measures.memoryGibSeconds - 60 * gib) < 1e-9);
    // Busy: init, load and run of the first call, run of the second.
    assert.ok(Math.abs(measures.wastedGibSeconds - (60 - 1.11 - 0.1) * gib) < 1e-9);
  });
  it('holds the startup against a floor of one adoption and against all cold', () => {
    assert.ok(Math.abs(measures.regret - (1510 - 5) / (2 * 1510 - 5)) < 1e-9);
  });
  it('gives the score of the contest', () => {
    assert.ok(Math.abs(measures.scalerScore - 50 * (0.2 / 60 + 200 / (1510 + 200))) < 1e-9);
  });
  it('tells the hits of regular functions from those of bursty ones, and leaves out what is called less than three times', () => {
    const timer = Array.from({ length: 20 }, (_, index): readonly [number, string] => [index * 5000, 'timer']);
    const burst = Array.from({ length: 40 }, (_, index): readonly [number, string] => [95_500 + index * 150 + (index === 0 ? -94_000 : 0), 'burst']);
    const calls = [...timer, ...burst, [96_000, 'rare'] as const].toSorted(([left], [right]) => left - right);
    const { measures: mixed } = runSmallWorld({ policy: keepAlive, actions: [['timer', 1000, 400], ['burst', 1000, 400], ['rare', 1000, 400]], containers: 3, calls });
    assert.deepEqual(mixed.hitShareByRegularity, { predictable: 19 / 20, bursty: 39 / 40 });
  });
});
