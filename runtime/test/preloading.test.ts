// Loading ahead of calls, seen from outside: real processes, tiny models.
import { strict as assert } from 'node:assert';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import { assertExtensionError, DrivenRuntime, inferenceCode, phaseOf, slotOf } from '../testing/driven-runtime.ts';
import { writeTinyStore } from '../testing/tiny-store.ts';
import { zipBase64 } from '../testing/zip.ts';

/** Keeps its container running until told, by a file in its slot's folder. */
const waitingCode = `
  const { existsSync } = require('node:fs');
  function main({ until }) {
    return new Promise((resolve) => {
      const timer = setInterval(() => { if (existsSync(until)) { clearInterval(timer); resolve({ done: true }); } }, 5);
    });
  }`;

describe('loading ahead of a call', () => {
  let driven: DrivenRuntime;
  before(async () => {
    driven = await DrivenRuntime.start();
  });
  after(() => driven.stop());
  beforeEach(() => driven.reset());

  it('gives the measured time and bytes of every artifact', async () => {
    const reply = await driven.loaded('one', { artifacts: { models: [{ name: 'one', store: 'one@1' }], libraries: ['sharp'] } });
    assert.equal(reply.action, 'guest/one');
    assert.ok(reply.loadMs > 0);
    assert.ok(reply.residentBytes > 1e6);
    assert.deepEqual(reply.artifacts.map(({ kind, name }) => [kind, name]), [['library', 'sharp'], ['model', 'one']]);
    assert.ok(reply.artifacts.every(({ loadMs, bytes }) => loadMs > 0 && bytes >= 0));
    const { slots, memory } = await driven.status();
    assert.deepEqual(slots.map(({ action, namespace, state, artifacts }) => ({ action, namespace, state, artifacts })), [
      { action: 'guest/one', namespace: 'guest', state: 'resident', artifacts: reply.artifacts },
    ]);
    assert.ok(memory.usedBytes > reply.residentBytes && memory.usedBytes + memory.freeBytes === memory.limitBytes);
  });

  it('finds a model that has come into the store since its slot was started', async () => {
    await driven.blankSlot();
    writeTinyStore(driven.storeDir, { models: ['one', 'two', 'three', 'late'] });
    await driven.loaded('late');
    assert.deepEqual(await driven.slotStates(), { 'guest/late': 'resident' });
  });

  it('is taken up by the call: code goes to the resident slot, and the model is there', async () => {
    await driven.loaded('one');
    assert.equal(await driven.initialised('one', inferenceCode('one')), 'resident');
    const reply = await driven.run();
    assert.equal((reply.json as { y: number }).y, 2);
    assert.equal(phaseOf(reply, 'load'), 0);
    assert.ok(phaseOf(reply, 'run') > 0);
  });

  it('is waited for by a call that comes while it is under way', async () => {
    const load = driven.loaded('one');
    await eventually(async () => (await driven.slotStates())['guest/one'] !== undefined, 'the load has begun');
    const init = await driven.init('one', inferenceCode('one'));
    assert.equal(slotOf(init), 'resident');
    assert.equal((await driven.result())['y'], 2);
    assert.equal((await load).ok, true);
  });

  it('happens once however often it is asked for, at the same time and later', async () => {
    const replies = await Promise.all([driven.loaded('one'), driven.loaded('one'), driven.loaded('one')]);
    assert.equal(new Set(replies.map(({ loadMs }) => loadMs)).size, 1);
    const again = await driven.loaded('one');
    assert.deepEqual(again.artifacts, replies[0].artifacts);
    assert.equal((await driven.status()).slots.length, 1);
  });

  describe('the environment of the action', () => {
    const code = 'function main() { return Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("MODEL"))); }';
    const models = [{ name: 'two', store: 'two' }, { name: 'my-one', store: 'one@1' }, { name: 'gone', store: 'nowhere' }];
    const fileOf = (name: string): string => path.join(driven.storeDir, `${name}/${name}.onnx`);

    it('says where the declared models lie, the first one in MODEL_PATH, and names no other', async () => {
      await driven.loaded('two', { artifacts: { models: models.slice(0, 2), libraries: [] } });
      assert.equal(await driven.initialised('two', code), 'resident');
      assert.deepEqual(await driven.result(), { MODEL_PATH: fileOf('two'), MODEL_TWO_PATH: fileOf('two'), MODEL_MY_ONE_PATH: fileOf('one') });
    });

    it('says it from the declaration in the archive as well, and leaves out what is not there', async () => {
      const archive = await zipBase64({ 'index.js': `${code}; exports.main = main;`, 'package.json': '{}', 'instainfer.json': JSON.stringify({ models }) });
      const env = { __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: '/guest/zipped', __OW_ACTION_VERSION: '0.0.1' };
      assert.equal((await driven.runtime.call('POST', '/init', { value: { name: 'zipped', main: 'main', code: archive, binary: true, env } })).status, 200);
      assert.deepEqual(await driven.result(), { MODEL_PATH: fileOf('two'), MODEL_TWO_PATH: fileOf('two'), MODEL_MY_ONE_PATH: fileOf('one') });
    });

    it('has none of them for an action that declares none, whatever is resident beside it', async () => {
      await driven.loaded('two', { namespace: 'other', artifacts: { models, libraries: [] } }).catch(() => undefined);
      await driven.initialised('none', code);
      assert.deepEqual(await driven.result(), {});
    });

    it('keeps what the action was given under the same name', async () => {
      await driven.loaded('two');
      await driven.initialised('two', code, { env: { MODEL_PATH: 'mine' } });
      assert.deepEqual(await driven.result(), { MODEL_PATH: 'mine', MODEL_TWO_PATH: fileOf('two') });
    });

    it('gives the resident session to code that opens MODEL_PATH itself', async () => {
      await driven.loaded('one');
      const opening = `const ort = require('onnxruntime-node');
        async function main() { const session = await ort.InferenceSession.create(process.env.MODEL_PATH); const { y } = await session.run({ x: new ort.Tensor('float32', [2], [1]) }); return { y: y.data[0] }; }`;
      await driven.initialised('one', opening);
      const reply = await driven.run();
      assert.deepEqual([reply.json, phaseOf(reply, 'load')], [{ y: 2 }, 0]);
    });
  });

  it('is cancelled by the call of another action', async () => {
    await driven.blankSlot();
    // Stopped, so that the load is still under way when the call comes: so small a model takes ten milliseconds.
    const [blank] = driven.slotPids();
    process.kill(blank!, 'SIGSTOP');
    const [one, two] = [driven.load('one'), driven.load('two')];
    await eventually(async () => (await driven.slotStates())['guest/one'] === 'loading', 'the first load has begun');
    assert.equal((await driven.init('three', inferenceCode('three'))).status, 200);
    assertExtensionError(await one, 409, 'cancelled');
    assertExtensionError(await two, 409, 'cancelled');
    assert.equal((await driven.result())['y'], 2);
    assert.deepEqual(await driven.slotStates(), { 'guest/three': 'active' });
  });

  it('is refused while an activation runs', async () => {
    const until = path.join(driven.storeDir, 'go');
    await driven.initialised('waiting', waitingCode);
    const run = driven.result({ until });
    await eventually(async () => (await driven.status()).state === 'running', 'the activation runs');
    assertExtensionError(await driven.load('one'), 409, 'busy');
    assertExtensionError(await driven.clean(false), 409, 'busy');
    writeFileSync(until, '');
    assert.deepEqual(await run, { done: true });
    await driven.loaded('one');
  });

  it('is given up at its deadline, and leaves nothing', async () => {
    assertExtensionError(await driven.load('one', { deadlineMs: 1 }), 504, 'deadline');
    await eventually(async () => (await driven.status()).slots.length === 0, 'the slot is gone');
    await driven.loaded('one', { deadlineMs: 60_000 });
  });

  const wrong: { title: string; artifacts: unknown; says: RegExp }[] = [
    { title: 'a model the store does not have', artifacts: { models: [{ name: 'x', store: 'no-such-model' }] }, says: /no-such-model.*one@1, two@1, three@1/ },
    { title: 'a library the image does not have', artifacts: { libraries: ['no-such-library-anywhere'] }, says: /"no-such-library-anywhere" is not in the runtime image/ },
    { title: 'a path in place of a library', artifacts: { libraries: ['../../../etc/evil'] }, says: /is not the name of an npm package/ },
    { title: 'a path inside a library', artifacts: { libraries: ['sharp/../../evil'] }, says: /is not the name of an npm package/ },
    { title: 'a file that is in no archive', artifacts: { models: [{ name: 'x', path: 'x.onnx' }] }, says: /has no such file/ },
  ];
  for (const { title, artifacts, says } of wrong) {
    it(`refuses ${title}, and says so`, async () => {
      assert.match(assertExtensionError(await driven.load('one', { artifacts }), 422, 'artifact').error, says);
      assert.deepEqual(await driven.slotStates(), {});
    });
  }

  it('refuses a request that is none', async () => {
    assertExtensionError(await driven.runtime.call('POST', '/load', '{"value":'), 400, 'bad-request');
    assert.match(assertExtensionError(await driven.runtime.call('POST', '/load', { value: {} }), 400, 'bad-request').error, /action/);
  });

  it("loads a model out of the action's archive, and unpacks it once", async () => {
    const code = await zipBase64({
      'index.js': `
        const { model } = require('instainfer');
        const { InferenceSession, Tensor } = require('onnxruntime-node');
        exports.main = async () => {
          const session = await model('own');
          const { y } = await session.run({ x: new Tensor('float32', [3], [1]) });
          return { y: y.data[0], same: session === await InferenceSession.create('own.onnx'), same2: session === await InferenceSession.create(__dirname + '/own.onnx') };
        };`,
      'own.onnx': readFileSync(path.join(driven.storeDir, 'one/one.onnx')),
    });
    const init = { name: 'one', main: 'main', code, binary: true };
    const reply = await driven.load('one', { artifacts: { models: [{ name: 'own', path: 'own.onnx' }] }, code: init });
    assert.equal(reply.status, 200, reply.text);
    const context = { __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: '/guest/one', __OW_ACTION_VERSION: '0.0.1' };
    const initReply = await driven.runtime.call('POST', '/init', { value: { ...init, env: context } });
    assert.equal(slotOf(initReply), 'resident', initReply.text);
    assert.deepEqual(await driven.result(), { y: 3, same: true, same2: true });
  });

  it('takes a deadline beyond what timers can count for no hurry', async () => {
    await driven.loaded('one', { deadlineMs: 2 ** 31 });
    await driven.loaded('two', { deadlineMs: 1e300 });
  });

  it('cancels the load of an action that is off-loaded meanwhile', async () => {
    const load = driven.load('one');
    await eventually(async () => (await driven.slotStates())['guest/one'] === 'loading', 'the load has begun');
    await driven.offloaded({ action: 'guest/one' });
    assertExtensionError(await load, 409, 'cancelled');
  });

  it('goes into the slot of the action itself when the container is initialised with it', async () => {
    await driven.initialised('one', inferenceCode('one'));
    const { artifacts } = await driven.loaded('one');
    assert.deepEqual(artifacts.map(({ name }) => name), ['one']);
    assert.deepEqual(await driven.slotStates(), { 'guest/one': 'active' });
    assert.equal(phaseOf(await driven.run(), 'load'), 0);
  });
});

describe('what a call pays when nothing was loaded ahead', () => {
  let driven: DrivenRuntime;
  before(async () => {
    driven = await DrivenRuntime.start();
  });
  after(() => driven.stop());
  beforeEach(() => driven.reset());

  it('is loading, and is counted as such', async () => {
    await driven.blankSlot();
    assert.equal(await driven.initialised('one', inferenceCode('one')), 'blank');
    assert.ok(phaseOf(await driven.run(), 'load') > 0);
    assert.equal(phaseOf(await driven.run(), 'load'), 0);
    assert.deepEqual((await driven.status()).slots[0]?.artifacts.map(({ name }) => name), ['one']);
  });

  it('is loading also for libraries, and for sessions that the action opens itself', async () => {
    const code = `
      const { library, attachment, sampleInputs } = require('instainfer');
      async function main({ file }) {
        const sharp = library('sharp');
        const session = await require('onnxruntime-node').InferenceSession.create(file);
        return { sharp: typeof sharp, inputs: session.inputNames, words: await attachment('one', 'words.txt'), sample: await sampleInputs('one') };
      }`;
    await driven.initialised('one', code);
    const reply = await driven.run({ file: path.join(driven.storeDir, 'one/one.onnx') });
    assert.deepEqual(reply.json, {
      sharp: 'function',
      inputs: ['x'],
      words: path.join(driven.storeDir, 'one/words.txt'),
      sample: { x: { type: 'float32', dims: [1], fill: 1 } },
    });
    assert.ok(phaseOf(reply, 'load') > phaseOf(reply, 'run'));
  });

  for (const found of [`require('onnxruntime-node')`, `(await import('onnxruntime-node')).default`]) {
    it(`is one session of a declared model, also for an action that finds ONNX Runtime before the runtime has loaded it, by ${found}`, async () => {
      const code = await zipBase64({
        'index.js': `exports.main = async ({ file }) => {
          const { InferenceSession } = ${found};
          const session = await InferenceSession.create(file);
          return { isOurs: session === (await require('instainfer').model('one')) };
        };`,
        'package.json': '{}',
        'instainfer.json': JSON.stringify({ models: [{ name: 'one', store: 'one@1' }] }),
      });
      await driven.blankSlot();
      const initialised = await driven.runtime.call('POST', '/init', { value: { main: 'main', code, binary: true, env: {} } });
      assert.equal(slotOf(initialised), 'blank');
      const reply = await driven.run({ file: path.join(driven.storeDir, 'one/one.onnx') });
      assert.deepEqual(reply.json, { isOurs: true });
      assert.ok(phaseOf(reply, 'load') > phaseOf(reply, 'run'));
    });
  }

  it('is a clear error when the model is not there', async () => {
    await driven.initialised('one', inferenceCode('unheard-of'));
    assert.match(JSON.stringify(await driven.result()), /There is no model unheard-of in .*one@1/);
  });

  it('can be paid as soon as the store is there, also by a slot that is older', async () => {
    const late = await DrivenRuntime.start({ INSTAINFER_MODEL_STORE: path.join(driven.storeDir, 'late') });
    try {
      await late.blankSlot();
      mkdirSync(path.join(driven.storeDir, 'late'));
      writeTinyStore(path.join(driven.storeDir, 'late'), { models: ['one'] });
      assert.equal(await late.initialised('one', inferenceCode('one')), 'blank');
      assert.equal((await late.result())['y'], 2);
    } finally {
      await late.stop();
    }
  });

  it('is paid again after the action released its session, by a session that works', async () => {
    const code = inferenceCode('one').replace('return', "await session.release(); return");
    await driven.initialised('one', code);
    assert.equal((await driven.result())['y'], 2);
    assert.equal((await driven.result())['y'], 2);
  });

  it('is available to ES modules as well', async () => {
    const code = await zipBase64({
      'package.json': '{"type":"module"}',
      'index.js': `import { model } from 'instainfer'; import ort from 'onnxruntime-node';
        export async function main() { const s = await model('two'); return { y: (await s.run({ x: new ort.Tensor('float32', [4], [1]) })).y.data[0] }; }`,
    });
    const reply = await driven.runtime.call('POST', '/init', { value: { main: 'main', code, binary: true, env: {} } });
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(await driven.result(), { y: 4 });
  });
});
