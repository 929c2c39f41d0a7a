// An action with a pipeline in its archive, on a plain Node.js and in the runtime.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DrivenRuntime, phaseOf, slotOf } from '../../runtime/testing/driven-runtime.ts';
import { writeTinyPipeline } from '../../runtime/testing/tiny-pipeline.ts';
import { packageAction, type PackagedAction } from '../package-action.ts';
import { zipContents } from '../testing/unpacked-action.ts';

const projectDir = path.resolve(import.meta.dirname, '../../..');
const source = `
  const { pipeline } = require('instainfer');
  exports.main = async ({ prompt }) => {
    const painter = await pipeline('painter');
    const { png, width } = await painter.generate({ prompt, seed: 5, steps: 2 });
    return { png: png.toString('base64'), width };
  };`;

describe('an action with a pipeline in its archive', function () {
  this.timeout(30_000);
  let directory: string;
  let packaged: PackagedAction;

  before(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'painter-'));
    const folder = path.join(directory, 'source');
    await writeTinyPipeline(path.join(folder, 'weights'));
    writeFileSync(path.join(folder, 'index.js'), source);
    writeFileSync(path.join(folder, 'package.json'), '{"name":"painter","main":"index.js"}');
    writeFileSync(path.join(folder, 'instainfer.json'), '{"pipelines":[{"name":"painter","path":"weights"}]}');
    packaged = await packageAction(folder);
  });

  after(() => {
    rmSync(directory, { recursive: true });
  });

  it('carries the engine and none of its tests', async () => {
    const files = [...(await zipContents(packaged.zip)).keys()].filter((file) => file.startsWith('node_modules/instainfer/'));
    assert.ok(files.includes('node_modules/instainfer/engine/runtime/diffusion/open-plain.js'));
    assert.deepEqual(files.filter((file) => /test/.test(file)), []);
    assert.deepEqual(packaged.annotations, [{ key: 'preload', value: { models: [], libraries: [], pipelines: [{ name: 'painter', path: 'weights' }] } }]);
  });

  it('gives on a plain Node.js the picture that it gives in the runtime, where it was loaded ahead', async () => {
    const actionDir = path.join(directory, 'plain/action');
    for (const [file, content] of await zipContents(packaged.zip)) {
      mkdirSync(path.dirname(path.join(actionDir, file)), { recursive: true });
      writeFileSync(path.join(actionDir, file), content);
    }
    symlinkSync(path.join(projectDir, 'node_modules'), path.join(directory, 'plain/node_modules'));
    const program = `require('./index.js').main({ prompt: 'a cat' }).then((value) => console.log(JSON.stringify(value)))`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: actionDir, env: { PATH: process.env['PATH'], ORT_DISABLE_TELEMETRY: '1' }, encoding: 'utf8' });
    assert.equal(stderr, '');
    const plain = JSON.parse(stdout) as { png: string; width: number };
    assert.equal(plain.width, 128);

    const driven = await DrivenRuntime.start();
    try {
      const code = { main: 'main', code: packaged.zip.toString('base64'), binary: true };
      await driven.loaded('painter', { artifacts: packaged.artifacts, code });
      const env = { __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: '/guest/painter', __OW_ACTION_VERSION: '0.0.1' };
      const init = await driven.runtime.call('POST', '/init', { value: { name: 'painter', ...code, env } });
      assert.equal(slotOf(init), 'resident', init.text);
      const reply = await driven.run({ prompt: 'a cat' });
      assert.deepEqual(reply.json, plain);
      assert.ok(phaseOf(reply, 'load') < 50);
    } finally {
      await driven.stop();
    }
  });
});
