import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { createRandom } from '../random.ts';

const draw = (seed: number, stream: string, count: number): number[] => {
  const random = createRandom(seed, stream);
  return Array.from({ length: count }, () => random.uniform());
};

describe('createRandom', () => {
  it('gives the same numbers for the same seed and stream', () => {
    fc.assert(
      fc.property(fc.integer(), fc.string(), (seed, stream) => {
        assert.deepEqual(draw(seed, stream, 20), draw(seed, stream, 20));
      }),
    );
  });

  it('keeps its numbers from release to release: those of a reference program in another language', () => {
    assert.deepEqual(
      draw(1, 'arrivals', 3).map((value) => Math.floor(value * 2 ** 32)),
      [3596482289, 2107682873, 1752585683],
    );
  });

  it('gives other numbers for another seed and for another stream', () => {
    assert.notDeepEqual(draw(1, 'a', 5), draw(2, 'a', 5));
    assert.notDeepEqual(draw(1, 'a', 5), draw(1, 'b', 5));
  });

  it('spreads uniform numbers evenly over [0, 1)', () => {
    const values = draw(7, '', 100_000);
    assert.ok(values.every((value) => value >= 0 && value < 1));
    const buckets = Array.from({ length: 20 }, () => 0);
    for (const value of values) buckets[Math.floor(value * 20)]! += 1;
    // Chi-squared with 19 degrees of freedom exceeds 43.8 once in a thousand seeds; this seed is fixed.
    const chiSquared = buckets.reduce((sum, seen) => sum + (seen - 5000) ** 2 / 5000, 0);
    assert.ok(chiSquared < 43.8, `chi-squared ${chiSquared}`);
  });

  it('draws exponential times with the mean it was given', () => {
    const random = createRandom(3);
    const values = Array.from({ length: 50_000 }, () => random.exponential(400));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    assert.ok(values.every((value) => value >= 0 && Number.isFinite(value)));
    assert.ok(Math.abs(mean - 400) < 8, `mean ${mean}`);
  });

  it('picks every item and refuses an empty list', () => {
    const random = createRandom(5);
    const seen = new Set(Array.from({ length: 200 }, () => random.pick(['a', 'b', 'c'])));
    assert.deepEqual([...seen].sort(), ['a', 'b', 'c']);
    assert.throws(() => random.pick([]), RangeError);
  });

  it('stays within the bounds of uniformBetween', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 1, max: 1000 }), (seed, min, width) => {
        const value = createRandom(seed).uniformBetween(min, min + width);
        assert.ok(value >= min && value < min + width);
      }),
    );
  });
});
