import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { distributionOf, meanOf, medianOf, medianOfCensored, percentileOf } from '../statistics.ts';

const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });

describe('percentileOf', () => {
  for (const [list, share, expected] of [
    [[10, 20, 30, 40], 0.9, 37],
    [[40, 10, 30, 20], 0.5, 25],
    [[7], 0.99, 7],
    [[1, 2], 0, 1],
    [[1, 2], 1, 2],
    [[100, 9, 20], 0.5, 20],
  ] as const) {
    it(`is ${expected} at ${share} of ${list.join(', ')}`, () => {
      assert.ok(Math.abs((percentileOf(list, share) ?? Number.NaN) - expected) < 1e-9);
    });
  }

  it('lies between the extremes and grows with the share', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (list, a, b) => {
        const [low, high] = [percentileOf(list, Math.min(a, b))!, percentileOf(list, Math.max(a, b))!];
        assert.ok(Math.min(...list) <= low && low <= high + 1e-6 && high <= Math.max(...list));
      }),
    );
  });
});

describe('medianOfCensored', () => {
  for (const [texts, expected] of [
    [['100', '200x', '300', '400'], 300],
    [['100', '300x', '300', '300x'], 300],
    [['100', '200', '300', '400'], 250],
    [['100x', '90x', '80'], 100],
    [['50x'], 50],
    [['10x', '20x', '30x', '40'], 40],
  ] as const) {
    it(`is ${expected} of ${texts.join(', ')} (x: cut off)`, () => {
      assert.equal(medianOfCensored(texts.map((text) => ({ value: Number.parseInt(text, 10), isCutOff: text.endsWith('x') }))), expected);
    });
  }

  it('is undefined for no values', () => {
    assert.equal(medianOfCensored([]), undefined);
  });
});

describe('distributionOf', () => {
  it('is null for no values, where mean and median are undefined', () => {
    assert.deepEqual([distributionOf([]), meanOf([]), medianOf([])], [null, undefined, undefined]);
  });

  it('gives mean, percentiles and maximum to the microsecond', () => {
    const distribution = distributionOf([1, 2, 3, 10.00049]);
    assert.deepEqual(distribution, { count: 4, mean: 4, p50: 2.5, p90: 7.9, p95: 8.95, p99: 9.79, max: 10 });
  });

  it('leaves the order of its input alone', () => {
    const list = [3, 1, 2];
    distributionOf(list);
    assert.deepEqual(list, [3, 1, 2]);
  });
});
