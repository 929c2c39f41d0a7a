import { strict as assert } from 'node:assert';
import { createRandom } from '../../../common/random.ts';
import { arrivalClasses, arrivalProcess, type ArrivalClass } from '../../traces/arrival-processes.ts';
import { mergedArrivals } from '../../traces/merged-arrivals.ts';
import { RunningMoments } from '../../traces/regularity.ts';

const durationMs = 20_000_000;
const ratePerMs = 1 / 1000;
const timesOf = (arrivalClass: ArrivalClass, seed: number): number[] => {
  const process = arrivalProcess(arrivalClass, { ratePerMs, durationMs, random: createRandom(seed, arrivalClass) });
  return [...mergedArrivals([process], durationMs)].map(({ atMs }) => atMs);
};
const cvOf = (times: readonly number[]): number => {
  const gaps = new RunningMoments();
  for (let index = 1; index < times.length; index += 1) gaps.add((times[index] ?? 0) - (times[index - 1] ?? 0));
  return gaps.cv;
};

describe('arrival processes', () => {
  for (const arrivalClass of arrivalClasses) {
    it(`${arrivalClass}: time only goes on, and the mean rate is the one asked for`, () => {
      const times = timesOf(arrivalClass, 7);
      assert.ok(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0)));
      assert.ok(Math.abs(times.length / (ratePerMs * durationMs) - 1) < 0.15, `${times.length} calls`);
    });

    it(`${arrivalClass}: the same seed gives the same calls, another seed others`, () => {
      assert.deepEqual(timesOf(arrivalClass, 1), timesOf(arrivalClass, 1));
      assert.notDeepEqual(timesOf(arrivalClass, 1), timesOf(arrivalClass, 2));
    });
  }

  for (const [arrivalClass, least, most] of [['poisson', 0.95, 1.05], ['bursty', 4, 6], ['periodic', 0.03, 0.15]] as const) {
    it(`${arrivalClass}: the CV of the gaps is between ${least} and ${most}`, () => {
      const cv = cvOf(timesOf(arrivalClass, 3));
      assert.ok(cv > least && cv < most, `${cv}`);
    });
  }

  it('diurnal: the middle half of the trace has most of the calls', () => {
    const times = timesOf('diurnal', 1);
    const middle = times.filter((time) => time > durationMs / 4 && time < (3 * durationMs) / 4).length;
    // 1/2 + 0.8/π of them.
    assert.ok(Math.abs(middle / times.length - 0.755) < 0.02, `${middle / times.length}`);
  });

  it('flash: a twentieth of the time has half of the calls', () => {
    const times = timesOf('flash', 1);
    const crowdMs = 0.05 * durationMs;
    let most = 0;
    let from = 0;
    for (const [index, time] of times.entries()) {
      while (time - (times[from] ?? 0) > crowdMs) from += 1;
      most = Math.max(most, index - from + 1);
    }
    assert.ok(Math.abs(most / times.length - 0.51) < 0.05, `${most / times.length}`);
  });
});

describe('mergedArrivals', () => {
  it('gives the calls of all functions in order of time, each function its own', () => {
    const steps = (everyMs: number) => (afterMs: number) => (Math.floor(afterMs / everyMs) + 1) * everyMs;
    assert.deepEqual(
      [...mergedArrivals([steps(30), steps(50)], 100)].map(({ atMs, functionIndex }) => [atMs, functionIndex]),
      [[30, 0], [50, 1], [60, 0], [90, 0]],
    );
  });
});
