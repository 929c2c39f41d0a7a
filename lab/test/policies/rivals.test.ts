// Each rival held against examples worked out by hand from its source.
import { strict as assert } from 'node:assert';
import { clairvoyant } from '../../policies/clairvoyant.ts';
import { faasCache } from '../../policies/faascache.ts';
import { hybridHistogram, IdleTimes } from '../../policies/hybrid-histogram.ts';
import { instaInferCode } from '../../policies/instainfer-code.ts';
import { CodePredictor } from '../../policies/instainfer-code-windows.ts';
import { instaInferPaper, paperRatePerMs } from '../../policies/instainfer-paper.ts';
import { keepAlive } from '../../policies/keep-alive.ts';
import { pagurus } from '../../policies/pagurus.ts';
import { stemCells } from '../../policies/stem-cells.ts';
import { minuteMs, runSmallWorld } from '../../testing/small-world.ts';

const two = [['a', 1000, 400], ['b', 2000, 400]] as const;

describe('keep-alive, 10 min', () => {
  it('keeps a container for ten minutes after its last run, and no longer', () => {
    const { starts, removals } = runSmallWorld({ policy: keepAlive, actions: two, containers: 2, calls: [[0, 'a'], [10 * minuteMs, 'a'], [21 * minuteMs, 'a']] });
    assert.deepEqual(starts, [['a', 'cold', 1510], ['a', 'warm', 0], ['a', 'cold', 1510]]);
    // The second run ended 100 ms after it began.
    assert.deepEqual(removals, [[20 * minuteMs + 100, 'keep-alive-over']]);
  });

  it('removes the container used longest ago when memory is short; the call waits until it is gone', () => {
    const actions = [...two, ['c', 0, 400]] as const;
    const { starts } = runSmallWorld({ policy: keepAlive, actions, containers: 2, calls: [[0, 'a'], [5000, 'b'], [10_000, 'a'], [15_000, 'c'], [20_000, 'a'], [25_000, 'b']] });
    assert.deepEqual(starts.map(([, startType, startupMs]) => [startType, startupMs]), [['cold', 1510], ['cold', 2510], ['warm', 0], ['cold', 540], ['warm', 0], ['cold', 2540]]);
  });
});

describe('stem cells', () => {
  it('saves the start of a container and nothing of the load', () => {
    const { starts } = runSmallWorld({ policy: stemCells, actions: two, containers: 4, calls: [[0, 'a'], [0, 'b'], [100, 'a']] });
    // The third call finds both taken and waits for the rest of the start of the first one's replacement.
    assert.deepEqual(starts, [['a', 'prewarmed', 1010], ['a', 'cold', 1410], ['b', 'prewarmed', 2010]]);
  });
});

describe('hybrid histogram', () => {
  const after = (...minutes: readonly number[]): IdleTimes => {
    const idleTimes = new IdleTimes();
    for (const minute of minutes) idleTimes.add(minute * minuteMs);
    return idleTimes;
  };
  const times = (count: number, minute: number): number[] => new Array<number>(count).fill(minute);

  it('takes head and tail with a margin of a tenth: ten of 10.5 and ten of 12.5 min give 9 and 5.3 min', () => {
    const { prewarmMs, keepAliveMs } = after(...times(10, 10.5), ...times(10, 12.5)).windows();
    assert.deepEqual([prewarmMs / minuteMs, Math.round((keepAliveMs / minuteMs) * 10) / 10], [9, 5.3]);
  });

  it('keeps for four hours without pre-warming while there is too little to go by', () => {
    assert.deepEqual(after(...times(9, 10)).windows(), { prewarmMs: 0, keepAliveMs: 240 * minuteMs });
  });

  it('keeps for four hours where the idle times are spread evenly: the counts vary too little', () => {
    assert.deepEqual(after(...Array.from({ length: 240 }, (_, minute) => minute)).windows(), { prewarmMs: 0, keepAliveMs: 240 * minuteMs });
  });

  it('does not unload where the head is below a minute', () => {
    assert.equal(after(...times(20, 0.5)).windows().prewarmMs, 0);
  });

  it('forecasts where most idle times are beyond four hours: 85 % to 115 % of 300 min', () => {
    const { prewarmMs, keepAliveMs } = after(...times(3, 300)).windows();
    assert.deepEqual([prewarmMs / minuteMs, Math.round(keepAliveMs / minuteMs)], [255, 90]);
  });

  it('unloads a function that is called every half hour, and has it loaded again when the call comes', () => {
    const calls = Array.from({ length: 13 }, (_, index) => [index * 30 * minuteMs, 'a'] as const);
    const { starts, removals, loads } = runSmallWorld({ policy: hybridHistogram, actions: two, containers: 2, calls });
    assert.deepEqual(starts.map(([, startType]) => startType), ['cold', ...new Array<string>(10).fill('warm'), 'preloaded', 'preloaded']);
    // Idle for 29.99 min, bin 29: unloaded at once, loaded again 0.9 × 29 = 26.1 min later (and after the container's start).
    assert.equal(removals[0]?.[0], 300 * minuteMs + 100);
    assert.deepEqual(loads[0], [300 * minuteMs + 100 + 26.1 * minuteMs + 500, 'a']);
  });
});

describe('FaasCache', () => {
  it('keeps what is called often: of equal cost, the less frequent goes', () => {
    const actions = [['a', 1000, 400], ['b', 1000, 400], ['c', 1000, 400]] as const;
    const { starts } = runSmallWorld({ policy: faasCache, actions, containers: 2, calls: [[0, 'a'], [5000, 'a'], [10_000, 'b'], [15_000, 'c'], [20_000, 'a'], [25_000, 'b']] });
    // b was used last, and goes: frequency 1 against 2.
    assert.deepEqual(starts.map(([action, startType]) => `${action} ${startType}`), ['a cold', 'a warm', 'b cold', 'c cold', 'a warm', 'b cold']);
  });

  it('keeps what is dear: of equal frequency, the one that costs less to start goes', () => {
    const actions = [['dear', 3000, 400], ['cheap', 100, 400], ['c', 0, 400]] as const;
    const { starts } = runSmallWorld({ policy: faasCache, actions, containers: 2, calls: [[0, 'dear'], [5000, 'cheap'], [10_000, 'c'], [15_000, 'dear']] });
    assert.deepEqual(starts.at(-1), ['dear', 'warm', 0]);
  });

  it('ages: the clock rises with what goes, so that old frequency counts for less and less', () => {
    // Costs of 1500 ms by 1000 MB: priority of a after three calls 0 + 3 × 1.5 = 4.5. Each newcomer has clock + 1.5 and goes
    // for the next, and takes the clock with it: 1.5, 3, 4.5. The fourth has 6; the fifth call of a newcomer finds a the least.
    const actions = [['a', 1000, 400], ...['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => [name, 1000, 400] as const)] as const;
    const calls = [[0, 'a'], [5000, 'a'], [10_000, 'a'], ...['n1', 'n2', 'n3', 'n4', 'n5'].map((name, index) => [15_000 + index * 5000, name] as const), [50_000, 'n4'], [60_000, 'a']] as const;
    const { starts } = runSmallWorld({ policy: faasCache, actions, containers: 2, calls });
    assert.deepEqual(starts.slice(-2).map(([action, startType]) => `${action} ${startType}`), ['n4 warm', 'a cold']);
  });

  it('never lets a container go while there is memory', () => {
    const { starts } = runSmallWorld({ policy: faasCache, actions: two, containers: 2, calls: [[0, 'a'], [600 * minuteMs, 'a']] });
    assert.deepEqual(starts.at(-1), ['a', 'warm', 0]);
  });
});

describe('Pagurus', () => {
  it('gives a container of the zygote image to another action after 60 s: no container start, everything else', () => {
    const { starts, removals } = runSmallWorld({ policy: pagurus, actions: two, containers: 2, calls: [[0, 'a'], [70_000, 'b']] });
    assert.deepEqual(starts, [['a', 'cold', 1510], ['b', 'prewarmed', 2010]]);
    assert.deepEqual(removals[0], [61_610, 'keep-alive-over']);
  });

  it('what the action had loaded is gone with its old container', () => {
    const { starts } = runSmallWorld({ policy: pagurus, actions: two, containers: 2, calls: [[0, 'a'], [70_000, 'a']] });
    assert.deepEqual(starts.at(-1), ['a', 'prewarmed', 1010]);
  });

  it('the private container comes first', () => {
    const { starts } = runSmallWorld({ policy: pagurus, actions: two, containers: 2, calls: [[0, 'a'], [30_000, 'a']] });
    assert.deepEqual(starts.at(-1), ['a', 'warm', 0]);
  });

  it('makes a zygote anew after one was rented', () => {
    const { starts } = runSmallWorld({ policy: pagurus, actions: [...two, ['c', 100, 400]], containers: 3, calls: [[0, 'a'], [70_000, 'b'], [80_000, 'c']] });
    assert.deepEqual(starts.at(-1), ['c', 'prewarmed', 110]);
  });
});

describe("the published code's predictor", () => {
  it('gives the first ten calls its constants', () => {
    const predictor = new CodePredictor();
    for (let call = 1; call <= 10; call += 1) {
      assert.deepEqual(predictor.called(100), { prewarmMinutes: 0, keepAliveMinutes: 1, preloadMinutes: 0, offloadMinutes: 10, lambda: 0 });
    }
  });

  it('overflows where all gaps are below a minute: load 2³¹ minutes ago, never off-load', () => {
    const predictor = new CodePredictor();
    for (let call = 1; call <= 10; call += 1) predictor.called(100);
    assert.deepEqual(predictor.called(100), { prewarmMinutes: 0, keepAliveMinutes: 1, preloadMinutes: -(2 ** 31), offloadMinutes: 2 ** 31 - 1, lambda: 0 });
  });

  it('gives (2, 2, 1, 3) for calls two minutes apart: λ = 5 / 10, T1 = 0.1, T2 = 3.8', () => {
    const predictor = new CodePredictor();
    let windows = predictor.called(0);
    for (let call = 1; call <= 10; call += 1) windows = predictor.called(2 * call);
    assert.deepEqual(windows, { prewarmMinutes: 2, keepAliveMinutes: 2, preloadMinutes: 1, offloadMinutes: 3, lambda: 0.5 });
  });

  it('never counts a gap of four hours, nor any after it', () => {
    const predictor = new CodePredictor();
    predictor.called(0);
    const outOfBounds = { prewarmMinutes: 0, keepAliveMinutes: 10, preloadMinutes: 0, offloadMinutes: 10, lambda: 0 };
    assert.deepEqual(predictor.called(240), outOfBounds);
    assert.deepEqual(predictor.called(241), outOfBounds);
  });
});

describe('InstaInfer as its code does it', () => {
  // The first container keeps the initial ten minutes; every call sets one minute for those that are made after it.
  const calls = [[0, 'a'], [2000, 'b']] as const;

  it('fills a zygote with every model that was called, and a call of one finds it there', () => {
    // b's container was made after a's call ended: one minute of keep-alive, zygote from 1:05 on, gone two minutes after the load.
    const { starts, loads } = runSmallWorld({ policy: instaInferCode, actions: two, containers: 2, calls: [...calls, [30_000, 'b'], [100_000, 'a'], [130_000, 'a']] });
    assert.deepEqual(starts.slice(2).map(([action, startType]) => `${action} ${startType}`), ['b warm', 'a warm', 'a warm']);
    const [first] = loads;
    assert.equal(first?.[1], 'a');
    assert.ok((first?.[0] ?? 0) > 90_100 + 100 && (first?.[0] ?? 0) < 90_100 + 2100 + 10, String(first?.[0]));
  });

  it('a model that was never called cannot be loaded', () => {
    const { loads } = runSmallWorld({ policy: instaInferCode, actions: [...two, ['c', 500, 100]], containers: 2, calls: [...calls, [200_000, 'b']] });
    assert.deepEqual([...new Set(loads.map(([, action]) => action))], ['a']);
  });

  it('serves a call from the zygote that holds its model when its own container is taken', () => {
    const { starts } = runSmallWorld({ policy: instaInferCode, actions: two, containers: 2, runMs: 20_000, calls: [[0, 'a'], [25_000, 'b'], [110_000, 'a'], [115_000, 'a']] });
    assert.deepEqual(starts.map(([action, startType]) => `${action} ${startType}`), ['a cold', 'b cold', 'a warm', 'a preloaded']);
  });
});

describe('InstaInfer as the paper says', () => {
  it('λ = W / T_w: calls at 0, 30 and 60 s are 3 in 60 s', () => {
    assert.equal(paperRatePerMs([0, 30_000, 60_000]), 3 / 60_000);
    assert.equal(paperRatePerMs([5]), 0);
  });

  it('loads a due function into the idle container of another; its call is woken there', () => {
    const { starts, loads } = runSmallWorld({ policy: instaInferPaper, actions: two, containers: 1, calls: [[0, 'b'], [60_000, 'b'], [61_000, 'a'], [90_000, 'b']] });
    // a ends at 61 000 + 30 + 500 + 10 + 1000 + 100; b is due 0.0619 / (2 / 60 s) = 1.9 s after its last call, so at once.
    assert.deepEqual(loads, [[62_640, 'b']]);
    // 2 ms to clean a's own slot away, 5 to adopt.
    assert.deepEqual(starts.at(-1), ['b', 'preloaded', 7]);
  });

  it('waits until the next call is 6 % likely, and lets go when it is 94 % overdue', () => {
    const { starts, loads } = runSmallWorld({ policy: instaInferPaper, actions: two, containers: 1, calls: [[0, 'b'], [60_000, 'b'], [60_001, 'a'], [150_000, 'b']], runMs: 10 });
    assert.equal(loads.length, 1);
    // 2.813 / (2 / 60 s) = 84.4 s after its last call it is off-loaded: the call at 90 s finds nothing, and no zygote either.
    assert.deepEqual(starts.at(-1)?.slice(0, 2), ['b', 'cold']);
  });

  it('a call kills what else is in its container, and it is assigned elsewhere', () => {
    const actions = [['a', 100, 300], ['b', 200, 300], ['c', 300, 300]] as const;
    const { loads } = runSmallWorld({ policy: instaInferPaper, actions, containers: 2, calls: [[0, 'b'], [10_000, 'b'], [12_000, 'a'], [14_000, 'c'], [16_000, 'c'], [20_000, 'a']], runMs: 100 });
    assert.ok(loads.filter(([, action]) => action === 'b').length >= 2, JSON.stringify(loads));
  });
});

describe('clairvoyant', () => {
  it('has each of two functions that do not fit together there when it is called, in one container', () => {
    const actions = [['a', 1000, 600], ['b', 2000, 700]] as const;
    const { starts } = runSmallWorld({ policy: clairvoyant, actions, containers: 1, calls: [[0, 'a'], [60_000, 'b'], [120_000, 'a'], [180_000, 'b']] });
    assert.deepEqual(starts.map(([, startType]) => startType), ['preloaded', 'preloaded', 'preloaded', 'preloaded']);
  });

  it('gives a burst as many places as it needs', () => {
    const { starts } = runSmallWorld({ policy: clairvoyant, actions: two, containers: 4, calls: [[0, 'a'], [1, 'a'], [2, 'a'], [3, 'b']], runMs: 5000 });
    assert.deepEqual(starts.map(([, startType]) => startType), ['preloaded', 'preloaded', 'preloaded', 'preloaded']);
  });
});
