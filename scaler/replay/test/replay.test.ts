import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../../common/free-port.ts';
import { createLogger } from '../../../common/logger.ts';
import { scalerPolicyNames, type ScalerPolicyName } from '../../policies.ts';
import { readDataset, syntheticDataset, type Dataset } from '../dataset.ts';
import { replayVirtually } from '../scalers.ts';

const logger = createLogger('test', 'silent');
const virtually = (dataset: Dataset, policy: ScalerPolicyName) => replayVirtually({ dataset, policy, keepAliveMs: 600_000, createMs: 300, logger });

describe('a replay of the Scaler task', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'scaler-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  async function files(metas: unknown[], requests: unknown[]): Promise<{ metas: string; requests: string }> {
    const names = { metas: path.join(folder, 'metas'), requests: path.join(folder, 'requests') };
    await writeFile(names.metas, metas.map((meta) => JSON.stringify(meta)).join('\n'));
    await writeFile(names.requests, requests.map((request) => JSON.stringify(request)).join('\n'));
    return names;
  }
  const meta = { key: 'a', runtime: 'python3', memoryInMb: 1024, timeoutInSecs: 10, initDurationInMs: 700 };

  it('scores by the formula of the task', async () => {
    const dataset = await readDataset(
      await files(
        [meta],
        [
          { startTime: 5000, metaKey: 'a', durationsInMs: 1000, statusCode: 200 },
          { startTime: 8000, metaKey: 'a', durationsInMs: 1000, statusCode: 200 },
        ],
      ),
    );
    const result = await virtually(dataset, 'reference');
    // The first waits 300 + 700 ms, the second nothing; the slot lives from 0 to 4 s: 50·(2/4 + 2/(1 + 2)).
    assert.equal(result.failed, 0);
    assert.equal(result.slots, 1);
    assert.equal(result.scheduleMeanMs, 500);
    assert.ok(Math.abs(result.heldGibSeconds - 4) < 1e-9);
    assert.ok(Math.abs(result.score - 50 * (2 / 4 + 2 / 3)) < 1e-9, String(result.score));
  });

  it('gives the same result for the same data set', async () => {
    const dataset = syntheticDataset({ minutes: 5, copies: 1, seed: 3 });
    for (const policy of scalerPolicyNames) assert.deepEqual(await virtually(dataset, policy), await virtually(dataset, policy));
  });

  it('answers every request of a made data set under each policy', async () => {
    const dataset = syntheticDataset({ minutes: 10, copies: 2, seed: 5 });
    for (const policy of scalerPolicyNames) {
      const result = await virtually(dataset, policy);
      assert.equal(result.failed, 0, result.problem);
      assert.equal(result.requests, dataset.requests.length);
      assert.ok(result.score > 0 && result.score <= 100);
    }
  });

  it('names the object of a data set that cannot be read', async () => {
    await assert.rejects(readDataset(await files([{ ...meta, memoryInMb: 'much' }], [])), /object 1: memoryInMb/);
    await assert.rejects(readDataset(await files([meta], [{ startTime: 1, metaKey: 'b', durationsInMs: 1 }])), /'b', which is not in/);
  });

  it('runs over gRPC between two processes, the scaler and the platform', async function () {
    this.timeout(60_000);
    const names = await files([{ ...meta, initDurationInMs: 20 }], [0, 40, 400].map((startTime) => ({ startTime, metaKey: 'a', durationsInMs: 100, statusCode: 200 })));
    const platform = `127.0.0.1:${await freePort()}`;
    const main = path.resolve(import.meta.dirname, '../../../cli/main.js');
    const scaler = spawn(process.execPath, [main, 'scaler', '--address', '127.0.0.1:0', '--platform', platform, '--log-level', 'silent'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const address = await readyAddress(scaler);
      const run = spawn(process.execPath, [main, 'scaler-replay', '--metas', names.metas, '--requests', names.requests, '--scaler', address, '--platform-address', platform, '--create', '20'], { stdio: ['ignore', 'pipe', 'pipe'] });
      let printed = '';
      run.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
      run.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
      const [code] = (await once(run, 'close')) as [number];
      assert.equal(code, 0, printed);
      const cells = printed.split('\n').find((line) => line.includes(address) && line.includes('│'))?.split('│').map((cell) => cell.trim());
      assert.equal(cells?.[7], '0', printed);
      // Two overlap; the third finds one of theirs.
      assert.equal(cells[5], '2', printed);
    } finally {
      scaler.kill();
      await once(scaler, 'close');
    }
  });
});

async function readyAddress(process: ChildProcess): Promise<string> {
  assert.ok(process.stdout);
  for await (const line of createInterface(process.stdout)) {
    const address = /^the scaler is ready: (\S+)$/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error('the scaler ended before it was ready');
}
