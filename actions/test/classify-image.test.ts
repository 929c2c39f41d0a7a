import { strict as assert } from 'node:assert';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { modelActionNames } from '../action-names.ts';
import { RecordingSession, unpackAction, type UnpackedAction } from '../testing/unpacked-action.ts';

interface Classified {
  readonly model: string;
  readonly sample?: boolean;
  readonly top: readonly { class: number; score: number; label?: string }[];
  readonly timings: Record<string, number>;
}

const imageActions = modelActionNames.filter((name) => name !== 'bert-base');
const logits = Float32Array.from({ length: 1000 }, (_, index) => (index === 281 ? 9 : index === 7 ? 8 : 0));

function install(action: UnpackedAction, name: string, size: number, attachments: Record<string, string> = {}): RecordingSession {
  const session = new RecordingSession({ input: [1, 3, 'height', 'width'] }, { logits: { data: logits } });
  action.models.set(name, { session, sampleInputs: { input: { type: 'float32', dims: [1, 3, size, size], fill: 0.5 } }, attachments });
  return session;
}

describe('an image action', () => {
  let action: UnpackedAction;
  let session: RecordingSession;
  let png: Buffer;
  let jpeg: Buffer;
  beforeEach(async () => {
    action = await unpackAction('resnet50');
    session = install(action, 'resnet50', 64);
  });
  afterEach(() => action.remove());
  before(async () => {
    const blue = sharp({ create: { width: 90, height: 80, channels: 3, background: '#0000ff' } });
    [png, jpeg] = await Promise.all([blue.clone().png().toBuffer(), blue.clone().jpeg().toBuffer()]);
  });

  for (const name of imageActions) {
    it(`called ${name} answers with the best five classes of its own model for the built-in sample`, async () => {
      const own = await unpackAction(name);
      try {
        install(own, name, 32);
        const result = (await own.main({})) as unknown as Classified;
        assert.equal(result.model, name);
        assert.equal(result.sample, true);
        assert.deepEqual(result.top.map((best) => best.class), [281, 7, 0, 1, 2]);
        // e^9 / (e^9 + e^8 + 998) = 8103.08 / 12082.04
        assert.ok(Math.abs(result.top[0]!.score - 0.670671) < 1e-5, String(result.top[0]!.score));
        assert.deepEqual(Object.keys(result.timings), ['loadMs', 'decodeMs', 'inferenceMs']);
      } finally {
        await own.remove();
      }
    });
  }

  it('feeds the picture in the size that the model declares', async () => {
    const result = (await action.main({ image: png.toString('base64'), top: 1 })) as unknown as Classified;
    assert.equal(result.top.length, 1);
    assert.equal(result.sample, undefined);
    const tensor = session.feeds[0]!['input']!;
    assert.deepEqual([...tensor.dims], [1, 3, 64, 64]);
    const data = tensor.data as Float32Array;
    assert.equal(data.length, 3 * 64 * 64);
    // Blue: red and green are 0, blue is 1, each normalised.
    assert.deepEqual([data[0], data[64 * 64], data[2 * 64 * 64]].map((value) => value!.toFixed(4)), ['-2.1179', '-2.0357', '2.6400']);
  });

  for (const name of ['inception-v3', 'googlenet'] as const) {
    it(`called ${name} feeds values from -1 to 1`, async () => {
      const own = await unpackAction(name);
      try {
        const ownSession = install(own, name, 16);
        await own.main({ image: png.toString('base64') });
        const data = ownSession.feeds[0]!['input']!.data as Float32Array;
        assert.deepEqual([data[0], data[16 * 16], data[2 * 16 * 16]], [-1, -1, 1]);
      } finally {
        await own.remove();
      }
    });
  }

  it('takes JPEG, data: URLs, line breaks, the URL-safe alphabet and missing padding', async () => {
    const text = png.toString('base64');
    const spellings = [
      jpeg.toString('base64'),
      `data:image/png;base64,${text}`,
      text.replace(/.{76}/g, '$&\n'),
      png.toString('base64url'),
      text.replace(/=+$/, ''),
    ];
    for (const image of spellings) assert.deepEqual((await action.main({ image }))['error'], undefined, image.slice(0, 30));
    assert.equal(session.feeds.length, spellings.length);
  });

  const bad: [why: string, parameters: () => Record<string, unknown>, message: RegExp][] = [
    ['an image that is a number', () => ({ image: 5 }), /"image" is a number; send .* base64/],
    ['an image that is null', () => ({ image: null }), /"image" is null/],
    ['an image that is an array', () => ({ image: [1] }), /"image" is an array/],
    ['an empty image', () => ({ image: ' ' }), /"image" is empty/],
    ['text that is not base64', () => ({ image: 'what a picture!' }), /not valid base64/],
    ['base64 that was cut in the middle of a byte', () => ({ image: 'iVBORw0KG' }), /not valid base64/],
    ['a data: URL that is not base64', () => ({ image: 'data:image/svg+xml,<svg/>' }), /data: URL that is not base64/],
    ['an SVG', () => ({ image: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('base64') }), /neither a PNG nor a JPEG/],
    ['a picture that is cut off', () => ({ image: png.subarray(0, png.length - 40).toString('base64') }), /cannot be decoded.*complete PNG or JPEG/],
    ['the first bytes of a JPEG and nothing else', () => ({ image: '/9j/' }), /cannot be decoded/],
    ['more than 16 MiB', () => ({ image: 'A'.repeat(24 * 1024 * 1024) }), /larger than 16 MiB/],
    ['a top of zero', () => ({ top: 0 }), /"top" is 0; send a whole number from 1 to 1000/],
    ['a top of 1001', () => ({ top: 1001 }), /"top" is 1001/],
    ['a top of 2.5', () => ({ top: 2.5 }), /"top" is 2.5/],
    ['a top in quotation marks', () => ({ top: '5' }), /"top" is a string/],
  ];
  for (const [why, parameters, message] of bad) {
    it(`answers ${why} with an error that says what to do, without running the model`, async () => {
      const result = await action.main(parameters());
      assert.deepEqual(Object.keys(result), ['error']);
      assert.match(String(result['error']), message);
      assert.equal(session.feeds.length, 0);
    });
  }

  it('answers an array of parameters with an error', async () => {
    const main = action.main as (parameters: unknown) => Promise<Record<string, unknown>>;
    assert.deepEqual(await main([{ top: 1 }]), { error: 'The parameters are an array; send an object with named parameters.' });
  });

  it('answers every damaged picture with classes or with an error, and never fails', async () => {
    const original = fc.constantFrom(png, jpeg);
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(original, damage, async (picture, bytes) => {
        const damaged = Buffer.from(picture);
        for (const [at, byte] of bytes) damaged[at % damaged.length] = byte;
        const result = await action.main({ image: damaged.toString('base64'), top: 1 });
        assert.ok(Array.isArray(result['top']) || typeof result['error'] === 'string');
      }),
      { numRuns: 100 },
    );
  });

  it('refuses a small file that claims to be a gigantic picture', async () => {
    const bomb = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: '#000000' } }).png().toBuffer();
    const result = await action.main({ image: bomb.toString('base64') });
    assert.match(String(result['error']), /at most 64 megapixels/);
  });

  it('names the classes where a labels.txt lies beside the model, one line for each class', async () => {
    const file = path.join(action.dir, 'labels-of-test.txt');
    await writeFile(file, Array.from({ length: 1000 }, (_, index) => `thing ${index}\n`).join(''));
    install(action, 'resnet50', 32, { 'labels.txt': file });
    const result = (await action.main({ top: 2 })) as unknown as Classified;
    assert.deepEqual(result.top.map((best) => best.label), ['thing 281', 'thing 7']);
  });

  it('prefers a labels.txt in its own folder', async () => {
    await writeFile(path.join(action.dir, 'labels.txt'), Array.from({ length: 1000 }, (_, index) => `own ${index}\r\n`).join(''));
    const result = (await action.main({ top: 1 })) as unknown as Classified;
    assert.deepEqual(result.top.map((best) => best.label), ['own 281']);
  });

  it('takes the size from the model itself where the model store says nothing', async () => {
    const own = new RecordingSession({ pixels: [1, 3, 48, 48] }, { logits: { data: logits } });
    action.models.set('resnet50', { session: own, sampleInputs: {}, attachments: {} });
    await action.main({});
    assert.deepEqual([...own.feeds[0]!['pixels']!.dims], [1, 3, 48, 48]);
  });

  for (const [why, inputs] of [
    ['sizes that nobody fixes', { input: [1, 3, 'height', 'width'] }],
    ['two inputs', { input: [1, 3, 48, 48], other: [1] }],
    ['no colours', { input: [1, 1, 48, 48] }],
  ] as const) {
    it(`says what it needs of a model with ${why}`, async () => {
      action.models.set('resnet50', { session: new RecordingSession(inputs, {}), sampleInputs: {}, attachments: {} });
      await assert.rejects(action.main({}), /an image action needs one input of fixed dimensions/);
    });
  }

  it('leaves a failure that is not the fault of the caller to the runtime', async () => {
    action.models.clear();
    await assert.rejects(action.main({}), /no model resnet50/);
  });
});
