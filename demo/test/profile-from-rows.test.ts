import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { JournalEntry } from '../../invoker-plugin/journal.ts';
import { profileFromRuns } from '../profile-from-rows.ts';
import { profileSchema } from '../../lab/simulation/profile.ts';
import { readProfile } from '../../lab/simulation/read-profile.ts';
import { runSimulation } from '../sim/run-simulation.ts';
import { rowWith } from '../testing/report-builders.ts';
import { actionProfileWith, profileWith, simulationInputWith } from '../testing/sim-builders.ts';

const journal = (...steps: readonly (readonly [SchedulerEvent, ...SchedulerCommand[]])[]): JournalEntry[] =>
  steps.map(([event, ...commands], index) => ({ seq: index + 1, event, commands }));
const emptyBase = profileWith({});

describe('profileFromRuns', () => {
  it('takes medians: init and load of starts that loaded, adoption of preloaded ones, runs of warm ones', () => {
    const rows = [
      rowWith({ startType: 'cold', initMs: 40, loadMs: 300, runMs: 60 }),
      rowWith({ startType: 'prewarmed', initMs: 44, loadMs: 320, runMs: 64 }),
      rowWith({ startType: 'preloaded', initMs: 9, runMs: 50 }),
      rowWith({ runMs: 48 }),
      rowWith({ runMs: 49 }),
      rowWith({ runMs: 9999, status: 'application error' }),
    ];
    const { actions } = profileFromRuns({ runs: [{ loading: 'mapped', rows, journalEntries: [] }], base: emptyBase, measuredOn: 'here' });
    assert.deepEqual(actions['resnet50'], {
      initMs: { stock: 44, mapped: 44 }, coldInitMs: { stock: 44, mapped: 40 }, adoptMs: 9, loadMs: { stock: 310, mapped: 310 }, aheadLoadMs: 372, runSamplesMs: { stock: [50, 48, 49], mapped: [50, 48, 49] }, estimatedLoadMs: 0, estimatedResidentBytes: 0,
      firstRunExtraMs: { stock: 13, mapped: 13 }, residentBytes: 0,
    });
  });

  it('keeps the two loading forms apart', () => {
    const runOf = (loading: 'stock' | 'mapped', loadMs: number, runMs: number): Parameters<typeof profileFromRuns>[0]['runs'][number] => ({
      loading, rows: [rowWith({ startType: 'cold', loadMs, runMs }), rowWith({ runMs: 40 })], journalEntries: [],
    });
    const { actions } = profileFromRuns({ runs: [runOf('stock', 900, 45), runOf('mapped', 30, 60)], base: emptyBase, measuredOn: 'here' });
    assert.deepEqual([actions['resnet50']?.loadMs, actions['resnet50']?.firstRunExtraMs], [{ stock: 900, mapped: 30 }, { stock: 5, mapped: 20 }]);
  });

  it('fills in from the base what no run measured, and keeps its other actions', () => {
    const base = profileWith({ resnet50: actionProfileWith(), vgg19: actionProfileWith({ adoptMs: 77 }) });
    const profile = profileFromRuns({ runs: [{ loading: 'mapped', rows: [rowWith({ runMs: 31 })], journalEntries: [] }], base, measuredOn: 'here' });
    assert.deepEqual(profile.actions, { resnet50: actionProfileWith({ runSamplesMs: { stock: [20], mapped: [31] } }), vgg19: actionProfileWith({ adoptMs: 77 }) });
    assert.deepEqual([profile.containerStartMs, profile.cleanMs], [300, 2]);
    assert.equal(profile.measuredOn, 'here; what these runs did not measure is from: nowhere');
  });

  it('reads container times, loads ahead and command durations from the journal', () => {
    const journalEntries = journal(
      [{ type: 'containerStarted', at: 0, containerId: 'c', startMs: 210, usedBytes: 1000 }, { type: 'load', containerId: 'c', actionKey: 'guest/resnet50@0.0.1', reason: 'deployed' }],
      [{ type: 'loadSucceeded', at: 80, containerId: 'c', actionKey: 'guest/resnet50@0.0.1', loadMs: 75, residentBytes: 500, usedBytes: 1500 }, { type: 'offload', containerId: 'c', actionKey: 'guest/resnet50@0.0.1', reason: 'offload-window' }],
      [{ type: 'offloadCompleted', at: 92, containerId: 'c', actionKey: 'guest/resnet50@0.0.1', usedBytes: 1000 }, { type: 'cleanContainer', containerId: 'c', retain: false, reason: 'keep-alive-over' }],
      [{ type: 'containerCleaned', at: 99, containerId: 'c', usedBytes: 1000 }, { type: 'removeContainer', containerId: 'c', reason: 'zygote-window-over' }],
      [{ type: 'containerRemoved', at: 140, containerId: 'c', reason: 'requested' }],
    );
    const profile = profileFromRuns({ runs: [{ loading: 'mapped', rows: [rowWith()], journalEntries }], base: emptyBase, measuredOn: 'here' });
    const { containerStartMs, emptyContainerBytes, offloadMs, cleanMs, removeMs } = profile;
    assert.deepEqual({ containerStartMs, emptyContainerBytes, offloadMs, cleanMs, removeMs }, { containerStartMs: 210, emptyContainerBytes: 1000, offloadMs: 12, cleanMs: 7, removeMs: 41 });
    assert.deepEqual([profile.actions['resnet50']?.aheadLoadMs, profile.actions['resnet50']?.residentBytes], [80, 500]);
  });

  it('keeps a hundred runs of many, spread as all of them are', () => {
    const rows = Array.from({ length: 1000 }, (_, index) => rowWith({ runMs: 1 + ((index * 7) % 1000) }));
    const { actions } = profileFromRuns({ runs: [{ loading: 'mapped', rows, journalEntries: [] }], base: emptyBase, measuredOn: 'here' });
    const samples = actions['resnet50']?.runSamplesMs.mapped ?? [];
    assert.deepEqual([samples.length, samples[0], samples[50], samples[99]], [100, 6, 506, 996]);
  });

  it('keeps what the scheduler was told and learnt from: files, what a container said that a load took, what came from the disk', () => {
    const actionKey = 'guest/resnet50@0.0.1';
    const load: SchedulerCommand = { type: 'load', containerId: 'c', actionKey, reason: 'deployed' };
    const files = [{ id: 'weights', bytes: 700 }];
    const deployed: SchedulerEvent = { type: 'actionDeployed', at: 0, actionKey, namespace: 'guest', memoryLimitBytes: 1000, declaresArtifacts: true, estimatedLoadMs: 8, estimatedResidentBytes: 9, files };
    const done = (at: number, loadMs: number, diskBytes: number): SchedulerEvent => ({ type: 'loadSucceeded', at, containerId: 'c', actionKey, loadMs, residentBytes: 5, usedBytes: 5, diskBytes });
    const journalEntries = journal([deployed, load], [done(200, 60, 0), load], [done(400, 80, 700), load], [done(500, 70, 0)]);
    const known = profileFromRuns({ runs: [{ loading: 'mapped', rows: [rowWith()], journalEntries }], base: emptyBase, measuredOn: 'here' });
    // What a later run does not tell stays as it was known.
    const later = profileFromRuns({ runs: [{ loading: 'mapped', rows: [rowWith()], journalEntries: [] }], base: known, measuredOn: 'here' });
    for (const { actions } of [known, later]) {
      const { aheadLoadMs, reportedLoadMs, diskBytes, files: told, estimatedLoadMs, estimatedResidentBytes } = actions['resnet50'] ?? {};
      assert.deepEqual({ aheadLoadMs, reportedLoadMs, diskBytes, told, estimatedLoadMs, estimatedResidentBytes }, { aheadLoadMs: 200, reportedLoadMs: 70, diskBytes: 0, told: files, estimatedLoadMs: 8, estimatedResidentBytes: 9 });
    }
  });

  it('takes a load that was cancelled as one that would have been longer', () => {
    const actionKey = 'guest/resnet50@0.0.1';
    const load: SchedulerCommand = { type: 'load', containerId: 'c', actionKey, reason: 'deployed' };
    const done = (at: number): SchedulerEvent => ({ type: 'loadSucceeded', at, containerId: 'c', actionKey, loadMs: 1, residentBytes: 5, usedBytes: 5 });
    const cancelled = (at: number): SchedulerEvent => ({ type: 'loadFailed', at, containerId: 'c', actionKey, reason: 'cancelled' });
    const journalEntries = journal([{ type: 'ticked', at: 0 }, load], [done(100), load], [cancelled(300), load], [done(600), load], [done(1000)]);
    const { actions } = profileFromRuns({ runs: [{ loading: 'mapped', rows: [rowWith()], journalEntries }], base: emptyBase, measuredOn: 'here' });
    assert.equal(actions['resnet50']?.aheadLoadMs, 300);
  });

  it('takes the wait of activations that only waited for cleaning as a sample of it', () => {
    const actionKey = 'guest/resnet50@0.0.1';
    const started = (activationId: string, clean: 'none' | 'retain'): SchedulerCommand => ({ type: 'startActivation', activationId, containerId: 'c', actionKey, startType: 'preloaded', clean, init: true });
    const arrived = (activationId: string): SchedulerEvent => ({ type: 'activationArrived', at: 1, activationId, actionKey });
    const journalEntries = journal([arrived('cleaned'), started('cleaned', 'retain')], [arrived('ready'), started('ready', 'none')], [arrived('queued')], [{ type: 'ticked', at: 9 }, started('queued', 'retain')]);
    const rows = [['cleaned', 6], ['ready', 1], ['queued', 400]].map(([activationId, waitMs]) => rowWith({ activationId: String(activationId), waitMs: Number(waitMs) }));
    assert.equal(profileFromRuns({ runs: [{ loading: 'mapped', rows, journalEntries }], base: emptyBase, measuredOn: 'here' }).cleanMs, 6);
  });

  it('leaves out a load that an activation joined half-way', () => {
    const actionKey = 'guest/resnet50@0.0.1';
    const journalEntries = journal(
      [{ type: 'ticked', at: 0 }, { type: 'load', containerId: 'c', actionKey, reason: 'deployed' }],
      [{ type: 'activationArrived', at: 5, activationId: 'joined', actionKey }, { type: 'startActivation', activationId: 'joined', containerId: 'c', actionKey, startType: 'prewarmed', clean: 'none', init: true }],
    );
    const rows = [rowWith({ activationId: 'joined', startType: 'prewarmed', loadMs: 1 }), rowWith({ activationId: 'full', startType: 'prewarmed', loadMs: 30 }), rowWith()];
    const { actions } = profileFromRuns({ runs: [{ loading: 'mapped', rows, journalEntries }], base: emptyBase, measuredOn: 'here' });
    assert.equal(actions['resnet50']?.loadMs.mapped, 30);
  });

  it('gives the figures back that a simulation was run with', () => {
    const arm = { policy: 'pagurus', preload: true, loading: 'mapped' } as const;
    const arrivals = [0, 1000, 2000, 3000].flatMap((atMs) => [{ atMs, action: 'a' }, { atMs: atMs + 1, action: 'a' }, { atMs: atMs + 2, action: 'a' }, { atMs: atMs + 3, action: 'a' }]);
    const input = simulationInputWith({ arm, arrivals, actions: ['a'] });
    const { rows, journalEntries } = runSimulation(input);
    const profile = profileFromRuns({ runs: [{ loading: 'mapped', rows, journalEntries }], base: emptyBase, measuredOn: 'there' });
    assert.deepEqual(profileSchema.parse(profile), profile);
    const { initMs, adoptMs, aheadLoadMs, residentBytes } = input.profile.actions['a']!;
    const found = profile.actions['a']!;
    assert.deepEqual([found.adoptMs, found.aheadLoadMs, found.residentBytes], [adoptMs, aheadLoadMs, residentBytes]);
    assert.deepEqual([found.coldInitMs.mapped, found.loadMs.mapped, Math.min(...found.runSamplesMs.mapped)], [initMs.mapped, 100, 20]);
    assert.equal(profile.containerStartMs, input.profile.containerStartMs);
  });
});

describe('readProfile', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'instainfer-profile-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  for (const [title, text, part] of [
    ['no JSON', '{', 'cannot be read'],
    ['another version', JSON.stringify({ ...emptyBase, formatVersion: 2 }), 'formatVersion'],
    ['a negative latency', JSON.stringify({ ...emptyBase, cleanMs: -1 }), 'cleanMs'],
    ['an action without runs', JSON.stringify(profileWith({ a: actionProfileWith({ runSamplesMs: { stock: [20], mapped: [] } }) })), 'actions.a.runSamplesMs'],
  ] as const) {
    it(`refuses ${title}, saying where`, async () => {
      const file = path.join(folder, `${title}.json`);
      writeFileSync(file, text);
      await assert.rejects(readProfile(file), (thrown: unknown) => {
        assert.ok(thrown instanceof Error && 'code' in thrown && thrown.code === 'BAD_PROFILE');
        assert.ok(thrown.message.includes(part), thrown.message);
        return true;
      });
    });
  }
});
