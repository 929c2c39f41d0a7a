// The action that paints, as a web action of a standalone server: a browser asks with an address and gets a picture.
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { megabytes, ServedSystem } from '../../standalone/testing/served-system.ts';
import { packageAction } from '../package-action.ts';

const run = promisify(execFile);
const browserAccepts = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

describe('the action stable-diffusion as a web action', function () {
  this.timeout(60_000);
  let storeDir: string;
  let served: ServedSystem;

  before(async () => {
    storeDir = await mkdtemp(path.join(tmpdir(), 'instainfer-diffusion-web-'));
    await run(process.execPath, [path.resolve(import.meta.dirname, '../zoo/main.js'), 'build', '--small', '--only', 'stable-diffusion', '--dir', storeDir]);
    served = await ServedSystem.start({ scheduler: { poolMemoryBytes: 1024 * megabytes }, environment: { INSTAINFER_MODEL_STORE: storeDir } });
    const { zip, artifacts } = await packageAction('stable-diffusion');
    const { status, body } = await served.create('stable-diffusion', zip.toString('base64'), {
      limits: { memory: 512 },
      annotations: [{ key: 'web-export', value: true }, { key: 'final', value: true }, { key: 'preload', value: artifacts }],
    });
    assert.equal(status, 200, JSON.stringify(body));
  });
  after(async () => {
    await served.stop();
    await rm(storeDir, { recursive: true, force: true });
  });

  const ask = (query: string): Promise<Response> => fetch(`${served.address}/api/v1/web/guest/default/stable-diffusion.http?${query}`, { headers: { accept: browserAccepts } });

  it('answers with the picture itself, the same one for the same seed', async () => {
    const query = new URLSearchParams({ prompt: 'a red fox', steps: '2', seed: '7', width: '128', height: '64' }).toString();
    const response = await ask(query);
    assert.deepEqual([response.status, response.headers.get('content-type'), response.headers.get('x-seed')], [200, 'image/png', '7']);
    const picture = Buffer.from(await response.arrayBuffer());
    const { format, width, height } = await sharp(picture).metadata();
    assert.deepEqual([format, width, height], ['png', 128, 64]);
    assert.deepEqual(Buffer.from(await (await ask(query)).arrayBuffer()), picture);
    const { image } = (await served.call('/namespaces/_/actions/stable-diffusion?blocking=true&result=true', { method: 'POST', body: { prompt: 'a red fox', steps: 2, seed: 7, width: 128, height: 64 } })).body as { image: string };
    assert.equal(image, picture.toString('base64'));
  });

  it('answers wrong input with 400 and what to send instead', async () => {
    const response = await ask('prompt=fox&steps=many');
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { error: string }).error, /^"steps" is "many"/);
  });
});
