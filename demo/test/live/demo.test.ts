// The demo as a person runs it: the real command, real containers, real sessions on the small models.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { replayJournal } from '../../../invoker-plugin/replay-journal.ts';
import { summarySchema } from '../../report/summary-schema.ts';
import { processesWithHome, rowsOf, startDemo as start, type Finished } from '../../testing/demo-process.ts';

describe('npm run demo', function () {
  this.timeout(300_000);
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), 'demo-test-'));
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });

  describe('with pre-loading, on the shipped trace', () => {
    let out: string;
    let result: Finished;

    before(async () => {
      out = mkdtempSync(path.join(tmpdir(), 'demo-out-'));
      result = await start(['live', '--small', '--speed', '6', '--out', out], out).finished;
    });
    after(() => {
      rmSync(out, { recursive: true, force: true });
    });

    it('answers all 114 activations successfully', () => {
      assert.equal(result.exitCode, 0, result.stderr);
      const rows = rowsOf(out);
      assert.equal(rows.length, 114);
      assert.deepEqual(
        rows.filter((row) => row.status !== 'success'),
        [],
      );
    });

    it('ends with a table and a sentence, and says where the files are', () => {
      assert.match(result.stdout, /114 of 114 activations succeeded/);
      assert.match(result.stdout, /Measured \(seed 1, warm cache, small models\): [\d.]+ % of 114 activations start warm or preloaded/);
      assert.match(result.stdout, /Written to /);
    });

    it('starts most activations warm or preloaded', () => {
      const summary = summarySchema.parse(JSON.parse(readFileSync(path.join(out, 'summary.json'), 'utf8')));
      assert.ok((summary.warmOrPreloadedShare ?? 0) > 0.8, `only ${summary.warmOrPreloadedShare}`);
      assert.ok((summary.activations.byStartType['preloaded'] ?? 0) > 0);
    });

    it('leaves a journal that replays to the same commands', () => {
      const lines = readFileSync(path.join(out, 'journal.jsonl'), 'utf8').split('\n');
      assert.ok(lines.length > 500);
      assert.deepEqual(replayJournal(lines), []);
    });
  });

  // A machine that is busy with something else delays loads ahead, which the simulation knows nothing of: the claim is about
  // a machine that is the run's own, so a run that was disturbed is repeated.
  it('is simulated to the same start types within 5 %', async function () {
    this.retries(5);
    const out = path.join(home, 'out');
    const live = await start(['live', '--small', '--speed', '6', '--out', out], home).finished;
    assert.equal(live.exitCode, 0, live.stderr);
    const simulated = await start(['sim', '--speed', '6', '--profile', path.join(out, 'profile.json'), '--against', path.join(out, 'summary.json')], home).finished;
    assert.equal(simulated.exitCode, 0, simulated.stderr);
    assert.match(simulated.stderr, /the simulation agrees with the live run/);
  });

  it('runs without pre-loading and with stock loading too', async () => {
    const out = path.join(home, 'out');
    const { finished } = start(['live', '--small', '--speed', '30', '--policy', 'none', '--preload', 'off', '--loading', 'stock', '--out', out], home);
    const { exitCode, stderr } = await finished;
    assert.equal(exitCode, 0, stderr);
    const rows = rowsOf(out);
    assert.equal(rows.length, 114);
    assert.deepEqual(
      rows.filter((row) => row.startType === 'preloaded' || row.status !== 'success'),
      [],
    );
  });

  it('ends cleanly on Ctrl-C: results so far are written, no process is left', async () => {
    const out = path.join(home, 'out');
    const { child, finished } = start(['live', '--small', '--out', out], home);
    await firstRow(home, out);
    child.kill('SIGINT');
    const { exitCode, stdout } = await finished;
    assert.equal(exitCode, 130);
    const rows = rowsOf(out);
    assert.ok(rows.length >= 1);
    assert.ok(rows.every((row) => row.status === 'success'));
    assert.ok(existsSync(path.join(out, 'summary.json')));
    assert.match(stdout, /of 114 activations succeeded/);
    assert.deepEqual(processesWithHome(home), []);
  });

  for (const { title, args, error } of [
    { title: 'an unknown policy', args: ['--policy', 'lru'], error: /--policy .*none.*stemcell.*pagurus/ },
    { title: 'too little memory for one container', args: ['--memory', '100'], error: /one container of these actions needs 2048 MB/ },
    { title: 'a trace that is not there', args: ['--trace', '/nowhere/trace.csv'], error: /trace\.csv/ },
    { title: 'an action that is not there', args: ['--actions', 'resnet19'], error: /resnet19/ },
  ]) {
    it(`refuses ${title} with one line and a way out`, async () => {
      const { exitCode, stdout, stderr } = await start(['live', '--small', '--out', path.join(home, 'out'), ...args], home).finished;
      assert.equal(exitCode, 1);
      assert.equal(stdout, '');
      assert.match(stderr, error);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      assert.ok(!existsSync(path.join(home, 'out')));
    });
  }

  it('refuses a malformed trace with its line', async () => {
    const trace = path.join(home, 'trace.csv');
    writeFileSync(trace, 'HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,1,many\n');
    const { exitCode, stderr } = await start(['live', '--small', '--trace', trace], home).finished;
    assert.equal(exitCode, 1);
    assert.match(stderr, /line 2/);
  });
});

/** Resolves when the replay has written its first row. */
async function firstRow(home: string, out: string): Promise<void> {
  const log = path.join(out, 'output.log');
  const hasRow = (): boolean => existsSync(log) && readFileSync(log).includes('\n');
  const watcher = watch(home, { recursive: true });
  try {
    while (!hasRow()) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}
