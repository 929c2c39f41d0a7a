// The demo in containers of a real engine, and what it says where there is none.
import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import { replayJournal } from '../../../invoker-plugin/replay-journal.ts';
import { invokerLabel } from '../../../invoker-plugin/drivers/docker-driver.ts';
import { requireEngine, testImage } from '../../../runtime/testing/container-engine.ts';
import { demoName } from '../../live/containers.ts';
import { rowsOf, startDemo } from '../../testing/demo-process.ts';

describe('npm run demo -- --containers docker', function () {
  this.timeout(300_000);
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), 'docker-demo-'));
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });

  it('says that there is no such image and how to build it, before it builds any model', async () => {
    const { exitCode, stderr } = await startDemo(['live', '--small', '--containers', 'docker', '--image', 'instainfer/no-such:image'], home).finished;
    assert.equal(exitCode, 1);
    assert.match(stderr, /no image instainfer\/no-such:image.*npm run image|No container engine answers.*scripts\/engine up/);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  });

  describe('on a real engine', () => {
    let engine: Docker;
    before(async function () {
      engine = await requireEngine(this);
    });

    it('answers everything, starts some preloaded, leaves a journal that replays, and no container', async () => {
      const out = path.join(home, 'out');
      const { exitCode, stderr } = await startDemo(['live', '--small', '--speed', '6', '--containers', 'docker', '--image', testImage, '--out', out], home).finished;
      assert.equal(exitCode, 0, stderr);
      const rows = rowsOf(out);
      assert.equal(rows.length, 114);
      assert.deepEqual(
        rows.filter(({ status }) => status !== 'success'),
        [],
      );
      assert.ok(rows.some(({ startType }) => startType === 'preloaded'));
      assert.deepEqual(replayJournal(readFileSync(path.join(out, 'journal.jsonl'), 'utf8').split('\n')), []);
      const left = await engine.listContainers({ all: true, filters: { label: [`${invokerLabel}=${demoName()}/0`] } });
      assert.deepEqual(
        left.map(({ Names }) => Names),
        [],
      );
    });
  });
});
