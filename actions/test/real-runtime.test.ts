// The eight actions where they belong: in the runtime, with the models of the zoo (small ones), and in a bare Node.js
// process, which is what an action finds on a plain OpenWhisk runtime.
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { modelActionNames } from '../action-names.ts';
import { packageAction, type PackagedAction } from '../package-action.ts';
import { RuntimeProcess, type Reply } from '../testing/runtime-process.ts';
import { unpackFiles } from '../testing/unpacked-action.ts';

const run = promisify(execFile);

interface Answer {
  readonly model: string;
  readonly sample?: boolean;
  readonly top?: readonly { readonly class: number; readonly score: number }[];
  readonly embedding?: readonly number[];
  readonly truncated?: boolean;
}

/** What every answer of an action must be, whatever the weights are. */
function checkAnswer(name: string, { status, body }: Pick<Reply, 'status' | 'body'>): Answer {
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body['error'], undefined);
  const answer = body as unknown as Answer;
  assert.equal(answer.model, name);
  if (name === 'bert-base') {
    assert.ok(answer.embedding!.length > 0);
    assert.ok(answer.embedding!.every((value) => Math.abs(value) <= 1), 'a tanh');
  } else {
    assert.equal(answer.top!.length, 5);
    const scores = answer.top!.map((best) => best.score);
    assert.ok(scores.every((score) => score > 0 && score <= 1));
    assert.deepEqual(scores, [...scores].sort((left, right) => right - left));
  }
  return answer;
}

describe('the eight actions with the models of the zoo', function () {
  this.timeout(60_000);
  let storeDir: string;
  let runtime: RuntimeProcess;
  let images: Record<'PNG' | 'JPEG', string>;

  before(async () => {
    storeDir = await mkdtemp(path.join(tmpdir(), 'instainfer-actions-store-'));
    await run(process.execPath, [path.resolve(import.meta.dirname, '../zoo/main.js'), 'build', '--small', '--dir', storeDir]);
    runtime = await RuntimeProcess.start(storeDir);
    const picture = sharp({ create: { width: 400, height: 300, channels: 3, background: '#cc8844', noise: { type: 'gaussian', mean: 128, sigma: 40 } } });
    images = { PNG: (await picture.clone().png().toBuffer()).toString('base64'), JPEG: (await picture.clone().jpeg({ quality: 95 }).toBuffer()).toString('base64') };
  });
  after(async () => {
    await runtime.stop();
    await rm(storeDir, { recursive: true, force: true });
  });
  afterEach(async () => {
    await runtime.post('/clean', {});
  });

  for (const name of modelActionNames) {
    const badInput = name === 'bert-base' ? { text: 7 } : { image: 'not base64!' };
    const ownInputs = (): Record<string, unknown>[] =>
      name === 'bert-base' ? [{ text: 'A question?', textPair: 'An answer.' }, { text: 'long '.repeat(500) }] : Object.values(images).map((image) => ({ image }));

    it(`${name} answers its sample, its inputs and bad input in one warm container`, async () => {
      assert.equal((await runtime.init(await packageAction(name))).status, 200);
      assert.equal(checkAnswer(name, await runtime.run({})).sample, true);
      for (const input of ownInputs()) checkAnswer(name, await runtime.run(input));
      const bad = await runtime.run(badInput);
      assert.equal(bad.status, 200);
      assert.deepEqual(Object.keys(bad.body), ['error']);
      checkAnswer(name, await runtime.run({}));
    });
  }

  for (const name of ['inception-v3', 'bert-base'] as const) {
    it(`${name} is adopted by the slot where its artifacts are resident, and answers the same`, async () => {
      const action = await packageAction(name);
      await runtime.init(action);
      const expected = checkAnswer(name, await runtime.run({}));
      await runtime.post('/clean', {});
      const loaded = await runtime.load(action);
      assert.equal(loaded.status, 200, JSON.stringify(loaded.body));
      assert.equal((await runtime.init(action)).slot, 'resident');
      const answer = checkAnswer(name, await runtime.run({}));
      assert.deepEqual(answer.top?.map((best) => best.class), expected.top?.map((best) => best.class));
      assert.deepEqual(answer.embedding?.length, expected.embedding?.length);
    });

    it(`${name} runs in a bare Node.js process too, where it loads its model itself`, async () => {
      const { dir, remove } = await unpackFiles(await packageAction(name));
      try {
        const script = `require(${JSON.stringify(dir)}).main({}).then((result) => console.log(JSON.stringify(result)))`;
        const { stdout } = await run(process.execPath, ['-e', script], { cwd: dir, env: { PATH: process.env.PATH, INSTAINFER_MODEL_STORE: storeDir, ORT_DISABLE_TELEMETRY: '1' } });
        checkAnswer(name, { status: 200, body: JSON.parse(stdout) as Record<string, unknown> });
      } finally {
        await remove();
      }
    });
  }

  it('gives the same classes for a picture as PNG and as a JPEG of high quality', async () => {
    await runtime.init(await packageAction('resnet18'));
    const [png, jpeg] = [await runtime.run({ image: images.PNG }), await runtime.run({ image: images.JPEG })].map((reply) => checkAnswer('resnet18', reply));
    assert.equal(png!.top![0]!.class, jpeg!.top![0]!.class);
  });

  it('gives a text another embedding than another text, and the same text the same', async () => {
    await runtime.init(await packageAction('bert-base'));
    const embed = async (text: string): Promise<readonly number[]> => checkAnswer('bert-base', await runtime.run({ text })).embedding!;
    const first = await embed('A cat sits on the mat.');
    assert.deepEqual(await embed('A cat sits on the mat.'), first);
    assert.notDeepEqual(await embed('Stock prices fell sharply.'), first);
  });

  it('says what is missing when the model store does not have the model', async () => {
    const stranger: PackagedAction = await packageAction('resnet18');
    const empty = await RuntimeProcess.start(path.join(storeDir, 'nothing-here'));
    try {
      await empty.init(stranger);
      const { body } = await empty.run({});
      assert.match(JSON.stringify(body), /model store at .*nothing-here/);
    } finally {
      await empty.stop();
    }
  });
});
