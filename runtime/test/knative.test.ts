// The runtime process as a Knative service, and what it does when it cannot be one.
import { strict as assert } from 'node:assert';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describeKnativeContract } from '../testing/knative-suite.ts';
import { RuntimeProcess } from '../testing/runtime-process.ts';

/** Exit status and standard error of a runtime that is not expected to stay. */
async function endOf(environment: Readonly<Record<string, string>>): Promise<{ code: number; text: string }> {
  const child = fork(path.resolve(import.meta.dirname, '../main.js'), [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [], env: { PATH: process.env['PATH'] ?? '', PORT: '0', HOST: '127.0.0.1', ...environment } });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, text };
}

describe('the runtime as a Knative service', function () {
  this.timeout(60_000);

  describeKnativeContract((environment) => RuntimeProcess.start(environment));

  it('exits with 9 on a platform that it does not know, as the stock runtime does', async () => {
    const { code, text } = await endOf({ __OW_RUNTIME_PLATFORM: 'openfaas' });
    assert.equal(code, 9);
    assert.match(text, /^__OW_RUNTIME_PLATFORM=openfaas: .*\[PLATFORM_UNSUPPORTED\]\n$/);
  });

  for (const { title, environment, says } of [
    { title: 'its code does not start', environment: { __OW_ACTION_CODE: 'this is no code' }, says: /__OW_ACTION_CODE does not start/ },
    { title: 'what it declares is not there', environment: { INSTAINFER_PRELOAD: '{"libraries":["no-such-library"]}' }, says: /no-such-library/ },
    { title: 'its declaration is none', environment: { INSTAINFER_PRELOAD: 'no json' }, says: /INSTAINFER_PRELOAD is not/ },
  ]) {
    it(`ends, saying why, when ${title}`, async () => {
      const { code, text } = await endOf({ __OW_RUNTIME_PLATFORM: 'knative', __OW_ACTION_CODE: 'function main() {}', ...environment });
      assert.equal(code, 1);
      assert.match(text, says);
    });
  }
});
