// The arithmetic of what a place is worth.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { arrivalProbability, regularlyDueAfterMs } from '../../../common/gap-forecast.ts';
import { arrivalRatePerMs, placeValueMs, poissonTail, predecessorOf, useProbability, usedPlaceSavesMs } from '../value.ts';
import { baseConfig, minute, TestScheduler } from './builders.ts';

const a = 'ann/a@1';

/** The action with a plan of one arrival in `meanGapMs` and a run that takes 200 ms in all. */
function planned(meanGapMs: number): { scheduler: TestScheduler; action: Parameters<typeof useProbability>[0] } {
  const scheduler = new TestScheduler({ preload: true });
  scheduler.deploy(a, { estimatedLoadMs: 100 });
  scheduler.plan(a, { arrivalRatePerMs: 1 / meanGapMs });
  const action = scheduler.state.actions.get(a);
  assert.ok(action !== undefined);
  return { scheduler, action };
}
function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 0.005, `${actual} is not about ${expected}`);
}

describe('the value of a place', () => {
  it('of the first place is the probability of an arrival within the horizon times the saved latency', () => {
    const { scheduler, action } = planned(minute);
    near(placeValueMs(action, 0, scheduler.now, baseConfig, minute), (1 - Math.exp(-1)) * 100);
  });

  it('is held against that of others mostly over a sixth of the horizon, where what is called more often is worth more', () => {
    const { scheduler, action } = planned(minute);
    near(placeValueMs(action, 0, scheduler.now, baseConfig), 85 * (1 - Math.exp(-1 / 6)) + 15 * (1 - Math.exp(-1)));
    const [often, oftener] = [planned(6000), planned(3000)].map((seen) => placeValueMs(seen.action, 0, seen.scheduler.now, baseConfig));
    assert.ok(oftener! > 1.1 * often!, `${oftener} and ${often}`);
  });

  it('follows what the plan foretells of the gaps: nothing just after a timer’s call, all of it when the next is due', () => {
    const { scheduler, action } = planned(minute);
    scheduler.plan(a, { arrivalRatePerMs: 1 / minute, gaps: { regimes: [], regular: { weight: 1, periodMs: minute, spreadMs: 2000 } } });
    const within10s = (silenceMs: number): number => useProbability(action, 0, scheduler.now + silenceMs, 10_000, baseConfig);
    near(within10s(20_000), 0.002);
    assert.ok(within10s(55_000) > 0.95);
    // A plan for calls that come to other invokers says nothing of those that come here.
    scheduler.plan(a, { elsewhere: true, gaps: { regimes: [[1, 1]] } });
    assert.equal(useProbability(action, 0, scheduler.now, 10_000, baseConfig), 0);
  });

  it('says when a timer’s call has come near', () => {
    const timers = fc.record({ periodMs: fc.double({ min: 1000, max: 1e7, noNaN: true }), spreadShare: fc.double({ min: 0.001, max: 0.1, noNaN: true }) });
    fc.assert(
      fc.property(timers, fc.double({ min: 0.01, max: 0.2, noNaN: true }), fc.integer({ min: 10, max: 100_000 }), ({ periodMs, spreadShare }, probability, horizonMs) => {
        const forecast = { regimes: [], regular: { weight: 1, periodMs, spreadMs: spreadShare * periodMs } };
        const fromMs = regularlyDueAfterMs(forecast, probability, horizonMs);
        if (fromMs === 0 || fromMs === Infinity) return;
        const then = arrivalProbability(forecast, fromMs, horizonMs);
        // The few calls that have nothing to do with the period come on top.
        assert.ok(then >= probability * 0.9 && then <= probability + 0.04, `${then} for ${probability}`);
      }),
      { numRuns: 1000 },
    );
    assert.equal(regularlyDueAfterMs({ regimes: [[1, 1000]] }, 0.1, minute), Infinity);
    assert.equal(regularlyDueAfterMs({ regimes: [[0.95, 1000]], regular: { weight: 0.05, periodMs: minute, spreadMs: 1000 } }, 0.1, minute), Infinity, 'too little speaks for a period');
  });

  it('rises where another action was called that the plan says it follows, until its own call comes', () => {
    const { scheduler, action } = planned(10 * minute);
    const gaps = { regimes: [[1, 10 * minute]] as const };
    const follows = [{ actionKey: 'ann/b@1', at: scheduler.now + 1000, probability: 0.8, medianDelayMs: 2000, spread: 0.5 }];
    scheduler.now += 1000;
    scheduler.plan(a, { lastArrivalAt: scheduler.now - 1000, gaps, follows });
    const within10s = (): number => useProbability(action, 0, scheduler.now, 10_000, baseConfig);
    near(within10s(), 1 - (1 - 0.8) * Math.exp(-1 / 60));
    assert.equal(predecessorOf(action, scheduler.now, baseConfig), 'ann/b@1');
    scheduler.now += 20_000;
    assert.ok(within10s() < 0.03, 'it did not follow');
    scheduler.now -= 20_000;
    scheduler.plan(a, { lastArrivalAt: scheduler.now, gaps, follows });
    near(within10s(), 1 - Math.exp(-1 / 60));
    assert.equal(predecessorOf(action, scheduler.now, baseConfig), undefined);
    scheduler.plan(a, { lastArrivalAt: scheduler.now - 1000, gaps, follows, elsewhere: true });
    assert.equal(predecessorOf(action, scheduler.now, baseConfig), undefined);
  });

  it('counts of several calls that it may follow only the one that makes it likeliest', () => {
    const { scheduler, action } = planned(10 * minute);
    scheduler.now += 1000;
    const called = (actionKey: string, probability: number) => ({ actionKey, at: scheduler.now, probability, medianDelayMs: 2000, spread: 0.5 });
    scheduler.plan(a, { lastArrivalAt: scheduler.now - 1, gaps: { regimes: [[1, 1e9]] }, follows: [called('ann/b@1', 0.5), called('ann/c@1', 0.8)] });
    near(useProbability(action, 0, scheduler.now, 10_000, baseConfig), 0.8);
    assert.equal(predecessorOf(action, scheduler.now, baseConfig), 'ann/c@1');
  });

  it('of further places is a run at most, or what piles up in the others, as the worked example says', () => {
    const savings = (gapMs: number, others: number): number => {
      const { scheduler, action } = planned(gapMs);
      Object.assign(action, { loadMs: { mean: 4000, count: 1 }, runMs: { mean: 250, count: 1 } });
      return usedPlaceSavesMs(action, others, scheduler.now, baseConfig);
    };
    assert.equal(savings(1e7, 0), 4000);
    near(savings(1e9, 1), 250);
    near(savings(500, 1), 500);
    assert.equal(savings(250, 1), 4000);
    near(savings(250, 2), 500);
  });

  it('of further places falls as the worked example says', () => {
    const { scheduler, action } = planned(1000);
    const values = [0, 1, 2].map((places) => useProbability(action, places, scheduler.now, 10_000, baseConfig));
    near(values[0]!, 1);
    near(values[1]!, 0.837);
    near(values[2]!, 0.16);
  });

  it('counts no rate above what the silence since the last arrival allows', () => {
    const { scheduler, action } = planned(4000);
    assert.equal(arrivalRatePerMs(action, scheduler.now + 1000, baseConfig), 1 / 4000);
    near(arrivalRatePerMs(action, scheduler.now + minute, baseConfig) * 1000, 0.047);
  });

  it('is nothing after the off-load window, which is ten minutes or the keep-alive where no plan sets it', () => {
    const { scheduler, action } = planned(minute);
    for (const [keepAliveMs, windowMs] of [[minute, 10 * minute], [20 * minute, 20 * minute]] as const) {
      const config = { ...baseConfig, keepAliveMs };
      assert.ok(placeValueMs(action, 0, scheduler.now + windowMs, config) > 0);
      assert.equal(placeValueMs(action, 0, scheduler.now + windowMs + 1, config), 0);
    }
    scheduler.plan(a, { offloadWindowMs: 3 * minute });
    assert.equal(placeValueMs(action, 0, scheduler.now + 3 * minute + 1, baseConfig), 0);
  });

  it('follows a burst that the plan does not know of yet', () => {
    const { scheduler, action } = planned(10 * minute);
    for (let number = 0; number < 4; number += 1) {
      scheduler.now += 500;
      scheduler.arrive(`a${number}`, a);
    }
    assert.equal(arrivalRatePerMs(action, scheduler.now, baseConfig), 1 / 500);
  });

  it('counts all that a call saves: the load, the quicker initialisation and the quicker first run', () => {
    const { scheduler, action } = planned(1);
    Object.assign(action, {
      loadMs: { mean: 300, count: 1 },
      initMs: { mean: 45, count: 1 },
      adoptMs: { mean: 30, count: 1 },
      firstRunMs: { mean: 130, count: 1 },
      runMs: { mean: 100, count: 1 },
    });
    near(placeValueMs(action, 0, scheduler.now, baseConfig), 345);
  });

  it('is never negative nor more than the saved latency, and never grows with the places there are', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e9, noNaN: true }), fc.nat({ max: 50 }), fc.nat({ max: 1e9 }), (meanGapMs, places, silenceMs) => {
        const { scheduler, action } = planned(meanGapMs);
        const now = scheduler.now + silenceMs;
        const value = placeValueMs(action, places, now, baseConfig);
        assert.ok(value >= 0 && value <= 100, `${value}`);
        assert.ok(placeValueMs(action, places + 1, now, baseConfig) <= value + 1e-9);
      }),
    );
  });
});

describe('the Poisson tail', () => {
  it('is what tables say', () => {
    near(poissonTail(2, 0.2), 0.0175);
    near(poissonTail(1, 1), 0.632);
    near(poissonTail(5, 5), 0.5595);
    assert.equal(poissonTail(0, 3), 1);
    assert.equal(poissonTail(3, 0), 0);
  });

  it('stays a probability for counts whose factorial no number holds', () => {
    near(poissonTail(1000, 1000), 0.5084);
    near(poissonTail(200, 1000), 1);
    near(poissonTail(2000, 1000), 0);
  });
});
