// The pixels and numbers between a picture and a model, against values worked out by hand.
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import path from 'node:path';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';

const require = createRequire(path.resolve(import.meta.dirname, '../../../actions/shared/package.json'));
const { normalisedPlanes, softmax, topClasses } = require('./tensors.js') as {
  normalisedPlanes(pixels: Uint8Array, normalisation: { mean: number[]; std: number[] }): Float32Array;
  softmax(logits: ArrayLike<number>): number[];
  topClasses(logits: ArrayLike<number>, count: number): { class: number; score: number }[];
};
const { squarePixels } = require('./image-input.js') as {
  squarePixels(decoder: typeof sharp, bytes: Buffer, size: number): Promise<Buffer>;
};

const near = (actual: number | undefined, expected: number, tolerance = 1e-6): void =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

describe('normalised planes', () => {
  it('are the three colours one after the other, minus mean, divided by deviation', () => {
    const planes = normalisedPlanes(Uint8Array.from([255, 0, 128, 0, 255, 64]), { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
    // (1 - 0.485) / 0.229, (0 - 0.485) / 0.229; (0 - 0.456) / 0.224, (1 - 0.456) / 0.224; (128/255 - 0.406) / 0.225, (64/255 - 0.406) / 0.225
    const expected = [2.248908297, -2.117903930, -2.035714286, 2.428571429, 0.426492375, -0.688976035];
    expected.forEach((value, index) => near(planes[index], value));
  });
});

describe('a square of pixels', () => {
  const split = (width: number, height: number): Sharp =>
    sharp({ create: { width, height, channels: 3, background: '#ff0000' } }).composite([
      { input: { create: { width: width / 2, height, channels: 3, background: '#0000ff' } }, left: width / 2, top: 0 },
    ]);
  const pixelAt = (pixels: Buffer, size: number, x: number, y: number): number[] => [...pixels.subarray((y * size + x) * 3, (y * size + x) * 3 + 3)];

  for (const [size, shorterSide, margin] of [[224, 256, 16], [299, 342, 22], [32, 37, 2]] as const) {
    it(`of ${size} is the centre of a picture of ${shorterSide}, untouched`, async () => {
      const raw = Buffer.alloc(shorterSide * shorterSide * 3);
      for (let y = 0; y < shorterSide; y += 1) {
        for (let x = 0; x < shorterSide; x += 1) raw.set([x % 256, y % 256, (x + y) % 256], (y * shorterSide + x) * 3);
      }
      const png = await sharp(raw, { raw: { width: shorterSide, height: shorterSide, channels: 3 } }).png().toBuffer();
      const pixels = await squarePixels(sharp, png, size);
      assert.equal(pixels.length, size * size * 3);
      for (const [x, y] of [[0, 0], [size - 1, 0], [5, size - 1]] as const) {
        assert.deepEqual(pixelAt(pixels, size, x, y), [(x + margin) % 256, (y + margin) % 256, (x + y + 2 * margin) % 256]);
      }
    });
  }

  it('of a wide picture is its middle: the colours meet in the centre column', async () => {
    const pixels = await squarePixels(sharp, await split(896, 448).png().toBuffer(), 224);
    assert.deepEqual(pixelAt(pixels, 224, 108, 100), [255, 0, 0]);
    assert.deepEqual(pixelAt(pixels, 224, 115, 100), [0, 0, 255]);
  });

  it('is upright where the camera says that it was turned', async () => {
    const turned = await split(300, 300).jpeg({ quality: 100 }).withMetadata({ orientation: 6 }).toBuffer();
    const pixels = await squarePixels(sharp, turned, 224);
    const [red, , blue] = [pixelAt(pixels, 224, 112, 20), undefined, pixelAt(pixels, 224, 112, 200)];
    assert.ok(red[0]! > 240 && red[2]! < 15, `top ${red}`);
    assert.ok(blue[2]! > 240 && blue[0]! < 15, `bottom ${blue}`);
  });

  const plain = sharp({ create: { width: 300, height: 260, channels: 4, background: { r: 100, g: 100, b: 100, alpha: 0.5 } } });
  const kinds: [name: string, make: () => Promise<Buffer>][] = [
    ['a PNG with transparency', () => plain.clone().png().toBuffer()],
    ['a grey PNG', () => plain.clone().removeAlpha().greyscale().png().toBuffer()],
    ['a PNG of 16 bits', () => plain.clone().toColourspace('rgb16').png().toBuffer()],
    ['a PNG with a palette', () => plain.clone().png({ palette: true }).toBuffer()],
    ['a grey JPEG', () => plain.clone().removeAlpha().greyscale().jpeg().toBuffer()],
    ['a progressive JPEG', () => plain.clone().removeAlpha().jpeg({ progressive: true }).toBuffer()],
  ];
  for (const [name, make] of kinds) {
    it(`of ${name} is three bytes of plain colour for each pixel`, async () => {
      const pixels = await squarePixels(sharp, await make(), 224);
      assert.equal(pixels.length, 224 * 224 * 3);
      for (const value of pixelAt(pixels, 224, 50, 60)) near(value, 100, 2);
    });
  }
});

describe('class scores', () => {
  it('are e^x over the sum of all', () => {
    // e^1, e^2, e^3 = 2.718282, 7.389056, 20.085537; sum 30.192875
    softmax([1, 2, 3]).forEach((score, index) => near(score, [0.09003057, 0.24472847, 0.66524096][index]!));
  });

  it('do not overflow with huge logits', () => {
    assert.deepEqual(softmax([10_000, 10_000, -10_000]), [0.5, 0.5, 0]);
  });

  it('add up to one and are ordered as the logits are', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 1, maxLength: 50 }), (logits) => {
        const best = topClasses(logits, logits.length);
        near(best.reduce((sum, { score }) => sum + score, 0), 1, 1e-9);
        best.slice(1).forEach((next, index) => assert.ok(next.score <= best[index]!.score));
        assert.equal(new Set(best.map((entry) => entry.class)).size, logits.length);
      }),
    );
  });

  it('of equal classes name the smaller number first, and never more classes than there are', () => {
    assert.deepEqual(topClasses([0, 5, 5], 9).map((best) => best.class), [1, 2, 0]);
  });
});
