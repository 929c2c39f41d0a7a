// Which actions follow which, against worked numbers, laws and chains that are known to be there.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { delayDensity, delayShare, followProbability, type FollowForecast } from '../../../common/follow-forecast.ts';
import { gapHazard, type GapForecast } from '../../../common/gap-forecast.ts';
import { createRandom } from '../../../common/random.ts';
import { planSchema } from '../../protocol.ts';
import { defaultPreloaderConfig } from '../config.ts';
import { firstFollowed, followedShareOf, medianDelayMsOf, noteFollowed, weightOf } from '../follow-model.ts';
import type { ActionPlan } from '../plan.ts';
import { createState, type PreloaderState } from '../state.ts';
import { step } from '../step.ts';

const [a, b, c] = ['ann/a@1', 'ann/b@1', 'ann/c@1'] as const;
const minute = 60_000;

function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not within ${within} of ${expected}`);
}
/** Tells of calls in their order; returns the last plan of each action that had one. */
function tell(state: PreloaderState, calls: readonly (readonly [at: number, actionKey: string])[], config = defaultPreloaderConfig): Map<string, ActionPlan> {
  const plans = new Map<string, ActionPlan>();
  for (const [at, actionKey] of calls.toSorted(([left], [right]) => left - right)) {
    for (const plan of step(state, { type: 'arrivalObserved', at, actionKey }, config).plans) plans.set(plan.actionKey, plan);
  }
  return plans;
}
/** The former is called at random once a minute, the follower two seconds later in four cases of five. */
function chain(former: string, follower: string, count: number, seed = 1): (readonly [number, string])[] {
  const random = createRandom(seed, `${former} ${follower}`);
  let at = 1_000_000;
  return Array.from({ length: count }, () => {
    at += random.exponential(minute);
    return random.uniform() < 0.8 ? ([[at, former], [at + random.uniformBetween(1500, 2500), follower]] as const) : ([[at, former]] as const);
  }).flat();
}
function alone(actionKey: string, count: number, seed = 1): (readonly [number, string])[] {
  const random = createRandom(seed, actionKey);
  let at = 1_000_000;
  return Array.from({ length: count }, () => [(at += random.exponential(minute)), actionKey] as const);
}

describe('the probability that a call follows', () => {
  it('is what the worked examples say', () => {
    near(delayShare(2000, 1, 2000), 0.5, 1e-9);
    near(delayShare(2000, 1, 2000 * Math.E), 0.86, 0.005);
    near(delayDensity(2000, 0.5, 2000) * 1000, 0.45, 0.005);
    const called: FollowForecast = { actionKey: a, at: 0, probability: 0.8, medianDelayMs: 2000, spread: 0.5 };
    near(followProbability(called, 0, 10_000), 0.8, 0.005);
    near(followProbability(called, 10_000, 10_000), 0.011, 0.001);
  });

  it('is a probability that grows with the horizon, whatever is foretold', () => {
    const called = fc.record({ actionKey: fc.constant(a), at: fc.nat({ max: 1e9 }), probability: fc.double({ min: 0, max: 1, noNaN: true }), medianDelayMs: fc.double({ min: 1, max: 1e6, noNaN: true }), spread: fc.double({ min: 0.1, max: 1.5, noNaN: true }) });
    fc.assert(
      fc.property(called, fc.nat({ max: 1e9 }), fc.nat({ max: 1e7 }), fc.nat({ max: 1e7 }), (given, now, horizonMs, moreMs) => {
        const [less, more] = [followProbability(given, now, horizonMs), followProbability(given, now, horizonMs + moreMs)];
        assert.ok(less >= 0 && more <= 1 + 1e-9 && less <= more + 1e-9, `${less} ${more}`);
      }),
    );
  });

  it('has the density that its shares add up from', () => {
    near(delayShare(2000, 0.7, 1501) - delayShare(2000, 0.7, 1500), delayDensity(2000, 0.7, 1500.5), 1e-8);
  });
});

describe('how probable a call is at a moment by the gaps alone', () => {
  it('is the rate for gaps without memory, and a number whatever the forecast and the silence', () => {
    near(gapHazard({ regimes: [[1, minute]] }, 5000) * minute, 1, 1e-9);
    const part = fc.tuple(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.double({ min: 1, max: 1e8, noNaN: true }));
    const forecast: fc.Arbitrary<GapForecast> = fc.record({ regimes: fc.array(part, { minLength: 1, maxLength: 13 }) });
    fc.assert(
      fc.property(forecast, fc.nat({ max: 1e9 }), (given, gapMs) => {
        const hazard = gapHazard(given, gapMs);
        assert.ok(hazard > 0 && Number.isFinite(hazard), `${hazard}`);
      }),
    );
  });
});

describe('what one call shows of a predecessor', () => {
  const circumstances = { at: 12_000, lastAt: 0, waiting: 1, formerTimes: [10_000] };
  const known = () => ({ ...firstFollowed(a, 0, 2000), calls: 32, followed: 26, logVariance: 0.25 / (1 + 1 / 26) });

  it('is much where the gaps foretold nothing, and nothing where they foretold the call, as the worked example says', () => {
    const [rare, frequent] = [known(), known()];
    noteFollowed(rare, { ...circumstances, hazardPerMs: 1 / minute });
    noteFollowed(frequent, { ...circumstances, hazardPerMs: 1 / 1000 });
    near(rare.score, 3, 1e-9);
    near(Math.exp(frequent.score), 0.96, 0.02);
    assert.deepEqual([rare.followed > frequent.followed, rare.handledCalls, frequent.handledCalls], [true, 1, 0]);
  });

  it('speaks against it where its calls were not followed', () => {
    const predecessor = known();
    noteFollowed(predecessor, { at: 200_000, lastAt: 0, waiting: 3, formerTimes: [10_000, 70_000, 130_000], hazardPerMs: 1 / minute });
    assert.ok(predecessor.score < -2, `${predecessor.score}`);
    assert.equal(predecessor.handledCalls, 3);
    assert.ok(followedShareOf(predecessor) < followedShareOf(known()));
  });

  it('leaves numbers that are shares, weights and delays, whatever happened', () => {
    const happening = fc.record({ gapMs: fc.nat({ max: 1e7 }), before: fc.array(fc.nat({ max: 1e7 }), { minLength: 1, maxLength: 4 }), unseen: fc.nat({ max: 50 }), hazardPerMs: fc.double({ min: 1e-12, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 30 }), (happenings) => {
        const predecessor = firstFollowed(a, 0, 500);
        let lastAt = 1e9;
        for (const { gapMs, before, unseen, hazardPerMs } of happenings) {
          const at = lastAt + gapMs;
          const handled = predecessor.handledCalls;
          noteFollowed(predecessor, { at, lastAt, hazardPerMs, waiting: before.length + unseen, formerTimes: before.map((ms) => at - ms).toSorted((left, right) => left - right) });
          lastAt = at;
          assert.ok(predecessor.handledCalls >= handled && predecessor.handledCalls <= handled + before.length + unseen);
          const [share, weight] = [followedShareOf(predecessor), weightOf(predecessor)];
          assert.ok(share > 0 && share < 1 && weight >= 0 && weight <= 1 && medianDelayMsOf(predecessor) >= 0.99 && predecessor.logVariance >= 0, JSON.stringify(predecessor));
        }
      }),
    );
  });
});

describe('the planner, of actions that follow one another', () => {
  it('finds how often and how late one follows, and says so when the former is called', () => {
    const state = createState();
    tell(state, chain(a, b, 60));
    const plans = tell(state, [[10_000_000, a]]);
    const [called] = plans.get(b)?.follows ?? [];
    assert.ok(called !== undefined, 'the follower has a new plan');
    assert.deepEqual([called.actionKey, called.at], [a, 10_000_000]);
    near(called.probability, 0.8, 0.15);
    near(called.medianDelayMs, 2000, 200);
    assert.equal(plans.get(a)?.follows, undefined);
  });

  it('says nothing of it any more when the follower was called', () => {
    const state = createState();
    tell(state, chain(a, b, 60));
    assert.equal(tell(state, [[10_000_000, a], [10_002_000, b]]).get(b)?.follows, undefined);
  });

  it('sees through a chain: the last one follows the first, too', () => {
    const state = createState();
    const calls = chain(a, b, 80);
    tell(state, [...calls, ...calls.filter(([, key]) => key === b).map(([at]) => [at + 3000, c] as const)]);
    const called = tell(state, [[20_000_000, a]]).get(c)?.follows?.find(({ actionKey }) => actionKey === a);
    assert.ok(called !== undefined);
    near(called.medianDelayMs, 5000, 500);
  });

  it('knows of a call wherever it came', () => {
    const state = createState();
    tell(state, chain(a, b, 60));
    const { plans } = step(state, { type: 'arrivalObserved', at: 10_000_000, actionKey: a, invoker: 7 }, defaultPreloaderConfig);
    assert.deepEqual(plans.map(({ actionKey, follows }) => [actionKey, follows?.[0]?.at]), [[a, undefined], [b, 10_000_000]]);
  });

  it('believes in nothing of the kind where actions are called by themselves', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const state = createState();
      const names = ['p', 'q', 'r', 's', 't', 'u'].map((name) => `ann/${name}@1`);
      const told = names.flatMap((name) => alone(name, 150, seed)).toSorted(([left], [right]) => left - right);
      let [plans, following] = [0, 0];
      for (const [at, actionKey] of told) {
        for (const plan of step(state, { type: 'arrivalObserved', at, actionKey }, defaultPreloaderConfig).plans) {
          plans += 1;
          if (plan.follows !== undefined) following += 1;
        }
      }
      assert.ok(following < 0.03 * plans, `${following} of ${plans} plans`);
    }
  });

  it('learns nothing across namespaces, not even of an action that two share', () => {
    for (const former of ['bob/a@1', 'bob:ann/a@1']) {
      const state = createState();
      const plans = tell(state, [...chain(former, b, 80), [10_000_000, former]]);
      assert.equal(plans.get(b)?.follows, undefined);
      assert.deepEqual(state.histories.get(b)?.following?.predecessors, []);
    }
    const state = createState();
    const plans = tell(state, [...chain('bob:ann/a@1', 'bob:ann/b@1', 60), [10_000_000, 'bob:ann/a@1']]);
    assert.equal(plans.get('bob:ann/b@1')?.follows?.length, 1);
  });

  it('unlearns it when nothing follows any more', () => {
    const state = createState();
    tell(state, chain(a, b, 60));
    tell(state, [...alone(a, 200, 2), ...alone(b, 200, 3)].map(([at, key]) => [at + 10_000_000, key] as const));
    assert.equal(tell(state, [[1e9, a]]).get(b)?.follows, undefined);
  });

  it('takes no part of an arrival that comes to light late, and survives that the former is forgotten', () => {
    const state = createState();
    tell(state, chain(a, b, 60));
    const calls = state.histories.get(a)?.following?.calls;
    step(state, { type: 'arrivalObserved', at: 1_000_001, actionKey: a }, defaultPreloaderConfig);
    assert.equal(state.histories.get(a)?.following?.calls, calls);
    step(state, { type: 'actionRemoved', at: 9_000_000, actionKey: a }, defaultPreloaderConfig);
    assert.equal(tell(state, [[10_000_000, a], [10_002_000, b], [10_060_000, a], [10_062_000, b]]).get(b)?.follows, undefined);
    step(state, { type: 'actionRemoved', at: 11_000_000, actionKey: b }, defaultPreloaderConfig);
    assert.deepEqual(step(state, { type: 'arrivalObserved', at: 12_000_000, actionKey: a }, defaultPreloaderConfig).plans.map(({ actionKey }) => actionKey), [a]);
  });

  it('remembers little of many actions, and of few namespaces', () => {
    const state = createState();
    const random = createRandom(1, 'many');
    const config = { ...defaultPreloaderConfig, mostActions: 50 };
    for (let call = 0; call < 5000; call += 1) step(state, { type: 'arrivalObserved', at: call * 100, actionKey: `n${Math.floor(random.uniform() * 80)}/x${Math.floor(random.uniform() * 5)}@1` }, config);
    assert.ok(state.recentCalls.size <= 50 && state.histories.size <= 50);
    const same = createState();
    for (let call = 0; call < 5000; call += 1) step(same, { type: 'arrivalObserved', at: call * 100, actionKey: `ann/x${Math.floor(random.uniform() * 40)}@1` }, config);
    for (const { following } of same.histories.values()) {
      assert.ok(JSON.stringify(following).length < 2000, JSON.stringify(following));
      assert.ok((following?.predecessors.length ?? 0) <= 4 && (following?.suspects.length ?? 0) <= 8 && (following?.followers.length ?? 0) <= 4);
    }
    assert.equal(same.recentCalls.get('ann')?.length, 8);
  });

  it('sends it in a plan that the schema takes, with it and without', () => {
    const golden = '{"formatVersion":1,"actionKey":"ann/b@1","arrivalRatePerMs":0.00001,"sampleCount":5,"lastArrivalAt":1000,"follows":[{"actionKey":"ann/a@1","at":2000,"probability":0.8,"medianDelayMs":1500.5,"spread":0.4}]}';
    assert.equal(JSON.stringify(planSchema.parse(JSON.parse(golden))), golden);
    const before = '{"formatVersion":1,"actionKey":"ann/b@1","arrivalRatePerMs":0.00001,"sampleCount":5,"lastArrivalAt":1000}';
    assert.equal(JSON.stringify(planSchema.parse(JSON.parse(before))), before);
    const state = createState();
    tell(state, chain(a, b, 60));
    const plan = { formatVersion: 1, ...tell(state, [[10_000_000, a]]).get(b) };
    assert.deepEqual(planSchema.parse(JSON.parse(JSON.stringify(plan))), plan);
  });
});
