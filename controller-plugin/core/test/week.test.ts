// A week of arrivals: what is remembered of it, how exact it is, and how much memory it takes.
import { strict as assert } from 'node:assert';
import { createRandom } from '../../../common/random.ts';
import { collectGarbage } from '../../../common/testing/collect-garbage.ts';
import { defaultPreloaderConfig } from '../config.ts';
import { arrivalsInLastHours, countArrival, hourMs, mostHours, noCounts } from '../hourly-counts.ts';
import { observedRate } from '../observed-rate.ts';
import { createState } from '../state.ts';
import { makePlan, record } from '../step.ts';

const minute = 60_000;
const start = 400_000 * hourMs;
const config = defaultPreloaderConfig;

describe('arrivals by the hour', () => {
  it('are those of the hours asked for, in whatever order they are counted', () => {
    const hourly = noCounts();
    for (const hour of [5, 3, 5, 4, 2, 5]) countArrival(hourly, start + hour * hourMs);
    const now = start + 5 * hourMs + 1;
    assert.deepEqual([1, 2, 3, 4, 100].map((hours) => arrivalsInLastHours(hourly, now, hours)), [3, 4, 5, 6, 6]);
    assert.equal(arrivalsInLastHours(hourly, now + 2 * hourMs, 2), 0);
  });

  it('are forgotten after a week, and one older than that is not counted', () => {
    const hourly = noCounts();
    for (let hour = 0; hour < 3 * mostHours; hour += 1) countArrival(hourly, start + hour * hourMs);
    countArrival(hourly, start);
    assert.equal(hourly.counts.length, mostHours);
    assert.equal(arrivalsInLastHours(hourly, start + (3 * mostHours - 1) * hourMs, mostHours), mostHours);
    countArrival(hourly, start + 10 * mostHours * hourMs);
    assert.deepEqual(hourly.counts.filter((count) => count > 0), [1]);
  });
});

describe('the observed rate', () => {
  it('is the count over the time from the first arrival, or over the hours asked for', () => {
    const state = createState();
    for (let index = 0; index <= 120; index += 1) record(state, { type: 'arrivalObserved', at: start + (30 + index) * minute, actionKey: 'ann/a@1' }, config);
    const history = state.histories.get('ann/a@1')!;
    const now = start + 150 * minute;
    assert.deepEqual(observedRate(history, now, 2), { arrivals: 91, spanMs: 90 * minute, ratePerMs: 91 / (90 * minute) });
    assert.deepEqual(observedRate(history, now, 3), { arrivals: 121, spanMs: 120 * minute, ratePerMs: 1 / minute });
  });

  it('is none before anything is known', () => {
    const state = createState();
    record(state, { type: 'actionDeployed', at: start, actionKey: 'ann/a@1' }, config);
    assert.equal(observedRate(state.histories.get('ann/a@1')!, start, 24).ratePerMs, 0);
  });
});

/** Bytes of the heap that are in use once nothing is left to collect. */
function usedHeapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('a week of twenty thousand actions', function () {
  this.timeout(120_000);
  const actionCount = 20_000;
  const weekMs = mostHours * hourMs;
  const mostBytes = 100e6;

  it(`fits into ${mostBytes / 1e6} MB, and the rate of every busy action is right within 1 %`, () => {
    const random = createRandom(7);
    const before = usedHeapBytes();
    const state = createState();
    // One in a thousand is called every minute on average, the others about ten times in the week.
    const meanGapMs = (index: number): number => (index % 1000 === 0 ? minute : weekMs / 10);
    const counted = new Uint32Array(actionCount);
    for (let index = 0; index < actionCount; index += 1) {
      const actionKey = `ann/action-${index}@0.0.1`;
      for (let at = start + random.exponential(meanGapMs(index)); at < start + weekMs; at += random.exponential(meanGapMs(index))) {
        record(state, { type: 'arrivalObserved', at, actionKey, invoker: index % 3 }, config);
        counted[index]! += 1;
      }
    }
    const usedBytes = usedHeapBytes() - before;
    assert.equal(state.histories.size, actionCount);
    assert.ok(usedBytes < mostBytes, `${Math.round(usedBytes / 1e6)} MB`);
    for (let index = 0; index < actionCount; index += 1000) {
      const history = state.histories.get(`ann/action-${index}@0.0.1`)!;
      const { arrivals, ratePerMs } = observedRate(history, start + weekMs - 1, mostHours);
      assert.equal(arrivals, counted[index]);
      // The count of a Poisson process is itself √10 080 = 1 % off its mean; against what really came it has to be exact.
      assert.ok(Math.abs(ratePerMs / (counted[index]! / weekMs) - 1) < 0.01);
    }
    assert.ok((makePlan(state, 'ann/action-0@0.0.1', config)?.arrivalRatePerMs ?? 0) > 0);
  });

  it('takes no more memory when three times as many actions come by', () => {
    const before = usedHeapBytes();
    const state = createState();
    for (let index = 0; index < 3 * actionCount; index += 1) record(state, { type: 'arrivalObserved', at: start + index, actionKey: `bob/action-${index}@0.0.1` }, config);
    assert.equal(state.histories.size, config.mostActions);
    assert.ok(usedHeapBytes() - before < mostBytes);
  });
});
