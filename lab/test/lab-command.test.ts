import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { poolMemoryBytesOf, type ComparisonRow } from '../compare.ts';
import { publishedCosts } from '../cost-sets.ts';
import { loadTrace } from '../build-workload.ts';
import { runLabCommand } from '../lab-command.ts';
import { policies } from '../policies/index.ts';
import { shippedTraceFile } from '../shipped-files.ts';
import { openTrace } from '../traces/open-trace.ts';

const run = async (...argv: string[]): Promise<string> => {
  const parts: string[] = [];
  let now = 0;
  const code = await runLabCommand(argv, {}, { stdout: { write: (text) => parts.push(text) }, stderr: { write: () => undefined }, clock: () => (now += 1) });
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
    assert.match(text, /events in/);
    const written = JSON.parse(readFileSync(out, 'utf8')) as { rows: ComparisonRow[] };
    assert.deepEqual(written.rows.map(({ policy, runs }) => [policy, runs.length]), [['keep-alive', 2], ['ours', 2], ['keep-alive', 2], ['ours', 2]]);
    assert.ok(written.rows.every(({ runs }) => runs.every(({ activations, failed }) => activations === 114 && failed === 0)));
  });

  it('makes a synthetic trace anew for each seed', async () => {
    const text = await run('compare', '--trace', 'synth:bursty', '--minutes', '20', '--policies', 'keep-alive', '--memory', '100%', '--seeds', '3');
    assert.match(text, /they change all calls/);
    assert.match(text, /± [1-9]/);
  });

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
