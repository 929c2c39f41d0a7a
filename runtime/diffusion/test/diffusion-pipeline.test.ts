import { strict as assert } from 'node:assert';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import fc from 'fast-check';
import { AppError, type ErrorCode } from '../../../common/errors.ts';
import { writeTinyPipeline, type TinyPipelineOptions } from '../../testing/tiny-pipeline.ts';
import type { DiffusionPipeline } from '../diffusion-pipeline.ts';
import { openPlainPipeline } from '../open-plain.ts';
import type { PictureRequest } from '../picture-request.ts';

const requireLibrary = createRequire(import.meta.url);

const isError = (code: ErrorCode, ...parts: string[]) => (error: unknown): boolean => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code, error.message);
  for (const part of parts) assert.ok(`${error.message} ${error.fix}`.includes(part), `${error.message} says nothing of ${part}`);
  return true;
};

describe('a Stable Diffusion pipeline', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tiny-pipeline-'));
  let pipeline: DiffusionPipeline;

  before(async () => {
    await writeTinyPipeline(folder);
    pipeline = await openPlainPipeline(folder, requireLibrary);
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  const variant = async (options: TinyPipelineOptions): Promise<DiffusionPipeline> => {
    const other = mkdtempSync(path.join(os.tmpdir(), 'tiny-pipeline-'));
    try {
      await writeTinyPipeline(other, options);
      return await openPlainPipeline(other, requireLibrary);
    } finally {
      rmSync(other, { recursive: true });
    }
  };
  const pixels = async (request: Partial<PictureRequest>, of = pipeline): Promise<Buffer> => sharp((await of.generate({ prompt: 'a cat', seed: 1, steps: 4, ...request })).png).raw().toBuffer();

  it('answers with a PNG of the size asked for, and says what it did', async () => {
    const picture = await pipeline.generate({ prompt: 'a cat', width: 64, height: 96, steps: 3 });
    const { format, width, height, channels } = await sharp(picture.png).metadata();
    assert.deepEqual({ format, width, height, channels }, { format: 'png', width: 64, height: 96, channels: 3 });
    assert.deepEqual([picture.width, picture.height, picture.steps, picture.warnings], [64, 96, 3, []]);
    assert.ok(Number.isInteger(picture.seed));
  });

  it('takes the size that the UNet was made for where none is asked', async () => {
    const { width, height } = await pipeline.generate({ prompt: '', steps: 1 });
    assert.deepEqual([width, height], [128, 128]);
  });

  it('gives the same picture for the same seed, and others for another seed, prompt, negative prompt, guidance, scheduler or number of steps', async () => {
    const first = await pixels({});
    assert.ok(first.equals(await pixels({})));
    for (const other of [{ seed: 2 }, { prompt: 'a dog' }, { negativePrompt: 'dull' }, { guidanceScale: 3 }, { guidanceScale: 1 }, { scheduler: 'euler' }, { scheduler: 'ddim' }, { scheduler: 'lms' }, { steps: 5 }]) {
      assert.ok(!first.equals(await pixels(other)), JSON.stringify(other));
    }
  });

  it('repeats a picture by the seed that it names', async () => {
    const { png, seed } = await pipeline.generate({ prompt: 'a cat', steps: 2 });
    assert.ok(png.equals((await pipeline.generate({ prompt: 'a cat', steps: 2, seed })).png));
  });

  it('asks a UNet for one at a time where that takes no pairs, and in the type of time step it has, with the same picture', async () => {
    const expected = await pixels({});
    for (const options of [{ isUnetSingle: true }, { timestep: 'float32' }] as const) {
      const other = await pixels({}, await variant(options));
      // One or two at a time add up in another order: the last bit of a pixel may differ.
      assert.ok(expected.every((value, at) => Math.abs(value - (other[at] ?? -9)) <= 1), JSON.stringify(options));
    }
  });

  it('leaves the negative prompt out where there is no guidance', async () => {
    assert.ok((await pixels({ guidanceScale: 1 })).equals(await pixels({ guidanceScale: 1, negativePrompt: 'dull' })));
  });

  it('cuts a prompt that is too long, and says by how much', async () => {
    const { warnings } = await pipeline.generate({ prompt: 'cat '.repeat(80), negativePrompt: 'cat '.repeat(76), steps: 1 });
    assert.deepEqual(warnings.map((warning) => /(negative )?prompt.* last (\d+) tokens/.exec(warning)?.slice(1)), [['negative ', '1'], [undefined, '5']]);
    assert.ok((await pixels({ prompt: 'cat '.repeat(80) })).equals(await pixels({ prompt: 'cat '.repeat(75) })));
  });

  it('tells its progress, call by call of the UNet', async () => {
    const told: number[] = [];
    await pipeline.generate({ prompt: 'a cat', steps: 3, onProgress: ({ step, steps }) => told.push(step / steps) });
    assert.deepEqual(told, [0.25, 0.5, 0.75, 1]);
  });

  it('stops after the step under way when it is aborted', async () => {
    const controller = new AbortController();
    let steps = 0;
    const generating = pipeline.generate({ prompt: 'a cat', steps: 20, signal: controller.signal, onProgress: () => ((steps += 1) === 2 ? controller.abort() : undefined) });
    await assert.rejects(generating, isError('DIFFUSION_CANCELLED'));
    assert.equal(steps, 2);
  });

  it('stops when the activation is out of time', async () => {
    process.env['__OW_DEADLINE'] = String(Date.now() - 1);
    try {
      await assert.rejects(pipeline.generate({ prompt: 'a cat', steps: 2 }), isError('DIFFUSION_CANCELLED', 'time'));
    } finally {
      delete process.env['__OW_DEADLINE'];
    }
  });

  for (const [what, request, named] of [
    ['no prompt', {}, 'prompt'],
    ['a prompt that is no text', { prompt: 7 }, 'prompt'],
    ['a prompt of megabytes', { prompt: 'x'.repeat(20_000) }, 'prompt'],
    ['a size that the UNet cannot halve', { prompt: '', width: 100 }, 'multiple of 16'],
    ['a size that no memory holds', { prompt: '', height: 65_536 }, '2048'],
    ['no steps', { prompt: '', steps: 0 }, 'steps'],
    ['half a step', { prompt: '', steps: 1.5 }, 'steps'],
    ['more steps than there are', { prompt: '', steps: 1001 }, '1000'],
    ['a seed below 0', { prompt: '', seed: -1 }, 'seed'],
    ['a seed of text', { prompt: '', seed: '1' }, 'seed'],
    ['guidance that is no number', { prompt: '', guidanceScale: Number.NaN }, 'guidanceScale'],
    ['a scheduler that is not there', { prompt: '', scheduler: 'constructor' }, 'ddim'],
  ] as const) {
    it(`refuses ${what}, saying what to send`, async () => {
      await assert.rejects(pipeline.generate(request as unknown as PictureRequest), isError('DIFFUSION_INPUT', named));
    });
  }

  it('refuses any request that is not one, and never fails otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record({ prompt: fc.anything(), steps: fc.anything(), seed: fc.anything(), width: fc.anything(), scheduler: fc.anything() }), async (request) => {
        try {
          await pipeline.generate({ ...request, steps: typeof request.steps === 'number' ? Math.min(2, request.steps) : request.steps } as unknown as PictureRequest);
        } catch (error) {
          isError('DIFFUSION_INPUT')(error);
        }
      }),
    );
  });

  describe('whose folder is not right is refused, naming the file:', () => {
    const spoilt = async (spoil: (copy: string) => void): Promise<DiffusionPipeline> => {
      const copy = mkdtempSync(path.join(os.tmpdir(), 'spoilt-pipeline-'));
      try {
        cpSync(folder, copy, { recursive: true });
        spoil(copy);
        return await openPlainPipeline(copy, requireLibrary);
      } finally {
        rmSync(copy, { recursive: true });
      }
    };
    const without = (name: string) => (copy: string) => {
      rmSync(path.join(copy, name), { recursive: true });
    };
    const changed = (name: string, change: (json: Record<string, unknown>) => void) => (copy: string) => {
      const json = JSON.parse(readFileSync(path.join(copy, name), 'utf8')) as Record<string, unknown>;
      change(json);
      writeFileSync(path.join(copy, name), JSON.stringify(json));
    };
    for (const [what, spoil, ...named] of [
      ['no index', without('model_index.json'), 'model_index.json'],
      ['no UNet', without('unet'), 'unet/model.onnx'],
      ['no text encoder', without('text_encoder/model.onnx'), 'text_encoder/model.onnx'],
      ['no scheduler', without('scheduler'), 'scheduler_config.json'],
      ['no vocabulary', without('tokenizer/vocab.json'), 'vocab.json'],
      ['no merges', without('tokenizer/merges.txt'), 'merges.txt'],
      ['an index that is not JSON', (copy: string) => writeFileSync(path.join(copy, 'model_index.json'), '{'), 'model_index.json'],
      ['another kind of pipeline', changed('model_index.json', (json) => (json['_class_name'] = 'StableDiffusionXLPipeline')), 'StableDiffusionXLPipeline'],
      ['an index without a UNet', changed('model_index.json', (json) => delete json['unet']), 'names no unet'],
      ['a vocabulary without the end token', changed('tokenizer/vocab.json', (json) => delete json['<|endoftext|>']), '<|endoftext|>'],
      ['a token that is no number', changed('tokenizer/vocab.json', (json) => (json['a'] = 'a')), 'token'],
      ['a token larger than the text encoder', changed('tokenizer/vocab.json', (json) => (json['zz'] = 49_000)), 'does not fit', '49000'],
      ['merges of other words', (copy: string) => writeFileSync(path.join(copy, 'tokenizer/merges.txt'), 'q ü\n'), 'merges.txt does not fit'],
      ['a scaling factor of text', (copy: string) => writeFileSync(path.join(copy, 'vae_decoder/config.json'), '{"scaling_factor":"1"}'), 'scaling_factor'],
    ] as const) {
      it(what, async () => {
        await assert.rejects(spoilt(spoil), isError('PIPELINE_CORRUPT', ...named));
      });
    }

    it('a UNet for other texts', async () => {
      await assert.rejects((await variant({ unetFeatures: 12 })).generate({ prompt: '' }), isError('PIPELINE_CORRUPT', 'text_encoder and unet do not fit', '8 and 12'));
    });

    it('a decoder where the UNet should be', async () => {
      const swapped = await spoilt((copy) => cpSync(path.join(copy, 'vae_decoder/model.onnx'), path.join(copy, 'unet/model.onnx')));
      await assert.rejects(swapped.generate({ prompt: '' }), isError('PIPELINE_CORRUPT', 'unet/model.onnx has no input "sample"'));
    });

    it('a tokenizer for longer texts', async () => {
      const longer = await spoilt(changed('tokenizer/tokenizer_config.json', (json) => (json['model_max_length'] = 80)));
      await assert.rejects(longer.generate({ prompt: '' }), isError('PIPELINE_CORRUPT', '80', '77'));
    });
  });
});
