import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ComparisonRow } from '../compare.ts';
import { publishedCosts } from '../cost-sets.ts';
import { poolMemoryBytesOf } from '../runs/lab-run.ts';
import { loadTrace } from '../build-workload.ts';
import { runLabCommand } from '../lab-command.ts';
import { policies } from '../policies/index.ts';
import { shippedTraceFile } from '../shipped-files.ts';
import { openTrace } from '../traces/open-trace.ts';

/** In one thread where the test says nothing else: for comparisons as small as these, threads take longest to start. */
const run = async (...argv: string[]): Promise<string> => {
  const parts: string[] = [];
  let now = 0;
  const code = await runLabCommand(argv, { INSTAINFER_LAB_THREADS: '1' }, { stdout: { write: (text) => parts.push(text) }, stderr: { write: () => undefined }, clock: () => (now += 1), peakMemoryBytes: () => 2 ** 30 });
  assert.equal(code, 0);
  return parts.join('');
};

describe('npm run lab -- compare', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lab-compare-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('prints one table with a row for each memory size and policy, and writes every figure', async () => {
    const out = path.join(folder, 'compare.json');
    const text = await run('compare', '--policies', 'keep-alive,ours', '--memory', '50%,8192', '--seeds', '2', '--out', out);
    assert.match(text, /50 % = 6144 MB.*keep-alive/);
    assert.match(text, /8192 MB.*ours/);
    assert.match(text, /events in .* a second, in one thread, with 1\.00 GiB of memory at most/);
    const written = JSON.parse(readFileSync(out, 'utf8')) as { rows: ComparisonRow[] };
    assert.deepEqual(written.rows.map(({ policy, runs }) => [policy, runs.length]), [['keep-alive', 2], ['ours', 2], ['keep-alive', 2], ['ours', 2]]);
    assert.ok(written.rows.every(({ runs }) => runs.every(({ activations, failed }) => activations === 114 && failed === 0)));
  });

  it('prints hits by the regularity of the functions when it is asked to', async () => {
    const argv = ['compare', '--policies', 'keep-alive', '--memory', '50%', '--seeds', '2'];
    assert.match(await run(...argv, '--by-class'), /policy +│.* normal .*\n.*\n.*keep-alive.*%.* ± /);
    assert.doesNotMatch(await run(...argv), /normal/);
  });

  it('holds less memory for longer startups where memory has a higher price', async () => {
    const argv = ['compare', '--policies', 'ours', '--memory', '100%', '--seeds', '2'];
    const measured = async (...more: string[]): Promise<[number, number]> => {
      const out = path.join(folder, 'price.json');
      await run(...argv, '--out', out, ...more);
      const [row] = (JSON.parse(readFileSync(out, 'utf8')) as { rows: ComparisonRow[] }).rows;
      assert.ok(row !== undefined);
      return [row.estimates.memoryGibSeconds.mean, row.estimates.startupMeanMs.mean];
    };
    const [[usual, usualMs], [dear, dearMs]] = [await measured(), await measured('--memory-price', '16')];
    assert.ok(dear < 0.9 * usual && dearMs > usualMs, `${dear} ${usual} ${dearMs} ${usualMs}`);
  });

  it('makes a synthetic trace anew for each seed', async () => {
    const text = await run('compare', '--trace', 'synth:bursty', '--minutes', '20', '--policies', 'keep-alive', '--memory', '100%', '--seeds', '3');
    assert.match(text, /they change all calls/);
    assert.match(text, /± [1-9]/);
  });

  it('has functions ask of the scheduler what a file says, and only ours follows it', async () => {
    const file = path.join(folder, 'wishes.json');
    writeFileSync(file, '{"googlenet": {"preload-pin": 1}, "bert-base": {"preload-idle-seconds": 0}}');
    const measured = async (...more: string[]): Promise<unknown[]> => {
      const out = path.join(folder, 'wishes-out.json');
      await run('compare', '--policies', 'keep-alive,ours', '--memory', '50%', '--seeds', '1', '--out', out, ...more);
      return (JSON.parse(readFileSync(out, 'utf8')) as { rows: ComparisonRow[] }).rows.map(({ runs }) => runs);
    };
    const [without, withWishes] = [await measured(), await measured('--wishes', file)];
    assert.deepEqual(withWishes[0], without[0]);
    assert.notDeepEqual(withWishes[1], without[1]);
  });

  for (const { title, content, says } of [
    { title: 'that is no JSON', content: 'googlenet', says: /cannot be read/ },
    { title: 'with an annotation that cannot be followed', content: '{"googlenet": {"preload-pin": "yes"}}', says: /googlenet: .*has to be a whole number/ },
    { title: 'that names none of the functions', content: '{"googlnet": {"preload-pin": 1}}', says: /No function of the trace is one of googlnet/ },
  ]) {
    it(`refuses a file of wishes ${title}`, async () => {
      const file = path.join(folder, 'bad-wishes.json');
      writeFileSync(file, content);
      await assert.rejects(run('compare', '--policies', 'ours', '--memory', '50%', '--seeds', '1', '--wishes', file), { code: 'BAD_OPTION', message: says });
    });
  }

  it('gives the same figures whether runs are done one after the other or side by side', async () => {
    const measured = async (...more: string[]): Promise<ComparisonRow[]> => {
      const out = path.join(folder, 'threads.json');
      await run('compare', '--policies', 'keep-alive,ours', '--costs', 'measured', '--memory', '50%', '--seeds', '2', '--out', out, ...more);
      return (JSON.parse(readFileSync(out, 'utf8')) as { rows: ComparisonRow[] }).rows;
    };
    assert.deepEqual(await measured('--threads', '2'), await measured());
  }).timeout(20_000);

  it('does the parts of one run side by side', async () => {
    const argv = ['compare', '--trace', 'synth:mixed', '--minutes', '10', '--functions', '40', '--per-minute', '1', '--policies', 'ours', '--memory', '16384', '--invokers', '4', '--seeds', '1'];
    const columns = (text: string): string | undefined => /│ ours .*/.exec(text)?.[0];
    const inThreads = await run(...argv, '--threads', '2');
    assert.match(inThreads, /in 2 threads/);
    assert.equal(columns(inThreads), columns(await run(...argv)));
  }).timeout(20_000);

  it('knows every policy by its name, and each says where it is from', () => {
    assert.equal(new Set(policies.map(({ name }) => name)).size, 9);
    assert.ok(policies.every(({ source, title }) => source !== '' && title !== ''));
  });

  for (const argv of [['compare', '--policies', 'lru'], ['compare', '--memory', '0%'], ['compare', '--memory', '1024'], ['compare', '--trace', 'synth:rain'], ['plot']]) {
    it(`refuses ${argv.join(' ')}`, async () => {
      await assert.rejects(run(...argv), (error: { code?: string }) => error.code === 'BAD_OPTION' || error.code === 'TOO_LITTLE_MEMORY');
    });
  }

  it('takes shares of what all artifacts take: two, three and five containers for the eight models', async () => {
    const costs = publishedCosts();
    const workload = (await loadTrace(await openTrace(shippedTraceFile), costs, 1)).workload(1);
    assert.deepEqual([0.25, 0.5, 1].map((share) => poolMemoryBytesOf({ share }, workload, costs, 1) / costs.containerMemoryBytes), [2, 3, 5]);
  });
});
