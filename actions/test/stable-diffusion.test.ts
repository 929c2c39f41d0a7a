// The action that paints, in the runtime with the zoo's tiny pipeline, and in a bare Node.js process.
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { packageAction, type PackagedAction } from '../package-action.ts';
import { RuntimeProcess } from '../testing/runtime-process.ts';
import { unpackFiles } from '../testing/unpacked-action.ts';

const run = promisify(execFile);

async function sizeOf(image: unknown): Promise<[format: string, width: number, height: number]> {
  const { format, width, height } = await sharp(Buffer.from(image as string, 'base64')).metadata();
  return [format, width, height];
}

describe('the action stable-diffusion', function () {
  this.timeout(60_000);
  let storeDir: string;
  let runtime: RuntimeProcess;
  let action: PackagedAction;

  before(async () => {
    storeDir = await mkdtemp(path.join(tmpdir(), 'instainfer-diffusion-store-'));
    await run(process.execPath, [path.resolve(import.meta.dirname, '../zoo/main.js'), 'build', '--small', '--only', 'stable-diffusion', '--dir', storeDir]);
    runtime = await RuntimeProcess.start(storeDir);
    action = await packageAction('stable-diffusion');
    const initialised = await runtime.init(action);
    assert.equal(initialised.status, 200, JSON.stringify(initialised.body));
  });
  after(async () => {
    await runtime.stop();
    await rm(storeDir, { recursive: true, force: true });
  });

  const ask = async (parameters: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const { status, body } = await runtime.run(parameters);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const asked = { prompt: 'a red fox', steps: 2, seed: 7, width: 128, height: 64 };

  it('paints its sample when it is asked for nothing', async () => {
    const { sample, image, steps, warnings } = await ask({});
    assert.deepEqual([sample, steps, warnings], [true, 2, []]);
    assert.deepEqual(await sizeOf(image), ['png', 128, 128]);
  });

  it('paints what it is asked for: the same picture for the same seed, another for another text', async () => {
    const first = await ask(asked);
    assert.deepEqual(await sizeOf(first['image']), ['png', 128, 64]);
    assert.deepEqual([first['seed'], first['steps'], first['width'], first['height'], first['sample']], [7, 2, 128, 64, undefined]);
    assert.deepEqual(Object.keys(first['timings'] as object), ['loadMs', 'encodeMs', 'denoiseMs', 'decodeMs']);
    assert.equal((await ask(asked))['image'], first['image']);
    assert.notEqual((await ask({ ...asked, prompt: 'a blue whale' }))['image'], first['image']);
    assert.notEqual((await ask({ ...asked, negativePrompt: 'a blue whale' }))['image'], first['image']);
  });

  it('says that a prompt was cut', async () => {
    const { warnings } = await ask({ ...asked, prompt: 'very '.repeat(200) });
    assert.match((warnings as string[]).join(), /prompt is too long/);
  });

  for (const [why, parameters, message] of [
    ['a prompt that is no text', { prompt: 7 }, /^"prompt" is 7\. Send a text\.$/],
    ['a size that the networks do not have', { ...asked, width: 100 }, /^"width" is 100\. Send a multiple of/],
    ['a number as a text', { ...asked, steps: '2' }, /^"steps" is "2"\. Send a whole number/],
    ['a scheduler that is not there', { ...asked, scheduler: 'dpm' }, /ddim, euler, lms, pndm/],
    ['a negative prompt alone', { negativePrompt: 'blur' }, /comes without "prompt"/],
  ] as [string, Record<string, unknown>, RegExp][]) {
    it(`answers ${why} with what to send instead, and stays warm`, async () => {
      const body = await ask(parameters);
      assert.deepEqual(Object.keys(body), ['error']);
      assert.match(body['error'] as string, message);
      assert.equal((await ask({}))['sample'], true);
    });
  }

  it('as a web action reads a query and answers with the file itself', async () => {
    const { statusCode, headers, body } = await ask({ __ow_method: 'get', __ow_headers: {}, __ow_path: '', prompt: 'a red fox', steps: '2', seed: '7', width: '128', height: '64' });
    assert.deepEqual([statusCode, headers], [200, { 'content-type': 'image/png', 'x-seed': '7' }]);
    assert.equal(body, (await ask(asked))['image']);
  });

  it('as a web action answers wrong input with 400', async () => {
    const { statusCode, body } = await ask({ __ow_method: 'get', prompt: 'a red fox', steps: 'many' });
    assert.equal(statusCode, 400);
    assert.match((body as { error: string }).error, /^"steps" is "many"/);
  });

  it('is adopted by the slot where its pipeline is resident, and paints the same', async () => {
    const { image } = await ask(asked);
    await runtime.post('/clean', {});
    const loaded = await runtime.load(action);
    assert.equal(loaded.status, 200, JSON.stringify(loaded.body));
    assert.equal((await runtime.init(action)).slot, 'resident');
    assert.equal((await ask(asked))['image'], image);
  });

  it('paints the same in a bare Node.js process, where it loads its networks itself', async () => {
    const { dir, remove } = await unpackFiles(action);
    try {
      const script = `require(${JSON.stringify(dir)}).main(${JSON.stringify(asked)}).then((result) => console.log(JSON.stringify(result)))`;
      const { stdout } = await run(process.execPath, ['-e', script], { cwd: dir, env: { PATH: process.env.PATH, INSTAINFER_MODEL_STORE: storeDir, ORT_DISABLE_TELEMETRY: '1' } });
      const { image } = JSON.parse(stdout) as { image: string };
      const [bare, slot] = await Promise.all([image, (await ask(asked))['image'] as string].map((png) => sharp(Buffer.from(png, 'base64')).raw().toBuffer()));
      const differences = bare!.map((value, index) => Math.abs(value - slot![index]!));
      // The loading form may sum in another order.
      assert.ok(Math.max(...differences) <= 2, `${Math.max(...differences)}`);
    } finally {
      await remove();
    }
  });
});
