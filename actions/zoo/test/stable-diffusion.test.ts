import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import ort from 'onnxruntime-node';
import { z } from 'zod';
import { parseSchedulerConfig } from '../../../runtime/diffusion/core/scheduler-config.ts';
import { denoise } from '../../../runtime/diffusion/denoise.ts';
import { floatsOf, sessionPart, type PlainTensor } from '../../../runtime/diffusion/part.ts';
import { findModel, readManifest } from '../../../runtime/model-store/manifest.ts';
import { ModelStore } from '../../../runtime/model-store/model-store.ts';
import { openModel, type OpenMode } from '../../../runtime/model-store/open-model.ts';
import { describeArchitecture, partsOf, type PartName } from '../architectures/index.ts';
import { buildZoo } from '../build-zoo.ts';
import { parameterCount, weightBytes } from '../graph-builder.ts';
import { useTemporaryFolder } from '../testing/temporary-folder.ts';
import { requireSound, verifyStore } from '../verify-store.ts';

/** Made by PyTorch, diffusers and transformers with `make-golden.py`. */
const goldenDirectory = path.resolve(import.meta.dirname, '../../../../actions/zoo/golden');
const tolerance = 1e-3;

/** As counted in diffusers and transformers; the decoder with its `post_quant_conv`. */
const parameterCounts: Record<PartName, number> = {
  'stable-diffusion/text_encoder': 123_060_480,
  'stable-diffusion/unet': 859_520_964,
  'stable-diffusion/vae_decoder': 49_490_199,
};
const parts = partsOf('stable-diffusion');

const tensorSchema = z.object({ dims: z.array(z.number()), values: z.array(z.number()) });
type GoldenTensor = z.infer<typeof tensorSchema>;

async function golden<Schema extends z.ZodType>(name: string, schema: Schema): Promise<z.infer<Schema>> {
  return schema.parse(JSON.parse(await readFile(path.join(goldenDirectory, `${name}.json`), 'utf8')));
}

const floats = ({ dims, values }: GoldenTensor): ort.Tensor => new ort.Tensor('float32', Float32Array.from(values), dims);

function assertClose(actual: ort.Tensor | undefined, expected: GoldenTensor): void {
  assert.deepEqual(actual?.dims, expected.dims);
  const data = actual.data as Float32Array;
  const largest = expected.values.reduce((worst, value, index) => Math.max(worst, Math.abs(value - (data[index] ?? NaN))), 0);
  assert.ok(largest <= tolerance, `the largest difference is ${largest}`);
}

describe('the Stable Diffusion pipeline of the zoo', function () {
  this.timeout(120_000);
  const inFolder = useTemporaryFolder();
  let store: ModelStore;
  const build = () => buildZoo({ directory: inFolder('tiny'), size: 'small', pipelines: ['stable-diffusion'] });

  before(async () => {
    await build();
    store = await ModelStore.open(inFolder('tiny'));
  });

  async function open(part: PartName, mode: OpenMode): Promise<ort.InferenceSession> {
    const model = findModel(await readManifest(store.directory), part);
    assert.ok(model !== undefined);
    return (await openModel(ort, store, model, mode)).session;
  }

  for (const part of parts) {
    it(`${part} has ${parameterCounts[part].toLocaleString('en')} parameters at full size and under 4 MB of weights when small`, () => {
      assert.equal(parameterCount(describeArchitecture(part, 'full').graph), parameterCounts[part]);
      assert.ok(weightBytes(describeArchitecture(part, 'small').graph) < 4e6);
    });

    it(`${part} has exactly the names and shapes of the original's state dict`, async () => {
      const schema = z.record(z.string(), z.record(z.string(), z.array(z.number())));
      const stateDicts = schema.parse(JSON.parse(gunzipSync(await readFile(path.join(goldenDirectory, 'state-dicts.json.gz'))).toString()));
      const { weights } = describeArchitecture(part, 'full').graph;
      assert.deepEqual(Object.fromEntries(weights.map(({ name, dims }) => [name, dims])), stateDicts[path.basename(part)]);
      assert.equal(new Set(weights.map(({ name }) => name)).size, weights.length, 'a name is taken twice');
    });
  }

  for (const mode of ['stock', 'ahead'] as const) {
    describe(`opened ${mode === 'stock' ? 'from its plain files' : 'in its loading form'}`, () => {
      it('encodes texts as transformers does', async () => {
        const expected = await golden('text-embeddings', z.object({ inputIds: z.array(z.array(z.number())), lastHiddenState: tensorSchema, poolerOutput: tensorSchema }));
        const ids = new ort.Tensor('int32', Int32Array.from(expected.inputIds.flat()), [expected.inputIds.length, 77]);
        const result = await (await open('stable-diffusion/text_encoder', mode)).run({ input_ids: ids });
        assertClose(result.last_hidden_state, expected.lastHiddenState);
        assertClose(result.pooler_output, expected.poolerOutput);
      });

      it('predicts noise as diffusers does', async () => {
        const { lastHiddenState } = await golden('text-embeddings', z.object({ lastHiddenState: tensorSchema }));
        const expected = await golden('unet-step', z.object({ sample: tensorSchema, timestep: z.number(), outSample: tensorSchema }));
        const feeds = { sample: floats(expected.sample), timestep: floats({ dims: [1], values: [expected.timestep] }), encoder_hidden_states: floats(lastHiddenState) };
        assertClose((await (await open('stable-diffusion/unet', mode)).run(feeds)).out_sample, expected.outSample);
      });

      it('decodes a picture that is not square as diffusers does', async () => {
        const expected = await golden('decoded-image', z.object({ latentSample: tensorSchema, sample: tensorSchema }));
        assertClose((await (await open('stable-diffusion/vae_decoder', mode)).run({ latent_sample: floats(expected.latentSample) })).sample, expected.sample);
      });
    });
  }

  describe('from text to picture', () => {
    const runsSchema = z.object({
      guidanceScale: z.number(),
      noise: tensorSchema,
      runs: z.array(z.object({ config: z.record(z.string(), z.unknown()), steps: z.number(), latents: tensorSchema })),
      lastImageTopRows: tensorSchema,
    });
    const plain = ({ dims, values }: GoldenTensor): PlainTensor => ({ type: 'float32', dims, data: Float32Array.from(values) });

    it('denoises with guidance as the loop of diffusers does, with each kind of scheduler, and decodes the last picture', async () => {
      const { lastHiddenState } = await golden('text-embeddings', z.object({ lastHiddenState: tensorSchema }));
      const [, tokens = 0, features = 0] = lastHiddenState.dims;
      const embeddings = [0, 1].map((row) => plain({ dims: [1, tokens, features], values: lastHiddenState.values.slice(row * tokens * features, (row + 1) * tokens * features) }));
      const { guidanceScale, noise, runs, lastImageTopRows } = await golden('end-to-end', runsSchema);
      const unet = sessionPart(ort, await open('stable-diffusion/unet', 'ahead'));
      let latents: PlainTensor | undefined;
      for (const { config, steps, latents: expected } of runs) {
        latents = await denoise({ unet }, { embeddings, noise: plain(noise), scheduler: parseSchedulerConfig(config), steps, guidanceScale });
        assertClose(new ort.Tensor('float32', floatsOf(latents), latents.dims), expected);
      }
      assert.deepEqual(runs.map(({ config }) => config['_class_name']), ['DDIMScheduler', 'EulerDiscreteScheduler', 'PNDMScheduler', 'LMSDiscreteScheduler']);
      assert.ok(latents !== undefined);
      const image = await (await open('stable-diffusion/vae_decoder', 'ahead')).run({ latent_sample: new ort.Tensor('float32', floatsOf(latents).map((value) => value / 0.18215), latents.dims) });
      const { dims, data } = image['sample']!;
      const [, channels = 0, height = 0, width = 0] = dims;
      const [, , rows = 0] = lastImageTopRows.dims;
      const topRows = Array.from({ length: channels }, (_, channel) => [...(data as Float32Array).subarray(channel * height * width, (channel * height + rows) * width)]).flat();
      assertClose(new ort.Tensor('float32', Float32Array.from(topRows), [1, channels, rows, width]), lastImageTopRows);
    });
  });

  it('lies in the store as exporters lay it out, listed with its parts and sound', async () => {
    const names = (await readdir(inFolder('tiny/stable-diffusion'), { recursive: true })).filter((name) => !name.includes('form-'));
    for (const name of ['model_index.json', 'text_encoder/model.onnx', 'unet/model.onnx', 'unet/model.onnx_data', 'vae_decoder/model.onnx', 'tokenizer/vocab.json', 'tokenizer/merges.txt', 'scheduler/scheduler_config.json']) {
      assert.ok(names.includes(name), name);
    }
    const [pipeline] = (await readManifest(store.directory)).pipelines ?? [];
    assert.deepEqual({ ...pipeline, files: [] }, { name: 'stable-diffusion', version: '1', folder: 'stable-diffusion', parts: ['text_encoder', 'unet', 'vae_decoder'], files: [] });
    requireSound(await verifyStore(store.directory));
  });

  it('is left as it is by a second build, a tokenizer of the user included', async () => {
    const file = inFolder('tiny/stable-diffusion/tokenizer/merges.txt');
    const standIn = inFolder('tiny/stable-diffusion/tokenizer/tokenizer.json');
    const [original, definition] = [await readFile(file), await readFile(standIn)];
    await writeFile(file, 'the user’s');
    await rm(standIn);
    try {
      assert.deepEqual((await build()).built, []);
      assert.equal(await readFile(file, 'utf8'), 'the user’s');
      assert.ok(!existsSync(standIn), 'the stand-in is back');
      const verified = await verifyStore(store.directory);
      requireSound(verified);
      assert.deepEqual(verified.flatMap(({ replaced }) => replaced), ['stable-diffusion/tokenizer/merges.txt', 'stable-diffusion/tokenizer/tokenizer.json']);
    } finally {
      await writeFile(file, original);
      await writeFile(standIn, definition);
    }
  });

  it('is found damaged where a file of the tokenizer cannot be read, or is not there', async () => {
    const file = inFolder('tiny/stable-diffusion/tokenizer/vocab.json');
    const original = await readFile(file);
    try {
      await writeFile(file, original.subarray(0, 100));
      await assert.rejects(async () => requireSound(await verifyStore(store.directory)), /tokenizer\/vocab\.json has 100 bytes/);
      await rm(file);
      await assert.rejects(async () => requireSound(await verifyStore(store.directory)), /tokenizer\/vocab\.json is missing/);
    } finally {
      await writeFile(file, original);
    }
    requireSound(await verifyStore(store.directory));
  });
});
