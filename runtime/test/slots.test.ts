// What becomes of slots: cleaned, retained, crashed, off-loaded, and kept apart between namespaces.
import { strict as assert } from 'node:assert';
import { existsSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import { processIds } from '../../common/process-tree.ts';
import { privateBytesNow } from '../memory.ts';
import { assertExtensionError, DrivenRuntime, inferenceCode, isAlive, phaseOf } from '../testing/driven-runtime.ts';
import { zipBase64 } from '../testing/zip.ts';

const echoCode = 'function main(args) { return args; }';
const counterCode = 'let runs = 0; function main() { runs += 1; return { runs, pid: process.pid, home: process.env.HOME }; }';

/** Whether a process has its working directory below a folder. */
function worksBelow(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`);
  } catch {
    return false;
  }
}

describe('cleaning a container', () => {
  let driven: DrivenRuntime;
  before(async () => {
    driven = await DrivenRuntime.start();
  });
  after(() => driven.stop());
  beforeEach(() => driven.reset());

  it('leaves no process, no file and no child process of the former action', async () => {
    const code = `
      const { spawn } = require('node:child_process');
      require('node:fs').writeFileSync('left-behind', '');
      const child = spawn('sleep', ['1000']);
      function main() { return { pid: process.pid, child: child.pid, home: process.env.HOME }; }`;
    await driven.initialised('one', code);
    const { pid, child, home } = (await driven.result()) as { pid: number; child: number; home: string };
    assert.ok(isAlive(pid) && isAlive(child) && existsSync(path.join(home, 'left-behind')));
    assert.equal((await driven.clean(false)).status, 200);
    assert.ok(!isAlive(pid));
    await eventually(() => !existsSync(home), 'its folder is gone');
    await eventually(() => !isAlive(child), 'the child process ends');
    const { state, action, slots } = await driven.status();
    assert.deepEqual({ state, action, slots }, { state: 'stem', action: null, slots: [] });
  });

  it('may be done again and again', async () => {
    for (let time = 0; time < 3; time++) assert.equal((await driven.clean(true)).status, 200);
  });

  it('lets another action in', async () => {
    await driven.initialised('one', echoCode);
    await driven.clean(false);
    await driven.initialised('two', counterCode, { namespace: 'other' });
    assert.equal((await driven.result())['runs'], 1);
  });

  it('keeps a retained slot frozen until the same action comes back, with the environment of that call', async () => {
    const code = `let runs = 0; function main() { runs += 1; return { runs, pid: process.pid, fresh: process.env.FRESH }; }`;
    await driven.initialised('one', code, { env: { FRESH: 'first' } });
    const first = await driven.result();
    await driven.clean(true);
    assert.deepEqual(await driven.slotStates(), { 'guest/one': 'retained' });
    assert.equal((await driven.run()).status, 403);
    assert.equal(await driven.initialised('one', code, { env: { FRESH: 'second' } }), 'retained');
    assert.deepEqual(await driven.result(), { runs: 2, pid: first['pid'], fresh: 'second' });
  });

  for (const { title, code, version } of [
    { title: 'another version', code: counterCode, version: '0.0.2' },
    { title: 'other code of the same version', code: `${counterCode} // changed`, version: '0.0.1' },
  ]) {
    it(`gives a retained slot to nobody else: ${title}`, async () => {
      await driven.initialised('one', counterCode);
      const { pid } = await driven.result();
      await driven.clean(true);
      assert.notEqual(await driven.initialised('one', code, { version }), 'retained');
      const result = await driven.result();
      assert.equal(result['runs'], 1);
      assert.notEqual(result['pid'], pid);
    });
  }
});

describe('two namespaces in one container', () => {
  let driven: DrivenRuntime;
  before(async () => {
    driven = await DrivenRuntime.start();
  });
  after(() => driven.stop());
  beforeEach(() => driven.reset());

  it("have nothing in common: the other's retained code is dead and its files are gone before new code runs", async () => {
    await driven.initialised('one', `require('node:fs').writeFileSync('secret', 'x'); globalThis.secret = 1; ${counterCode}`, { env: { SECRET: 'guest' } });
    const { pid, home } = (await driven.result()) as { pid: number; home: string };
    await driven.clean(true);
    assert.ok(isAlive(pid));
    // The check is made by the other namespace's code itself, as it is evaluated.
    const spy = `
      const fs = require('node:fs');
      const seen = { process: fs.existsSync('/proc/${pid}/status'), files: fs.existsSync('${home}/secret'), variable: process.env.SECRET ?? null, global: typeof secret };
      function main() { return seen; }`;
    await driven.initialised('one', spy, { namespace: 'other' });
    assert.deepEqual(await driven.result(), { process: false, files: false, variable: null, global: 'undefined' });
  });

  it('never share a resident slot, even for actions of the same name', async () => {
    await driven.loaded('one', { namespace: 'other', action: 'guest/one' });
    assert.notEqual(await driven.initialised('one', inferenceCode('one')), 'resident');
    assert.equal((await driven.result())['y'], 2);
    await eventually(async () => (await driven.status()).slots.length === 1, "the other namespace's slot is gone");
  });

  it('have no archive of the other in reach when code runs', async () => {
    const code = await zipBase64({ 'index.js': 'exports.main = () => ({})', 'm.onnx': 'x' });
    const artifacts = { models: [{ name: 'one', store: 'one' }] };
    await driven.loaded('one', { namespace: 'other', artifacts, code: { main: 'main', code, binary: true } });
    const spy = `
      const fs = require('node:fs');
      const path = require('node:path');
      const slots = path.dirname(process.env.HOME);
      const found = [];
      for (let slot = 1; slot < 50; slot++) {
        try { found.push(...fs.readdirSync(path.join(slots, String(slot)), { recursive: true }).filter((name) => name.endsWith('m.onnx'))); } catch {}
      }
      function main() { return { found }; }`;
    await driven.initialised('two', spy);
    assert.deepEqual(await driven.result(), { found: [] });
  });

  it('have no archive of one unpacked where code of the other lives', async () => {
    const code = { main: 'main', code: await zipBase64({ 'index.js': 'exports.main = () => ({})', 'm.onnx': 'x' }), binary: true };
    await driven.initialised('two', echoCode);
    assertExtensionError(await driven.load('one', { namespace: 'other', artifacts: { models: [{ name: 'm', path: 'm.onnx' }] }, code }), 403, 'forbidden');
    await driven.loaded('one', { namespace: 'other', code });
    assert.deepEqual(await driven.slotStates(), { 'guest/two': 'active', 'other/one': 'resident' });
  });

  it('leave residents of the same namespace where they are', async () => {
    await driven.loaded('one');
    await driven.loaded('two');
    await driven.initialised('three', echoCode);
    await driven.result();
    assert.deepEqual(await driven.slotStates(), { 'guest/one': 'resident', 'guest/two': 'resident', 'guest/three': 'active' });
  });
});

describe('a slot that ends by itself', () => {
  let driven: DrivenRuntime;
  before(async () => {
    driven = await DrivenRuntime.start();
  });
  after(() => driven.stop());
  beforeEach(() => driven.reset());

  for (const { title, code } of [
    { title: 'exits', code: 'function main() { process.exit(0); }' },
    { title: 'is killed', code: `function main() { process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}); }` },
    { title: 'has an uncaught error', code: 'function main() { setTimeout(() => { throw new Error("late"); }); return new Promise((resolve) => setTimeout(resolve, 10_000)); }' },
  ]) {
    it(`fails the run in which it ${title}, with exactly one marker on each stream`, async () => {
      const before = await driven.runtime.readLogs();
      await driven.initialised('one', code);
      const reply = await driven.run();
      assert.deepEqual([reply.status, reply.json], [502, { error: 'The action did not produce a valid response and exited unexpectedly.' }]);
      const logs = await driven.runtime.readLogs();
      for (const stream of ['stdout', 'stderr'] as const) assert.equal(logs[stream].slice(before[stream].length).split('XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n').length, 2);
      assert.equal((await driven.status()).state, 'stopped');
      assert.deepEqual((await driven.run()).json, { error: 'System not ready, status is stopped.' });
      await driven.clean(false);
      await driven.initialised('two', echoCode);
      assert.deepEqual(await driven.result({ a: 1 }), { a: 1 });
    });
  }

  it('fails the init in which it exits', async () => {
    const reply = await driven.init('one', 'process.exit(1)');
    assert.equal(reply.status, 502);
    assert.match(reply.text, /exited unexpectedly/);
  });

  it('fails the init that throws more text than anyone wants to read', async () => {
    const reply = await driven.init('one', `throw new Error('x'.repeat(5_000_000))`);
    assert.equal(reply.status, 502);
    assert.ok(reply.text.length < 200_000);
  });

  it('between two runs, sends the next one elsewhere', async () => {
    await driven.initialised('one', 'function main() { setTimeout(() => process.exit(0)); return {}; }');
    await driven.result();
    await eventually(async () => (await driven.status()).state === 'stopped', 'the loss is noticed');
    assert.equal((await driven.run()).status, 503);
    assert.equal((await driven.runtime.call('GET', '/readyz')).status, 503);
  });

  it('is not missed when it was only resident', async () => {
    await driven.loaded('one');
    await driven.initialised('two', counterCode);
    const { pid: own, home } = (await driven.result()) as { pid: number; home: string };
    const pid = processIds().filter((candidate) => candidate !== own && worksBelow(candidate, path.dirname(home)));
    assert.ok(pid.length > 0);
    for (const slot of pid) process.kill(slot, 'SIGKILL');
    await eventually(async () => (await driven.slotStates())['guest/one'] === undefined, 'the resident slot is gone');
    assert.equal((await driven.status()).state, 'initialised');
    await driven.result();
  });

  it('cannot fool the proxy with messages of its own making', async () => {
    const code = `
      function main() {
        const channel = Object.getOwnPropertySymbols(process).map((symbol) => process[symbol]).find((value) => value && typeof value.writeUtf8String === 'function') ?? process.channel;
        try { process._send({ type: 'ran', id: 99, status: 200, body: 'x' }); } catch {}
        return { send: typeof process.send, channel: typeof channel };
      }`;
    await driven.initialised('one', code);
    assert.equal((await driven.result())['send'], 'undefined');
    assert.equal((await driven.status()).state, 'initialised');
  });
});

describe('memory of a container', () => {
  const heavyBytes = 64 * 1024 * 1024;
  let driven: DrivenRuntime;
  before(async () => {
    driven = await DrivenRuntime.start({ INSTAINFER_MEMORY_LIMIT_BYTES: String(500e6) }, heavyBytes);
  });
  after(() => driven.stop());
  beforeEach(() => driven.reset());

  it('comes back when artifacts are off-loaded: within 5 % of what it was, when the reply comes', async () => {
    const loadedAndOffloaded = async (): Promise<{ usedBytes: number; lastingBytes: number }> => {
      await driven.blankSlot();
      await driven.loaded('heavy');
      await driven.blankSlot();
      const { freedBytes, memory } = await driven.offloaded({ action: 'guest/heavy' });
      assert.ok(freedBytes > heavyBytes, `${freedBytes} bytes freed`);
      assert.deepEqual(await driven.slotStates(), {});
      const blank = driven.slotPids();
      assert.equal(blank.length, 1);
      // A new blank slot takes 20 MB or 23, as it comes: more than 5 % lie between two of them.
      return { usedBytes: memory.usedBytes, lastingBytes: memory.usedBytes - privateBytesNow(blank[0]!) };
    };
    const before = await loadedAndOffloaded();
    const after = await loadedAndOffloaded();
    const leftBytes = after.lastingBytes - before.lastingBytes;
    assert.ok(Math.abs(leftBytes) <= before.usedBytes * 0.05, `${leftBytes} bytes more than the ${before.usedBytes} before`);
  });

  it('is not promised twice: a load that does not fit is refused before it starts, with the numbers', async () => {
    await driven.loaded('heavy');
    const artifacts = { models: ['heavy', 'heavy2', 'heavy3'].map((name) => ({ name, store: 'heavy' })) };
    const error = assertExtensionError(await driven.load('another', { artifacts }), 507, 'memory');
    assert.ok(error.predictedBytes! > error.memory!.freeBytes);
    assert.deepEqual(await driven.slotStates(), { 'guest/heavy': 'resident' });
  });

  it('is taken from the least recently useful slot when an activation needs more than there is', async () => {
    await driven.loaded('heavy');
    await driven.loaded('one');
    const code = `const kept = []; function main({ bytes }) { const chunk = Buffer.alloc(bytes, 1); kept.push(chunk); return { kept: kept.length }; }`;
    await driven.initialised('greedy', code);
    await driven.result({ bytes: 300e6 });
    await eventually(async () => (await driven.slotStates())['guest/heavy'] === undefined, 'the oldest artifact gives way');
    const { memory } = await driven.status();
    assert.ok(memory.usedBytes <= memory.limitBytes);
    assert.equal((await driven.slotStates())['guest/greedy'], 'active');
  });

  it('of nothing is off-loaded without an error', async () => {
    assert.equal((await driven.offloaded({ action: 'guest/never-loaded' })).freedBytes, 0);
  });

  it('of the initialised action is not off-loaded', async () => {
    await driven.initialised('one', echoCode);
    assertExtensionError(await driven.runtime.call('POST', '/offload', { value: { action: 'guest/one' } }), 409, 'busy');
    await driven.offloaded({ all: true });
    assert.deepEqual(await driven.result({ a: 1 }), { a: 1 });
  });
});

describe('a runtime that loads as the stock one does', () => {
  it('prepares nothing, opens models the default way, and refuses to load ahead', async () => {
    const driven = await DrivenRuntime.start({ INSTAINFER_LOADING: 'stock' });
    try {
      assertExtensionError(await driven.load('one'), 422, 'artifact');
      await driven.blankSlot();
      const code = `const prepared = require('node:fs').readFileSync('/proc/self/maps', 'utf8').includes('onnxruntime'); ${inferenceCode('one').replace('return {', 'return { prepared,')}`;
      await driven.initialised('one', code);
      const reply = await driven.run();
      const { y, prepared } = reply.json as { y: number; prepared: boolean };
      assert.deepEqual({ y, prepared }, { y: 2, prepared: false });
      assert.ok(phaseOf(reply, 'load') > 0);
    } finally {
      await driven.stop();
    }
  });
});
