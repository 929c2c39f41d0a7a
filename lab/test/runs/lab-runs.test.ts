import { strict as assert } from 'node:assert';
import { syntheticTrace } from '../../build-workload.ts';
import { comparePolicies, type ComparisonRow } from '../../compare.ts';
import { publishedCosts } from '../../cost-sets.ts';
import { measuresOf, addTotals, type RunTotals } from '../../measures/run-totals.ts';
import type { Measures } from '../../measures/measures.ts';
import { LabRunner, type LabRun, type LabRunResult, type LabSetup } from '../../runs/lab-run.ts';
import { runWhole, runsInThisThread, type LabRuns } from '../../runs/lab-runs.ts';

const gibibyte = 2 ** 30;
const costs = publishedCosts();
const setupOf = (invokerCount: number, meanPerMinute: number): LabSetup => ({
  trace: syntheticTrace({ syntheticClass: 'mixed', functionCount: 40, durationMs: 10 * 60_000, meanPerMinute, skew: 1 }, costs),
  costs,
  keepAliveMs: undefined,
  invokerCount,
});
const run: LabRun = { policy: 'ours', memory: { bytes: 16 * gibibyte }, seed: 3 };
const totalsOf = (result: LabRunResult | 'home-is-full'): RunTotals => {
  if (result === 'home-is-full') throw new Error('an invoker was full');
  return result.totals;
};
const nothing = (): void => undefined;

/** What depends on calls alone, sums to the ninth digit: their order is another where parts are added up. */
function comparable({ memoryGibSeconds: _held, wastedGibSeconds: _wasted, scalerScore: _score, ...ofCalls }: Measures): unknown {
  return JSON.parse(JSON.stringify(ofCalls, (_key, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(9)) : value)));
}

describe('a run of several invokers', () => {
  it('gives the same calls in parts as in one piece, and the same memory but for the last moments', () => {
    const runner = new LabRunner(setupOf(4, 1));
    const whole = measuresOf(totalsOf(runner.run(run))).measures;
    const parts = [0, 1, 2].map((index) => totalsOf(runner.run({ ...run, part: { index, count: 3 } })));
    assert.ok(parts.every(({ startupsMs }) => startupsMs.length > 0), 'each part has calls');
    const added = measuresOf(addTotals(parts)).measures;
    assert.deepEqual(comparable(added), comparable(whole));
    assert.ok(Math.abs(added.memoryGibSeconds / whole.memoryGibSeconds - 1) < 0.01);
  });

  it('is done in one piece where a call finds no room at home, and says so in the meantime', async () => {
    const setup = setupOf(2, 60);
    const small: LabRun = { ...run, memory: { bytes: 2 * costs.containerMemoryBytes } };
    assert.equal(new LabRunner(setup).run({ ...small, part: { index: 0, count: 2 } }), 'home-is-full');
    const reports: number[] = [];
    const results = await runWhole(runsInThisThread(setup), small, 2, (share) => reports.push(share));
    assert.equal(results.length, 1);
    const alone = totalsOf(new LabRunner(setup).run(small));
    assert.deepEqual(measuresOf(totalsOf(results[0] as LabRunResult)), measuresOf(alone));
    assert.ok(reports.includes(0), 'it begins anew');
  });

  it('ends the other parts where one cannot be done', async () => {
    const whole = new LabRunner(setupOf(1, 1)).run(run) as LabRunResult;
    let isEnded = false;
    const runs: LabRuns = {
      threads: 2,
      run: ({ part }, _onProgress, signal) => {
        if (part === undefined) return Promise.resolve(whole);
        if (part.index === 1) return Promise.resolve('home-is-full');
        return new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => {
            isEnded = true;
            reject(new Error('aborted'));
          });
        });
      },
      close: () => Promise.resolve(),
    };
    assert.deepEqual(await runWhole(runs, run, 2, nothing), [whole]);
    assert.ok(isEnded);
  });

  it('fails where a part fails by itself', async () => {
    const runs: LabRuns = { threads: 2, run: ({ part }) => (part?.index === 1 ? Promise.reject(new Error('a policy broke a rule')) : new Promise(nothing)), close: () => Promise.resolve() };
    await assert.rejects(runWhole(runs, run, 2, nothing), /broke a rule/);
  });
});

describe('comparePolicies', () => {
  const input = { policies: ['keep-alive', 'ours'], memory: [{ bytes: 64 * gibibyte }], invokerCount: 4 };
  const partsAskedFor = async (threads: number, seeds: readonly number[]): Promise<{ readonly parts: Set<number>; readonly rows: readonly ComparisonRow[] }> => {
    const inner = runsInThisThread(setupOf(4, 1));
    const parts = new Set<number>();
    const runs: LabRuns = {
      ...inner,
      threads,
      run: (each, onProgress) => {
        parts.add(each.part?.count ?? 1);
        return inner.run(each, onProgress);
      },
    };
    return { parts, rows: await comparePolicies({ ...input, seeds, runs, onProgress: nothing }) };
  };

  it('splits runs where there are more threads than runs, and only there', async () => {
    assert.deepEqual([...(await partsAskedFor(4, [1, 2])).parts], [1]);
    assert.deepEqual([...(await partsAskedFor(3, [1])).parts], [3]);
    assert.deepEqual([...(await partsAskedFor(16, [1])).parts], [4]);
  });

  it('gives the same rows either way', async () => {
    const [together, split] = [await partsAskedFor(1, [1]), await partsAskedFor(4, [1])];
    assert.deepEqual(split.rows.map(({ runs }) => runs.map(comparable)), together.rows.map(({ runs }) => runs.map(comparable)));
  });

  it('tells how much is done, up to all of it', async () => {
    const shares: number[] = [];
    await comparePolicies({ ...input, seeds: [1, 2], runs: runsInThisThread(setupOf(4, 1)), onProgress: (share) => shares.push(share) });
    assert.deepEqual(shares, [...shares].sort((left, right) => left - right));
    assert.equal(shares.at(-1), 1);
  });
});
