// Which invokers a plan names under a stock controller, as sentences.
import { strict as assert } from 'node:assert';
import { probeOrder } from '../../../common/home-invoker.ts';
import { defaultPreloaderConfig } from '../config.ts';
import type { PreloaderEvent } from '../events.ts';
import { invokersKnownAfterMs } from '../observed-invokers.ts';
import type { ActionPlan } from '../plan.ts';
import { busyBytesOf, placementOf, silentAfterMs, type InvokerStanding, type PlacementDemand } from '../placement.ts';
import { createState } from '../state.ts';
import { step } from '../step.ts';

const gigabyte = 2 ** 30;
const name = 'guest/hello';
// Of three invokers, guest/hello has the home 1 and the step 2: 1, 0, 2.
const standings = (...healthy: boolean[]): InvokerStanding[] => healthy.map((isHealthy, invoker) => ({ invoker, isHealthy, userMemoryBytes: gigabyte }));
const demand = (overrides: Partial<PlacementDemand> = {}): PlacementDemand => ({ qualifiedName: name, caller: 'guest', busyBytes: gigabyte / 4, seenAt: [], ...overrides });

describe('the placement of an action', () => {
  it('is its home invoker', () => {
    assert.deepEqual(placementOf(demand(), standings(true, true, true)), [1]);
  });

  it('is the next one by its step when its home is unhealthy', () => {
    assert.deepEqual(probeOrder('guest', name, 3), [1, 0, 2]);
    assert.deepEqual(placementOf(demand(), standings(true, false, true)), [0]);
    assert.deepEqual(placementOf(demand(), standings(false, false, true)), [2]);
  });

  it('is nobody when no invoker is healthy or known', () => {
    assert.deepEqual(placementOf(demand(), standings(false, false, false)), []);
    assert.deepEqual(placementOf(demand(), []), []);
  });

  it('goes on to the next ones while its calls do not fit into one', () => {
    assert.deepEqual(placementOf(demand({ busyBytes: 1.5 * gigabyte }), standings(true, true, true)), [0, 1]);
    assert.deepEqual(placementOf(demand({ busyBytes: 1.5 * gigabyte }), standings(false, true, true)), [1, 2]);
  });

  it('includes where its calls are really sent', () => {
    assert.deepEqual(placementOf(demand({ seenAt: [2] }), standings(true, true, true)), [1, 2]);
    assert.deepEqual(placementOf(demand({ seenAt: [2] }), standings(true, true, false)), [1]);
  });

  it('depends on the namespace that calls it', () => {
    for (const caller of ['guest', 'ann', 'bob', 'eve']) assert.deepEqual(placementOf(demand({ caller }), standings(true, true, true)), [probeOrder(caller, name, 3)[0]]);
  });

  it('counts an id below the highest that was never heard of, as the controller does', () => {
    const [home, next] = probeOrder('guest', name, 3);
    const withGap = standings(true, true, true).filter(({ invoker }) => invoker !== home);
    assert.deepEqual(placementOf(demand(), withGap), [next]);
  });

  it('expects as many calls at once as come in 95 of 100 moments', () => {
    assert.equal(busyBytesOf(2 / 1000, 1500, gigabyte), 6 * gigabyte);
    assert.equal(busyBytesOf(0, 1000, gigabyte), gigabyte);
  });
});

describe('the Proactive Pre-loader over several invokers', () => {
  const config = { ...defaultPreloaderConfig, placeActions: true };
  const key = 'guest/hello@0.0.1';
  const ping = (invoker: number, at: number, isEnabled = true): PreloaderEvent => ({ type: 'invokerPinged', at, invoker, isEnabled, userMemoryBytes: gigabyte });
  const called = (at: number): PreloaderEvent => ({ type: 'arrivalObserved', at, actionKey: key });

  /** The plans of the last of the events. */
  const plansAfter = (...events: PreloaderEvent[]): readonly ActionPlan[] => {
    const state = createState();
    return events.map((event) => step(state, event, config).plans).at(-1) ?? [];
  };
  const ticked = (at: number): PreloaderEvent => ({ type: 'ticked', at });
  /** They are heard, and have been for long enough at `at`. */
  const all = (at: number): PreloaderEvent[] => [ping(0, at - invokersKnownAfterMs), ping(1, at), ping(2, at), ping(0, at)];

  it('names the home invoker in the plan', () => {
    assert.deepEqual(plansAfter(...all(0), called(1)).map(({ invokers }) => invokers), [[1]]);
  });

  it(`waits for ${invokersKnownAfterMs} ms from the first heartbeat, and plans then what was observed meanwhile`, () => {
    const heard = [ping(2, 0), called(1), ping(0, 300)];
    for (let length = 1; length <= heard.length; length += 1) assert.deepEqual(plansAfter(...heard.slice(0, length)), []);
    const afterAll = [...heard, ping(1, 900), ping(2, 1000), ticked(invokersKnownAfterMs - 1)];
    assert.deepEqual(plansAfter(...afterAll), []);
    assert.deepEqual(plansAfter(...afterAll, ticked(invokersKnownAfterMs)).map(({ invokers }) => invokers), [[1]]);
    assert.deepEqual(plansAfter(...afterAll, ticked(invokersKnownAfterMs), ping(0, 2300)), []);
  });

  it('plans for a deployed action when the invokers are known, not before', () => {
    const deployed: PreloaderEvent = { type: 'actionDeployed', at: 0, actionKey: key };
    assert.deepEqual(plansAfter(deployed), []);
    assert.deepEqual(plansAfter(deployed, ping(0, 1), ping(1, 1), ping(2, 1), ticked(1 + invokersKnownAfterMs)).map(({ invokers }) => invokers), [[1]]);
  });

  it(`names nobody when it has heard no invoker for ${silentAfterMs} ms`, () => {
    const beforeThat = [ticked(0), called(1), ticked(silentAfterMs - 1)];
    assert.deepEqual(plansAfter(...beforeThat), []);
    assert.deepEqual(plansAfter(...beforeThat, ticked(silentAfterMs)).map(({ invokers }) => invokers), [undefined]);
    assert.deepEqual(plansAfter(...beforeThat, ticked(silentAfterMs), called(12_000)).map(({ invokers }) => invokers), [undefined]);
    const heardAtLast = [...beforeThat, ticked(silentAfterMs), ping(0, 15_000), ping(1, 15_500), ping(2, 15_900)];
    assert.deepEqual(plansAfter(...heardAtLast), []);
    assert.deepEqual(plansAfter(...heardAtLast, ticked(15_000 + invokersKnownAfterMs)).map(({ invokers }) => invokers), [[1]]);
  });

  it(`plans the actions of an invoker elsewhere once it has been silent for ${silentAfterMs} ms, and back when it returns`, () => {
    const beforeSilence = [...all(0), called(1), ping(0, 9000), ping(2, 9000)];
    assert.deepEqual(plansAfter(...beforeSilence, ticked(silentAfterMs - 1)), []);
    assert.deepEqual(plansAfter(...beforeSilence, ticked(silentAfterMs)).map(({ invokers }) => invokers), [[0]]);
    assert.deepEqual(plansAfter(...beforeSilence, ticked(silentAfterMs), ping(1, 12_000)).map(({ invokers }) => invokers), [[1]]);
  });

  it('plans them elsewhere at once when the invoker says that it takes no more work', () => {
    assert.deepEqual(plansAfter(...all(0), called(1), ping(1, 2, false)).map(({ invokers }) => invokers), [[0]]);
  });

  it('makes no plan for a heartbeat that changes nothing', () => {
    assert.deepEqual(plansAfter(...all(0), called(1), ping(1, 1000)), []);
  });
});
