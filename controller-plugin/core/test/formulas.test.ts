// The formulas of the Proactive Pre-loader against worked numbers.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { addGap, createHistogram, windowsFromHistogram } from '../histogram.ts';
import { estimateRate } from '../rate.ts';
import { arrivalQuantileMs } from '../windows.ts';

const times = (count: number, gapMs: number): number[] => new Array<number>(count).fill(gapMs);
const minute = 60_000;

function near(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && Math.abs(actual / expected - 1) < 0.01, `${actual} is not about ${expected}`);
}

describe('the arrival rate', () => {
  it('is the number of gaps over their sum', () => {
    assert.deepEqual(estimateRate([]), { ratePerMs: 0, gapCount: 0 });
    assert.deepEqual(estimateRate([200]), { ratePerMs: 1 / 200, gapCount: 1 });
    near(estimateRate([100, 300]).ratePerMs, 1 / 200);
  });

  it('follows a change of pace with the shortest window', () => {
    const { ratePerMs, gapCount } = estimateRate([...times(10, minute), ...times(6, 1000)]);
    assert.equal(gapCount, 5);
    near(ratePerMs, 1 / 1000);
  });

  it('averages over a long window where gaps only scatter', () => {
    let seed = 7;
    const scattered = Array.from({ length: 64 }, () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return -1000 * Math.log(seed / 2_147_483_647);
    });
    const { ratePerMs, gapCount } = estimateRate(scattered);
    assert.ok(gapCount >= 21, `${gapCount}`);
    assert.ok(Math.abs(ratePerMs * 1000 - 1) < 0.25, `${ratePerMs}`);
  });

  it('lies between those of the shortest and the longest gap', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 1e8 }), { minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(gaps, (gapsMs) => {
        const { ratePerMs, gapCount } = estimateRate(gapsMs);
        assert.ok(ratePerMs >= 1 / (Math.max(...gapsMs) * 1.0001) && ratePerMs <= 1.0001 / Math.min(...gapsMs));
        assert.ok(gapCount >= 1 && gapCount <= gapsMs.length);
      }),
    );
  });
});

describe('the windows of a Poisson process', () => {
  it('are 0.0619 and 2.813 mean gaps for 6 % and 94 %', () => {
    near(arrivalQuantileMs(0.06, 1 / minute), 3713);
    near(arrivalQuantileMs(0.94, 1 / minute), 168_805);
    assert.equal(arrivalQuantileMs(0.06, 0), Infinity);
  });
});

describe('the windows of the hybrid histogram', () => {
  function windowsOf(gapsMs: readonly number[]): ReturnType<typeof windowsFromHistogram> {
    const histogram = createHistogram();
    for (const gapMs of gapsMs) addGap(histogram, gapMs);
    return windowsFromHistogram(histogram);
  }

  it('are as worked for gaps of ten minutes', () => {
    const windows = windowsOf(times(20, 10 * minute));
    near(windows?.prewarmWindowMs, 471_859);
    near(windows?.keepAliveWindowMs, 213_977);
  });

  it('start with the arrival where the next may come within a minute', () => {
    const windows = windowsOf(times(20, 10_000));
    assert.equal(windows?.prewarmWindowMs, undefined);
    near(windows?.keepAliveWindowMs, 12_744);
  });

  it('are unknown from fewer than ten gaps, and when most gaps are out of bounds', () => {
    assert.equal(windowsOf(times(9, minute)), undefined);
    assert.equal(windowsOf([...times(10, minute), ...times(11, 5 * 60 * minute)]), undefined);
    assert.notEqual(windowsOf([...times(11, minute), ...times(10, 5 * 60 * minute)]), undefined);
  });

  it('are unknown when gaps of every length are as likely', () => {
    const even = Array.from({ length: 96 }, (_, bin) => 1.01 * 2 ** (bin / 4));
    assert.equal(windowsOf(even), undefined);
  });

  it('forget old habits in time', () => {
    const windows = windowsOf([...times(1000, 10_000), ...times(20_000, 20 * minute)]);
    assert.ok((windows?.prewarmWindowMs ?? 0) > 15 * minute, `${windows?.prewarmWindowMs}`);
  });
});
