// What is foretold of an action's gaps, against worked numbers and laws.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { arrivalProbability, gapDensity, type GapForecast } from '../../../common/gap-forecast.ts';
import { createRandom } from '../../../common/random.ts';
import { forecastOf, modelOf, noGaps } from '../gap-model.ts';
import { recordArrival } from '../record-arrival.ts';
import { planFor } from '../plan.ts';
import { createState } from '../state.ts';
import { record } from '../step.ts';
import { defaultPreloaderConfig } from '../config.ts';
import { planSchema } from '../../protocol.ts';

const minute = 60_000;

function forecastFor(gapsMs: readonly number[]): GapForecast {
  const forecast = forecastOf(modelOf(gapsMs));
  assert.ok(forecast !== undefined);
  return forecast;
}
function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not within ${within} of ${expected}`);
}

describe('the probability of an arrival, given a forecast', () => {
  it('is what the worked examples say', () => {
    near(arrivalProbability({ regimes: [[1, minute]] }, 0, 10_000), 0.154, 0.001);
    near(arrivalProbability({ regimes: [[1, minute]] }, 5 * minute, 10_000), 0.154, 0.001);
    const timer: GapForecast = { regimes: [], regular: { weight: 1, periodMs: minute, spreadMs: 2000 } };
    near(arrivalProbability(timer, 20_000, 10_000), 0.0022, 0.0005);
    near(arrivalProbability(timer, 55_000, 10_000), 0.98, 0.01);
    const bursts: GapForecast = { regimes: [[0.9, 1000], [0.1, 300_000]] };
    near(arrivalProbability(bursts, 0, 10_000), 0.9, 0.01);
    near(arrivalProbability(bursts, 15_000, 10_000), 0.033, 0.005);
  });

  it('is a probability that grows with the horizon, whatever the forecast', () => {
    const part = fc.tuple(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.double({ min: 1, max: 1e8, noNaN: true }));
    const forecast = fc.record({ regimes: fc.array(part, { maxLength: 13 }), regular: fc.option(fc.record({ weight: fc.double({ min: 0.01, max: 1, noNaN: true }), periodMs: fc.double({ min: 1, max: 1e8, noNaN: true }), spreadMs: fc.double({ min: 20, max: 1e7, noNaN: true }) }), { nil: undefined }) });
    fc.assert(
      fc.property(forecast, fc.nat({ max: 1e9 }), fc.nat({ max: 1e7 }), fc.nat({ max: 1e7 }), (given, silenceMs, horizonMs, moreMs) => {
        const [less, more] = [arrivalProbability(given, silenceMs, horizonMs), arrivalProbability(given, silenceMs, horizonMs + moreMs)];
        assert.ok(less >= 0 && more <= 1 && less <= more + 1e-9, `${less} ${more}`);
      }),
    );
  });

  it('has the density that its probabilities add up from', () => {
    const timer: GapForecast = { regimes: [], regular: { weight: 1, periodMs: 1000, spreadMs: 150 } };
    const before = arrivalProbability(timer, 0, 900);
    near(arrivalProbability(timer, 0, 901) - before, gapDensity(1000, 150, 900.5), 1e-5);
  });
});

describe('the model of the gaps', () => {
  it('says nothing before the first gap', () => {
    assert.equal(forecastOf(noGaps()), undefined);
  });

  it('finds a timer, and when its next call is due', () => {
    const random = createRandom(1, 'a timer');
    const forecast = forecastFor(Array.from({ length: 30 }, () => minute + random.uniformBetween(-3000, 3000)));
    assert.ok((forecast.regular?.weight ?? 0) > 0.95, JSON.stringify(forecast));
    assert.ok(arrivalProbability(forecast, 10_000, 10_000) < 0.02);
    assert.ok(arrivalProbability(forecast, 53_000, 10_000) > 0.9);
  });

  it('expects a timer sooner after a call that was late, but not what is called a minute after its last call', () => {
    const random = createRandom(5, 'a late call');
    const times = Array.from({ length: 40 }, (_, index) => index * minute + random.uniformBetween(-6000, 6000));
    const timetable = [...times, 40 * minute + 6000];
    const dueAfter = (gapsMs: readonly number[]): number => forecastFor(gapsMs).regular?.periodMs ?? 0;
    near(dueAfter(timetable.slice(1).map((at, index) => at - (timetable[index] ?? 0))), minute - 6000, 2500);
    const afterTheLast = Array.from({ length: 40 }, () => minute + random.uniformBetween(-6000, 6000));
    near(dueAfter([...afterTheLast, minute + 6000]), minute, 2500);
  });

  it('takes gaps without memory for that: silence changes little', () => {
    const random = createRandom(2, 'no memory');
    const forecast = forecastFor(Array.from({ length: 64 }, () => random.exponential(minute)));
    near(arrivalProbability(forecast, 0, minute), 0.63, 0.15);
    near(arrivalProbability(forecast, 30_000, minute), 0.63, 0.15);
  });

  it('knows that a burst is over some gaps after its last call', () => {
    const random = createRandom(3, 'bursts');
    const burst = (): number[] => [...Array.from({ length: 12 }, () => random.exponential(500)), 5 * minute];
    const gapsMs = [...burst(), ...burst(), ...burst(), ...burst(), ...burst().slice(0, 6)];
    const forecast = forecastFor(gapsMs);
    assert.ok(arrivalProbability(forecast, 0, 5000) > 0.85);
    assert.ok(arrivalProbability(forecast, 10_000, 5000) < 0.15);
  });

  it('notices a crowd with its first calls, as no average over the past does', () => {
    const random = createRandom(4, 'a crowd');
    const quiet = Array.from({ length: 50 }, () => random.exponential(5 * minute));
    const before = arrivalProbability(forecastFor(quiet), 0, 10_000);
    const after = arrivalProbability(forecastFor([...quiet, 2000, 1500, 2500]), 0, 10_000);
    assert.ok(before < 0.1 && after > 0.5, `${before} ${after}`);
  });

  it('gives weights that sum to 1 at most, whatever the gaps, in a plan of a few hundred bytes that the schema takes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 1e9 }), { minLength: 1, maxLength: 80 }), (gapsMs) => {
        const gaps = forecastFor(gapsMs);
        const sum = gaps.regimes.reduce((total, [weight]) => total + weight, gaps.regular?.weight ?? 0);
        assert.ok(sum > 0.8 && sum < 1 + 1e-9, `${sum}`);
        const plan = { formatVersion: 1, actionKey: 'ann/a@1', arrivalRatePerMs: 1, sampleCount: 1, lastArrivalAt: 1, gaps };
        assert.deepEqual(planSchema.parse(JSON.parse(JSON.stringify(plan))).gaps, gaps);
        assert.ok(JSON.stringify(gaps).length < 600);
      }),
    );
  });

  it('is that of the gaps in their order also when an arrival came to light late', () => {
    const state = createState();
    const actionKey = 'ann/a@1';
    for (const at of [0, 1000, 4000, 9000]) record(state, { type: 'arrivalObserved', at, actionKey }, defaultPreloaderConfig);
    const history = state.histories.get(actionKey);
    assert.ok(history !== undefined);
    planFor(actionKey, history, defaultPreloaderConfig);
    recordArrival(history, 2000);
    recordArrival(history, 11_000);
    assert.deepEqual(planFor(actionKey, history, defaultPreloaderConfig).gaps, forecastFor([1000, 1000, 2000, 5000, 2000]));
  });
});
