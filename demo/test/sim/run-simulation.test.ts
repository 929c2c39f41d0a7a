import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { prewarmPolicies } from '../../../invoker-plugin/core/config.ts';
import { parseJournal } from '../../../invoker-plugin/journal.ts';
import { replayJournal } from '../../../invoker-plugin/replay-journal.ts';
import { comparisonArms } from '../../arms.ts';
import { readProfile } from '../../../lab/simulation/read-profile.ts';
import { startupMsOf, type ActivationRow } from '../../report/rows.ts';
import { meanOf } from '../../../common/statistics.ts';
import { shippedProfileFile, shippedTraceFile } from '../../../lab/shipped-files.ts';
import { runSimulation, type SimulationResult } from '../../sim/run-simulation.ts';
import { actionProfileWith, profileWith, simulationInputWith } from '../../testing/sim-builders.ts';
import { generateArrivals } from '../../../lab/traces/arrivals.ts';
import { actionsOfTrace, readAssignedTrace } from '../../../lab/traces/assign-actions.ts';

const mapped = { policy: 'none', preload: false, loading: 'mapped' } as const;
const preloading = { policy: 'pagurus', preload: true, loading: 'mapped' } as const;
const phases = ({ startType, waitMs, initMs, loadMs, runMs, e2eMs }: ActivationRow): unknown => ({ startType, waitMs, initMs, loadMs, runMs, e2eMs });

describe('runSimulation', () => {
  it('charges a cold start with container, init, load and the slower first run, and a warm one with its run alone', () => {
    const { rows } = runSimulation(simulationInputWith({ arrivals: [{ atMs: 0, action: 'a' }, { atMs: 5000, action: 'a' }] }));
    assert.deepEqual(rows.map(phases), [
      { startType: 'cold', waitMs: 300, initMs: 10, loadMs: 1000, runMs: 25, e2eMs: 1335 },
      { startType: 'warm', waitMs: 0, initMs: 0, loadMs: 0, runMs: 20, e2eMs: 20 },
    ]);
  });

  it('loads in the form it was told', () => {
    const { rows } = runSimulation(simulationInputWith({ arm: mapped, arrivals: [{ atMs: 0, action: 'a' }] }));
    assert.deepEqual(rows.map(phases), [{ startType: 'cold', waitMs: 300, initMs: 10, loadMs: 100, runMs: 27, e2eMs: 437 }]);
  });

  it('starts without a container start where a stem cell stands ready', () => {
    const arm = { policy: 'stemcell', preload: false, loading: 'mapped' } as const;
    const { rows } = runSimulation(simulationInputWith({ arm, arrivals: [{ atMs: 0, action: 'a' }] }));
    assert.deepEqual(rows.map(phases), [{ startType: 'prewarmed', waitMs: 0, initMs: 10, loadMs: 100, runMs: 27, e2eMs: 137 }]);
  });

  it('lets the first call of a deployed action find its artifacts resident, at the cost of adoption alone', () => {
    const { rows } = runSimulation(simulationInputWith({ arm: preloading, arrivals: [{ atMs: 0, action: 'b' }] }));
    assert.deepEqual(rows.map(phases), [{ startType: 'preloaded', waitMs: 0, initMs: 4, loadMs: 0, runMs: 30, e2eMs: 34 }]);
    assert.equal(rows[0]?.preloaded, true);
  });

  it('lets an activation wait for the memory of a container that has to go first', () => {
    const { rows } = runSimulation(simulationInputWith({ arm: mapped, argv: ['--memory', '2048'], arrivals: [{ atMs: 0, action: 'a' }, { atMs: 5000, action: 'b' }] }));
    assert.deepEqual(rows.map(({ startType, waitMs }) => [startType, waitMs]), [['cold', 300], ['cold', 330]]);
  });

  it('begins the replay when what deploying brought about has settled', () => {
    const { journalEntries, replayStartedAt } = runSimulation(simulationInputWith({ arm: preloading, arrivals: [{ atMs: 0, action: 'a' }] }));
    const loadedAt = journalEntries.flatMap(({ event }) => (event.type === 'loadSucceeded' && event.at <= replayStartedAt ? [event.at] : []));
    assert.equal(loadedAt.length, 2);
    assert.equal(replayStartedAt, Math.max(...loadedAt));
  });

  it('tells the scheduler what a live container does: the files, how long a load says it took, what that read from the disk', () => {
    const files = [{ id: 'weights', bytes: 700 }];
    const profile = profileWith({ a: actionProfileWith({ files, reportedLoadMs: 60, diskBytes: 0 }), b: actionProfileWith() });
    const { journalEntries } = runSimulation(simulationInputWith({ profile, arm: preloading, arrivals: [{ atMs: 0, action: 'a' }] }));
    const told = journalEntries.flatMap(({ event }) => (event.type === 'actionDeployed' ? [event.files] : []));
    assert.deepEqual(told, [files, undefined]);
    const loads = journalEntries.flatMap(({ event }) => (event.type === 'loadSucceeded' ? [[event.actionKey, event.loadMs, event.diskBytes]] : []));
    assert.deepEqual(loads.toSorted(), [['guest/a@0.0.1', 60, 0], ['guest/b@0.0.1', 150, undefined]]);
  });

  it('refuses an action that the profile has no figures for', () => {
    assert.throws(() => runSimulation(simulationInputWith({ actions: ['a', 'toString'] })), { code: 'BAD_PROFILE' });
  });

  it('answers every activation once, adds its phases up, and keeps a journal that replays, whatever arrives', () => {
    const arrivals = fc.array(fc.record({ atMs: fc.nat({ max: 400_000 }), action: fc.constantFrom('a', 'b') }), { maxLength: 60 });
    fc.assert(
      fc.property(arrivals, fc.constantFrom(...comparisonArms), fc.constantFrom('2048', '4096', '8192'), (unsorted, arm, memory) => {
        const input = simulationInputWith({ arm, argv: ['--memory', memory], arrivals: unsorted.toSorted((x, y) => x.atMs - y.atMs) });
        const { rows, journalLines } = runSimulation(input);
        assert.equal(new Set(rows.map((row) => row.activationId)).size, input.arrivals.length);
        for (const row of rows) {
          assert.equal(row.status, 'success');
          assert.ok(Math.abs(startupMsOf(row) + row.runMs - row.e2eMs) < 0.01, JSON.stringify(row));
        }
        assert.deepEqual(replayJournal(journalLines), []);
      }),
      { numRuns: 60 },
    );
  });
});

describe('replayJournal', () => {
  const { journalLines } = runSimulation(simulationInputWith({ arm: preloading, arrivals: [{ atMs: 0, action: 'a' }, { atMs: 100, action: 'b' }] }));

  it('finds no difference in a faithful journal', () => {
    assert.ok(parseJournal(journalLines).entries.length > 5);
    assert.deepEqual(replayJournal(journalLines), []);
  });

  it('finds the step whose recorded commands are not what the scheduler decides', () => {
    const index = journalLines.findIndex((line) => line.includes('"startActivation"'));
    const spoilt = journalLines.with(index, journalLines[index]!.replace('"startType":"preloaded"', '"startType":"cold"'));
    assert.notEqual(spoilt[index], journalLines[index]);
    assert.deepEqual(replayJournal(spoilt).map(({ seq }) => seq), [index]);
  });
});

describe('the shipped trace, simulated', () => {
  let results: ReadonlyMap<string, SimulationResult> = new Map();
  before(async () => {
    results = await simulateShippedTrace();
  });

  for (const policy of prewarmPolicies) {
    it(`succeeds 114 times out of 114 under ${policy}, with and without loading ahead`, () => {
      for (const preload of [false, true]) {
        const rows = results.get(`${policy} ${String(preload)}`)?.rows ?? [];
        assert.equal(rows.filter((row) => row.status === 'success').length, 114);
      }
    });

    it(`starts faster on average with loading ahead than without, under ${policy}`, () => {
      const meanStartupMs = (preload: boolean): number => meanOf((results.get(`${policy} ${String(preload)}`)?.rows ?? []).map(startupMsOf)) ?? Number.NaN;
      assert.ok(meanStartupMs(true) < meanStartupMs(false), `${meanStartupMs(true)} against ${meanStartupMs(false)} ms`);
    });
  }

  it('is the same to the byte when run again', async () => {
    const again = await simulateShippedTrace();
    for (const [name, result] of results) assert.equal(JSON.stringify(again.get(name)), JSON.stringify(result));
  });

  it('keeps journals that the scheduler replays to the same commands', () => {
    for (const { journalLines } of results.values()) assert.deepEqual(replayJournal(journalLines), []);
  });
});

/** Every policy with mapped loading, without and with pre-loading, on the shipped trace and profile. */
async function simulateShippedTrace(): Promise<ReadonlyMap<string, SimulationResult>> {
  const trace = await readAssignedTrace(shippedTraceFile);
  const profile = await readProfile(shippedProfileFile);
  const arrivals = generateArrivals({ functions: trace.functions, mode: 'exact', seed: 1, speed: 1 });
  const arms = prewarmPolicies.flatMap((policy) => [false, true].map((preload) => ({ policy, preload, loading: 'mapped' as const })));
  return new Map(
    arms.map((arm) => [
      `${arm.policy} ${String(arm.preload)}`,
      runSimulation(simulationInputWith({ arm, arrivals, profile, actions: actionsOfTrace(trace) })),
    ]),
  );
}
