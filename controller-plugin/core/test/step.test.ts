// What the Proactive Pre-loader says of an action, as sentences.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { parseActionKey } from '../../../common/action-identity.ts';
import { defaultPreloaderConfig, type PreloaderConfig } from '../config.ts';
import type { PreloaderEvent } from '../events.ts';
import type { ActionPlan } from '../plan.ts';
import { mostGaps } from '../rate.ts';
import { createState, type PreloaderState } from '../state.ts';
import { step } from '../step.ts';

const a = 'ann/a@1';
const minute = 60_000;

/** Deploys the action and lets it be called after each of the gaps; returns the last plan. */
function planAfter(gapsMs: readonly number[], config: Partial<PreloaderConfig> = {}, state: PreloaderState = createState()): ActionPlan {
  const chosen = { ...defaultPreloaderConfig, ...config };
  let at = 1_000_000;
  let [plan] = step(state, { type: 'actionDeployed', at, actionKey: a }, chosen).plans;
  for (const gapMs of [0, ...gapsMs]) {
    at += gapMs;
    [plan] = step(state, { type: 'arrivalObserved', at, actionKey: a }, chosen).plans;
  }
  assert.ok(plan !== undefined);
  return plan;
}
const times = (count: number, gapMs: number): number[] => new Array<number>(count).fill(gapMs);
function near(actual: number | undefined, expected: number, within = 0.01): void {
  assert.ok(actual !== undefined && Math.abs(actual / expected - 1) < within, `${actual} is not about ${expected}`);
}

describe('the Proactive Pre-loader', () => {
  it('asks for a load at once when an action is deployed, before any history', () => {
    const { plans } = step(createState(), { type: 'actionDeployed', at: 5, actionKey: a }, defaultPreloaderConfig);
    assert.deepEqual(plans, [{ actionKey: a, arrivalRatePerMs: 0, sampleCount: 0, lastArrivalAt: 5, preloadWindowMs: 0 }]);
  });

  it('knows no rate after one arrival', () => {
    assert.deepEqual(planAfter([]), { actionKey: a, arrivalRatePerMs: 0, sampleCount: 1, lastArrivalAt: 1_000_000, preloadWindowMs: 0 });
  });

  it('gives the paper’s windows for regular arrivals: 0.0619 and 2.813 mean gaps', () => {
    const plan = planAfter(times(8, minute));
    near(plan.arrivalRatePerMs, 1 / minute);
    near(plan.preloadWindowMs, 3713);
    near(plan.offloadWindowMs, 168_805);
  });

  it('gives no off-load window before five gaps', () => {
    assert.equal(planAfter(times(4, minute)).offloadWindowMs, undefined);
    assert.notEqual(planAfter(times(5, minute)).offloadWindowMs, undefined);
  });

  it('is exact to the millisecond for arrivals many times a second', () => {
    near(planAfter(times(20, 40)).preloadWindowMs, 2.475);
  });

  it('takes arrivals in the same millisecond, and a clock that runs back, for a millisecond apart', () => {
    near(planAfter(times(10, 0)).arrivalRatePerMs, 1);
    near(planAfter(times(10, -5)).arrivalRatePerMs, 1);
  });

  it('keeps artifacts over the long gaps between bursts once it has seen enough of them', () => {
    const burst = [...times(5, 500), 4 * minute];
    const plan = planAfter([...burst, ...burst, ...burst, ...burst, ...times(5, 500)]);
    assert.ok((plan.offloadWindowMs ?? 0) > 4 * minute, `${plan.offloadWindowMs}`);
  });

  it('survives the 240th arrival and a gap of a day, where the original stopped', () => {
    const plan = planAfter([...times(300, 1000), 24 * 60 * minute, ...times(10, 1000)]);
    near(plan.arrivalRatePerMs, 1 / 1000);
  });

  it('plans pre-warm and keep-alive from the histogram, unless told not to', () => {
    const plan = planAfter(times(20, 10 * minute));
    assert.ok(plan.prewarmWindowMs !== undefined && plan.prewarmWindowMs < 10 * minute, `${plan.prewarmWindowMs}`);
    assert.ok(plan.prewarmWindowMs + (plan.keepAliveWindowMs ?? 0) > 10 * minute);
    const without = planAfter(times(20, 10 * minute), { planContainerWindows: false });
    assert.deepEqual([without.prewarmWindowMs, without.keepAliveWindowMs], [undefined, undefined]);
  });

  it('lets an updated action keep its history, and forgets a removed one', () => {
    const state = createState();
    planAfter(times(8, minute), {}, state);
    const updated = step(state, { type: 'actionDeployed', at: 9e6, actionKey: 'ann/a@2' }, defaultPreloaderConfig).plans[0];
    near(updated?.arrivalRatePerMs, 1 / minute);
    step(state, { type: 'actionRemoved', at: 9e6, actionKey: 'ann/a@2' }, defaultPreloaderConfig);
    step(state, { type: 'actionRemoved', at: 9e6, actionKey: a }, defaultPreloaderConfig);
    assert.deepEqual(state, createState());
  });

  it('forgets the action seen longest ago when there are too many', () => {
    const state = createState();
    const config = { ...defaultPreloaderConfig, mostActions: 2 };
    for (const [at, name] of ['x', 'y', 'x', 'z'].entries()) step(state, { type: 'arrivalObserved', at, actionKey: `ann/${name}@1` }, config);
    assert.deepEqual([...state.histories.keys()], ['ann/x@1', 'ann/z@1']);
  });
});

describe('the Proactive Pre-loader, whatever is observed', () => {
  const event: fc.Arbitrary<PreloaderEvent> = fc.record({
    type: fc.constantFrom('actionDeployed', 'actionRemoved', 'arrivalObserved', 'arrivalObserved', 'arrivalObserved'),
    at: fc.integer({ min: 0, max: 1e9 }),
    actionKey: fc.constantFrom(a, 'ann/a@2', 'bob/b@1'),
  });
  const events = fc.array(event, { maxLength: 300, size: 'max' });

  it('plans finite, non-negative windows, the load before the off-load, from a bounded history', () => {
    fc.assert(
      fc.property(events, (observed) => {
        const state = createState();
        for (const each of observed) {
          for (const plan of step(state, each, defaultPreloaderConfig).plans) {
            const { preloadWindowMs = 0, offloadWindowMs = preloadWindowMs, prewarmWindowMs = 0, keepAliveWindowMs = 0, arrivalRatePerMs } = plan;
            for (const value of [preloadWindowMs, offloadWindowMs, prewarmWindowMs, keepAliveWindowMs, arrivalRatePerMs]) {
              assert.ok(Number.isFinite(value) && value >= 0, JSON.stringify(plan));
            }
            assert.ok(preloadWindowMs <= offloadWindowMs && arrivalRatePerMs <= 1, JSON.stringify(plan));
          }
        }
        for (const [key, { gapsMs }] of state.histories) assert.ok(gapsMs.length <= mostGaps, key);
        const names = new Set([...state.histories.keys()].map((key) => parseActionKey(key).qualifiedName));
        assert.ok([...state.newestKeys.keys()].every((name) => names.has(name)));
      }),
      { numRuns: 200 },
    );
  });

  it('says the same when it sees the same, also from a copy of its state', () => {
    fc.assert(
      fc.property(events, fc.nat({ max: 300 }), (observed, copyAt) => {
        const first = createState();
        let second = createState();
        for (const [index, each] of observed.entries()) {
          if (index === copyAt) second = structuredClone(second);
          assert.deepEqual(step(second, each, defaultPreloaderConfig).plans, step(first, each, defaultPreloaderConfig).plans);
        }
      }),
      { numRuns: 100 },
    );
  });
});
