// The proxy as a process: how it starts, what it asks of callers, and what is left when it ends.
import { strict as assert } from 'node:assert';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import { assertExtensionError, DrivenRuntime, isAlive } from '../testing/driven-runtime.ts';
import { RuntimeProcess } from '../testing/runtime-process.ts';

const pidCode = 'function main() { return { pid: process.pid }; }';
const slowCode = 'function main({ ms }) { return new Promise((resolve) => setTimeout(() => resolve({ done: true }), ms)); }';

describe('the runtime process', () => {
  /** Where the runtimes under test keep their folders. */
  let tmpDir: string;
  before(() => {
    tmpDir = mkdtempSync(path.join(os.tmpdir(), 'runtime-test-'));
    // Slots work below it as users of their own.
    chmodSync(tmpDir, 0o711);
  });
  after(() => {
    rmSync(tmpDir, { recursive: true });
  });

  it('says in one line that a port is in use and what to do, and exits with an error', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const child = fork(path.resolve(import.meta.dirname, '../main.js'), [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [], env: { PORT: String(port), HOST: '127.0.0.1' } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    server.close();
    assert.equal(code, 1);
    assert.equal(text, `Port ${port} is in use. Choose another one: PORT=${port + 1} npm run runtime [PORT_IN_USE]\n`);
  });

  it('is alive and ready, and silent on both streams', async () => {
    const runtime = await RuntimeProcess.start();
    assert.equal((await runtime.call('GET', '/healthz')).status, 200);
    assert.equal((await runtime.call('GET', '/readyz')).status, 200);
    await runtime.call('GET', '/status');
    assert.equal(await runtime.stop(), 0);
    assert.deepEqual(await runtime.readLogs(), { stdout: '', stderr: '' });
  });

  for (const [method, route] of [
    ['GET', '/'],
    ['GET', '/run'],
    ['POST', '/status'],
    ['POST', '/nonsense'],
  ] as const) {
    it(`answers ${method} ${route} as the stock runtime does`, async () => {
      const runtime = await RuntimeProcess.start({ INSTAINFER_BLANK_SLOTS: '0' });
      const reply = await runtime.call(method, route);
      await runtime.stop();
      assert.deepEqual([reply.status, reply.json], [500, { error: 'Bad request.' }]);
    });
  }

  it('asks for its token on the routes beyond OpenWhisk\'s, and keeps it from actions', async () => {
    const runtime = await RuntimeProcess.start({ INSTAINFER_TOKEN: 'secret-token' });
    for (const [method, route] of [
      ['POST', '/load'],
      ['POST', '/offload'],
      ['POST', '/clean'],
      ['GET', '/status'],
    ] as const) {
      assertExtensionError(await runtime.call(method, route), 403, 'forbidden');
      assertExtensionError(await runtime.call(method, route, undefined, { authorization: 'Bearer wrong' }), 403, 'forbidden');
    }
    assert.equal((await runtime.call('GET', '/status', undefined, { authorization: 'Bearer secret-token' })).status, 200);
    await runtime.call('POST', '/init', { value: { main: 'main', code: 'function main() { return { env: process.env }; }' } });
    const reply = await runtime.call('POST', '/run', {});
    assert.equal(reply.status, 200);
    assert.ok(!reply.text.includes('secret-token'));
    await runtime.stop();
  });

  it('finishes what runs when it is told to end, refuses the rest, and leaves nothing', async () => {
    const runtime = await RuntimeProcess.start({ TMPDIR: tmpDir });
    await runtime.call('POST', '/init', { value: { main: 'main', code: slowCode } });
    const run = runtime.call('POST', '/run', { value: { ms: 300 } });
    await eventually(async () => (await runtime.call('GET', '/status')).text.includes('"running"'), 'the activation runs');
    const ended = once(runtime.child, 'exit');
    runtime.child.kill('SIGTERM');
    await eventually(async () => (await runtime.call('GET', '/readyz')).status === 503, 'it is no longer ready');
    const refused = await runtime.call('POST', '/run', {});
    assert.deepEqual([refused.status, refused.json], [503, { error: 'The container is shutting down.' }]);
    assertExtensionError(await runtime.call('POST', '/load', { value: { action: 'a/b', namespace: 'a', artifacts: {} } }), 503, 'draining');
    assert.deepEqual((await run).json, { done: true });
    assert.deepEqual(await ended, [0, null]);
    assert.deepEqual(readdirSync(tmpDir), []);
  });

  it('ends within its grace even if an activation does not', async () => {
    const runtime = await RuntimeProcess.start({ INSTAINFER_GRACE_MS: '50' });
    await runtime.call('POST', '/init', { value: { main: 'main', code: slowCode } });
    const run = runtime.call('POST', '/run', { value: { ms: 60_000 } });
    await eventually(async () => (await runtime.call('GET', '/status')).text.includes('"running"'), 'the activation runs');
    assert.equal(await runtime.stop(), 0);
    assert.equal((await run).status, 502);
  });

  for (const { title, end } of [
    { title: 'its parent has gone', end: (runtime: RuntimeProcess) => runtime.child.disconnect() },
    { title: 'it is killed', end: (runtime: RuntimeProcess) => runtime.child.kill('SIGKILL') },
  ]) {
    it(`leaves no slot and no folder behind when ${title}, not even of one that is frozen or hangs`, async () => {
      const driven = await DrivenRuntime.start({ TMPDIR: tmpDir });
      await driven.initialised('frozen', pidCode);
      const { pid: frozen } = await driven.result();
      await driven.clean(true);
      await driven.initialised('hanging', `function main({ hang }) { while (hang); return { pid: process.pid }; }`);
      const { pid: hanging } = await driven.result();
      void driven.run({ hang: true }).catch(() => undefined);
      await eventually(async () => (await driven.status()).state === 'running', 'the activation runs');
      assert.ok(isAlive(frozen as number) && isAlive(hanging as number));
      const ended = once(driven.runtime.child, 'exit');
      end(driven.runtime);
      await ended;
      await eventually(() => !isAlive(frozen as number) && !isAlive(hanging as number), 'the slots are gone');
      await eventually(() => readdirSync(tmpDir).length === 0, 'the folder is gone');
      await driven.stop();
    });
  }
});
