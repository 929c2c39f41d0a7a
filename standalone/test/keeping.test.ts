// What is kept is kept: over a restart, over a kill, and no longer than it is to be.
import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import openwhisk from 'openwhisk';
import { guestKey } from '../namespaces.ts';
import { StandaloneProcess } from '../testing/standalone-process.ts';

describe('what a standalone server keeps', function () {
  this.timeout(120_000);
  let folder: string;
  let running: StandaloneProcess | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'keeping-'));
  });
  afterEach(async () => {
    await running?.end('SIGKILL');
    running = undefined;
    await rm(folder, { recursive: true });
  });

  const start = async (...options: string[]): Promise<openwhisk.Client> => {
    running = await StandaloneProcess.start(folder, options);
    return openwhisk({ apihost: running.address, api_key: guestKey });
  };

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`actions and activations are there after ${signal}, and the actions run`, async () => {
      const before = await start();
      await before.packages.create({ name: 'tools', package: { parameters: [{ key: 'greeting', value: 'hello' }] } });
      const code = 'function main(p) { console.log("kept"); return { text: `${p.greeting} ${p.name}` }; }';
      await before.actions.create({ name: 'tools/greet', action: code });
      const { activationId } = await before.actions.invoke({ name: 'tools/greet', blocking: true, params: { name: 'you' } });
      // What was shown once is kept: the record is shown as soon as it is on disk.
      const shown = await whenThere(() => before.activations.get({ name: activationId }));
      await running?.end(signal);

      const after = await start();
      assert.deepEqual(await after.activations.get({ name: activationId }), shown);
      assert.match((await after.activations.logs({ name: activationId })).logs?.join('\n') ?? '', /stdout: kept/);
      assert.deepEqual((await after.activations.list()).map((entry) => entry.activationId), [activationId]);
      const action = (await after.actions.get({ name: 'tools/greet' })) as unknown as { exec: { code: string }; version: string };
      assert.deepEqual([action.exec.code, action.version], [code, '0.0.1']);
      assert.deepEqual(await after.actions.invoke({ name: 'tools/greet', blocking: true, result: true, params: { name: 'again' } }), { text: 'hello again' });
    });
  }

  it('what was answered before a kill in the midst of writes is there after it', async () => {
    const before = await start();
    const written: string[] = [];
    const writing = (async () => {
      for (let number = 0; ; number += 1) {
        await before.actions.create({ name: `a${number}`, action: `function main() { return { number: ${number} }; }` });
        written.push(`a${number}`);
        if (written.length === 40) void running?.end('SIGKILL');
      }
    })();
    await assert.rejects(writing);
    await running?.end('SIGKILL');
    const after = await start();
    const names = new Set((await after.actions.list({ limit: 200 })).map(({ name }) => name));
    assert.ok(written.length >= 40);
    assert.deepEqual(written.filter((name) => !names.has(name)), []);
  });

  it('two servers on one data folder: the second says so, and the first goes on', async () => {
    const client = await start();
    await assert.rejects(StandaloneProcess.start(folder), (error: Error & { exitCode?: number }) => {
      assert.equal(error.message, `Another standalone server uses the data folder ${folder}. Stop that one, or give this one a folder of its own with --data. [DATA_FOLDER_IN_USE]\n`);
      assert.equal(error.exitCode, 1);
      return true;
    });
    assert.deepEqual(await client.namespaces.list(), ['guest']);
  });

  it('ends with 0 on SIGTERM', async () => {
    await start();
    assert.equal(await running?.end('SIGTERM'), 0);
  });
});

/** Asks until there is an answer: a record is written after the call was answered. */
async function whenThere<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error;
    }
  }
}
