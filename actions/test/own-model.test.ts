// The action for a model of one's own, in the real runtime.
import { strict as assert } from 'node:assert';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DrivenRuntime } from '../../runtime/testing/driven-runtime.ts';
import { packageAction } from '../package-action.ts';

const actionsDir = path.resolve(import.meta.dirname, '../../../actions');

describe('the action own-model', () => {
  let driven: DrivenRuntime;
  let folder: string;

  before(async () => {
    driven = await DrivenRuntime.start();
    // As docs/getting-started.md has it copied; its model is the one-number ReLU of the tests.
    folder = mkdtempSync(path.join(os.tmpdir(), 'own-model-'));
    for (const name of ['own-model', 'shared']) cpSync(path.join(actionsDir, name), path.join(folder, name), { recursive: true });
    const declaration = path.join(folder, 'own-model/instainfer.json');
    writeFileSync(declaration, readFileSync(declaration, 'utf8').replace('own-model@1', 'one@1'));
    const { zip } = await packageAction(path.join(folder, 'own-model'));
    const reply = await driven.runtime.call('POST', '/init', { value: { name: 'own-model', main: 'main', code: zip.toString('base64'), binary: true, env: { __OW_ACTION_NAME: '/guest/own-model', __OW_NAMESPACE: 'guest' } } });
    assert.equal(reply.status, 200, reply.text);
  });
  after(async () => {
    await driven.stop();
    rmSync(folder, { recursive: true });
  });

  it('runs the model on what it is sent, nested or flat', async () => {
    const { outputs, timings } = await driven.result({ inputs: { x: [-1] } });
    const [name = '', { dims, values } = { dims: [], values: [] }] = Object.entries(outputs as Record<string, { dims: number[]; values: number[] }>)[0] ?? [];
    assert.deepEqual([name, dims], ['y', [1]]);
    assert.equal(values.length, 1);
    assert.deepEqual((await driven.result({ inputs: { x: [[-1]] } }))['outputs'], outputs);
    assert.ok(Object.values(timings as Record<string, number>).every((ms) => ms >= 0));
  });

  it('takes zeros for an input that is left out', async () => {
    assert.deepEqual((await driven.result({}))['outputs'], (await driven.result({ inputs: { x: [0] } }))['outputs']);
  });

  for (const [inputs, says] of [
    [[1], /"inputs" is an array/],
    [{ z: [1] }, /The model has no input "z"; it has x\./],
    [{ x: 'a' }, /The input "x" is a string; send an array of numbers\./],
    [{ x: ['a'] }, /has a string in it; send numbers/],
    [{ x: [[1, 2], [3]] }, /is nested unevenly; it wants 1 numbers, as \[1\]/],
  ] as const) {
    it(`says what is wrong with ${JSON.stringify(inputs)}`, async () => {
      assert.match(String((await driven.result({ inputs }))['error']), says);
    });
  }
});
