// The SDK on a runtime that is not ours: no slot, no proxy, an action's folder and perhaps a model store.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeTinyStore } from '../../testing/tiny-store.ts';

const projectDir = path.resolve(import.meta.dirname, '../../../..');

describe('the SDK outside of a slot', () => {
  let directory: string;
  let actionDir: string;
  let storeDir: string;

  before(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'sdk-'));
    storeDir = path.join(directory, 'store');
    mkdirSync(storeDir);
    writeTinyStore(storeDir, { models: ['one', 'two'] });
    actionDir = path.join(directory, 'action');
    const sdkDir = path.join(actionDir, 'node_modules/instainfer');
    mkdirSync(sdkDir, { recursive: true });
    copyFileSync(path.join(projectDir, 'build/runtime/sdk/index.cjs'), path.join(sdkDir, 'index.cjs'));
    copyFileSync(path.join(projectDir, 'runtime/sdk/package.json'), path.join(sdkDir, 'package.json'));
    copyFileSync(path.join(storeDir, 'one/one.onnx'), path.join(actionDir, 'own.onnx'));
    writeFileSync(path.join(actionDir, 'instainfer.json'), JSON.stringify({ models: [{ name: 'own', path: 'own.onnx' }, { name: 'alias', store: 'two@1' }], libraries: [] }));
    // As on an image that has ONNX Runtime in its root folder.
    symlinkSync(path.join(projectDir, 'node_modules'), path.join(directory, 'node_modules'));
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });

  /** Runs the body of an async function in the action's folder; gives what it returns. */
  function evaluate(body: string, env: Readonly<Record<string, string>> = {}): unknown {
    const program = `(async () => { const { model, attachment, sampleInputs, library } = require('instainfer'); ${body} })().then((value) => console.log(JSON.stringify(value)), (error) => console.log(JSON.stringify({ name: error.name, code: error.code, message: error.message })));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: actionDir, env: { PATH: process.env['PATH'], ORT_DISABLE_TELEMETRY: '1', ...env }, encoding: 'utf8' });
    assert.equal(stderr, '');
    return JSON.parse(stdout);
  }

  it("opens a model of the action's folder, once for all who ask", () => {
    assert.deepEqual(evaluate(`const [a, b] = await Promise.all([model('own'), model('own')]); return { same: a === b, inputs: a.inputNames };`), { same: true, inputs: ['x'] });
  });

  it('opens a model of the store by its declared name and by its own', () => {
    const body = `return [(await model('alias')).outputNames, (await model('one')).outputNames, await attachment('alias', 'words.txt'), await sampleInputs('one'), await sampleInputs('own')];`;
    assert.deepEqual(evaluate(body, { INSTAINFER_MODEL_STORE: storeDir }), [['y'], ['y'], path.join(storeDir, 'two/words.txt'), { x: { type: 'float32', dims: [1], fill: 1 } }, {}]);
  });

  it('requires libraries as the action would', () => {
    assert.equal(evaluate(`return typeof library('sharp');`), 'function');
  });

  it('says what to do when a model, a store or a file is not there', () => {
    const missing = (body: string, env = {}): string => {
      const { name, code, message } = evaluate(body, env) as { name: string; code: string; message: string };
      assert.deepEqual([name, code], ['ArtifactError', 'MODEL_MISSING']);
      return message;
    };
    assert.match(missing(`return model('unheard-of');`), /There is no model "unheard-of"\. Declare it .* or set INSTAINFER_MODEL_STORE/);
    assert.match(missing(`return model('unheard-of');`, { INSTAINFER_MODEL_STORE: storeDir }), /has no model "unheard-of"\. Build it/);
    assert.match(missing(`return attachment('one', 'nothing.txt');`, { INSTAINFER_MODEL_STORE: storeDir }), /has no file "nothing\.txt"/);
  });
});
