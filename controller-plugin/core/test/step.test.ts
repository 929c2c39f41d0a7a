// What the Proactive Pre-loader says of an action, as sentences.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { parseActionKey } from '../../../common/action-identity.ts';
import { defaultPreloaderConfig, type PreloaderConfig } from '../config.ts';
import type { PreloaderEvent } from '../events.ts';
import type { ActionPlan } from '../plan.ts';
import { mostGaps } from '../rate.ts';
import { createState, type PreloaderState } from '../state.ts';
import { record, step } from '../step.ts';

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

  it('takes arrivals in the same millisecond for a millisecond apart', () => {
    near(planAfter(times(10, 0)).arrivalRatePerMs, 1);
  });

  it('puts an arrival that comes to light late into its place in time', () => {
    near(planAfter(times(10, -5)).arrivalRatePerMs, 1 / 5);
    const inOrder = createState();
    const outOfOrder = createState();
    const arrivals = [0, 10, 30, 35, 60, 61, 90];
    for (const at of arrivals) step(inOrder, { type: 'arrivalObserved', at, actionKey: a }, defaultPreloaderConfig);
    for (const at of [30, 10, 0, 61, 90, 60, 35]) step(outOfOrder, { type: 'arrivalObserved', at, actionKey: a }, defaultPreloaderConfig);
    assert.deepEqual(outOfOrder.histories.get(a)?.gapsMs, [10, 20, 5, 25, 1, 29]);
    assert.deepEqual(outOfOrder.histories.get(a)?.gapsMs, inOrder.histories.get(a)?.gapsMs);
    assert.deepEqual(outOfOrder.histories.get(a)?.histogram, inOrder.histories.get(a)?.histogram);
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

describe('the Proactive Pre-loader with too many actions', () => {
  it('rather forgets one that was called once than one called often, though that was longer ago', () => {
    const state = createState();
    const config = { ...defaultPreloaderConfig, mostActions: 3 };
    const called = (name: string, at: number): unknown => step(state, { type: 'arrivalObserved', at, actionKey: `ann/${name}@1` }, config);
    for (let at = 0; at < 50; at += 1) called('often', at);
    for (const [index, name] of ['once', 'twice', 'twice', 'new'].entries()) called(name, 100 + index);
    assert.deepEqual([...state.histories.keys()], ['ann/often@1', 'ann/twice@1', 'ann/new@1']);
  });

  it('says which ones it forgot, so that their plans can be withdrawn', () => {
    const state = createState();
    const config = { ...defaultPreloaderConfig, mostActions: 1 };
    record(state, { type: 'arrivalObserved', at: 1, actionKey: a }, config);
    assert.deepEqual(record(state, { type: 'arrivalObserved', at: 2, actionKey: 'bob/b@1' }, config), { changed: ['bob/b@1'], forgotten: [a] });
  });
});

describe('an arrival that is read twice', () => {
  const arrival = (at: number, offset: number): PreloaderEvent => ({ type: 'arrivalObserved', at, actionKey: a, place: { topic: 'invoker0', offset } });
  const gapsAfter = (...events: PreloaderEvent[]): readonly number[] | undefined => {
    const state = createState();
    for (const event of events) record(state, event, defaultPreloaderConfig);
    return state.histories.get(a)?.gapsMs;
  };

  it('counts once', () => {
    assert.deepEqual(gapsAfter(arrival(10, 0), arrival(20, 1), arrival(30, 2), arrival(20, 1), arrival(30, 2), arrival(35, 3)), [10, 10, 5]);
  });

  it('is not mistaken for the first of a topic that was created anew', () => {
    assert.deepEqual(gapsAfter(arrival(10, 7), arrival(20, 8), arrival(30, 0), arrival(40, 1)), [10, 10, 10]);
  });
});

describe('what activations take', () => {
  it('is learnt from what is reported of actions that are known, initialisation from cold starts only', () => {
    const state = createState();
    step(state, { type: 'activationMeasured', at: 1, actionKey: a, durationMs: 1, waitMs: 1, initMs: 0 }, defaultPreloaderConfig);
    assert.equal(state.histories.size, 0);
    step(state, { type: 'arrivalObserved', at: 1, actionKey: a }, defaultPreloaderConfig);
    for (const [durationMs, initMs] of [[300, 200], [100, 0], [200, 0]] as const) {
      step(state, { type: 'activationMeasured', at: 2, actionKey: a, durationMs, waitMs: 10, initMs, memoryMegabytes: 512 }, defaultPreloaderConfig);
    }
    assert.deepEqual(state.histories.get(a)?.times, { count: 3, durationMs: 200, waitMs: 10, coldCount: 1, initMs: 200 });
    assert.equal(state.histories.get(a)?.memoryMegabytes, 512);
  });
});

describe('the Proactive Pre-loader, whatever is observed', () => {
  const at = fc.integer({ min: 0, max: 1e9 });
  const aboutAction: fc.Arbitrary<PreloaderEvent> = fc.record({
    type: fc.constantFrom('actionDeployed', 'actionRemoved', 'arrivalObserved', 'arrivalObserved', 'arrivalObserved'),
    at,
    actionKey: fc.constantFrom(a, 'ann/a@2', 'bob/b@1'),
  });
  const aboutInvoker: fc.Arbitrary<PreloaderEvent> = fc.record({
    type: fc.constant('invokerPinged'),
    at,
    invoker: fc.nat({ max: 4 }),
    isEnabled: fc.boolean(),
    userMemoryBytes: fc.constant(2 ** 31),
  });
  const event = fc.oneof({ weight: 6, arbitrary: aboutAction }, aboutInvoker);
  const config = { ...defaultPreloaderConfig, placeActions: true };
  const events = fc.array(event, { maxLength: 300, size: 'max' });

  it('plans finite, non-negative windows, the load before the off-load, from a bounded history', () => {
    fc.assert(
      fc.property(events, (observed) => {
        const state = createState();
        for (const each of observed) {
          for (const plan of step(state, each, config).plans) {
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
          assert.deepEqual(step(second, each, config).plans, step(first, each, config).plans);
        }
      }),
      { numRuns: 100 },
    );
  });
});
