// Trained weights of Stable Diffusion by the names that diffusers and transformers give them, into the zoo's tiny pipeline: what
// comes of it is the picture of those weights.
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as tokenizers from '@huggingface/tokenizers';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { AppError } from '../../../common/errors.ts';
import { DiffusionPipeline } from '../../../runtime/diffusion/diffusion-pipeline.ts';
import { openPlainPipeline } from '../../../runtime/diffusion/open-plain.ts';
import type { Parts } from '../../../runtime/diffusion/part-shapes.ts';
import { sessionPart } from '../../../runtime/diffusion/part.ts';
import { readPipelineFolder } from '../../../runtime/diffusion/pipeline-folder.ts';
import { encoderOf } from '../../../runtime/diffusion/png-encoder.ts';
import { PromptTokenizer } from '../../../runtime/diffusion/prompt-tokens.ts';
import { findPipeline, planPartOpening } from '../../../runtime/model-store/locate-pipeline.ts';
import { ModelStore } from '../../../runtime/model-store/model-store.ts';
import { describeArchitecture, partsOf, type PartName } from '../architectures/index.ts';
import { buildZoo } from '../build-zoo.ts';
import { runModelsCommand } from '../command.ts';
import { importWeights } from '../import-weights.ts';
import { randomWeights } from '../random-weights.ts';
import { useTemporaryFolder } from '../testing/temporary-folder.ts';
import { writeSafetensors, type TensorToWrite } from '../testing/write-safetensors.ts';

const requireLibrary = createRequire(import.meta.url);
const asked = { prompt: 'a red fox', seed: 7, steps: 2, width: 64, height: 64 };
const trainedSeed = 42;
const parts = partsOf('stable-diffusion');

/** The state dict of a network whose weights are those of `build --seed`. */
function stateDict(part: PartName): TensorToWrite[] {
  return describeArchitecture(part, 'small').graph.weights.map((weight) => {
    const data = Buffer.concat([...(randomWeights(trainedSeed, part)(weight) as Iterable<Uint8Array>)].map((chunk) => Buffer.from(chunk)));
    return { name: weight.name, dtype: 'F32', shape: weight.dims, data };
  });
}

/** What published files have beside what inference needs. */
const besides: Record<PartName, TensorToWrite[]> = {
  'stable-diffusion/text_encoder': [{ name: 'text_model.embeddings.position_ids', dtype: 'I64', shape: [1, 1], data: new Uint8Array(8) }],
  'stable-diffusion/unet': [],
  'stable-diffusion/vae_decoder': ['encoder.conv_in.weight', 'encoder.mid_block.resnets.0.conv1.bias', 'quant_conv.weight'].map((name) => ({ name, dtype: 'F32', shape: [1], data: new Uint8Array(4) })),
};

describe('importing the weights of a pipeline', function () {
  this.timeout(120_000);
  const inFolder = useTemporaryFolder();

  before(async () => {
    await buildZoo({ directory: inFolder('imported'), size: 'small', pipelines: ['stable-diffusion'] });
    await buildZoo({ directory: inFolder('trained'), size: 'small', pipelines: ['stable-diffusion'], seed: trainedSeed });
  });

  const command = (...args: string[]): Promise<number> => runModelsCommand([...args, '--small', '--dir', inFolder('imported')]);
  const picture = async (store: string): Promise<Buffer> => {
    const pipeline = await openPlainPipeline(path.join(inFolder(store), 'stable-diffusion'), requireLibrary);
    return (await pipeline.generate(asked)).png;
  };
  /** Of the networks in their loading form. */
  const pictureOfForm = async (store: string): Promise<Buffer> => {
    const located = findPipeline(inFolder(store), await ModelStore.open(inFolder(store)), 'stable-diffusion');
    const opened = await Promise.all(
      located.parts.map(async (part) => {
        const { file, sessionOptions } = planPartOpening(part, 'ahead');
        assert.notEqual(file, part.plainFile);
        return [part.name, sessionPart(ort, await ort.InferenceSession.create(file, sessionOptions))] as const;
      }),
    );
    const folder = await readPipelineFolder(located.folder);
    const pipeline = new DiffusionPipeline({ folder, tokenizer: new PromptTokenizer(tokenizers, folder.tokenizer), encodePng: encoderOf(sharp), parts: () => Promise.resolve(Object.fromEntries(opened) as unknown as Parts) });
    return (await pipeline.generate(asked)).png;
  };
  const isMismatch = (...texts: string[]) => (thrown: unknown) => thrown instanceof AppError && thrown.code === 'WEIGHTS_MISMATCH' && texts.every((text) => thrown.message.includes(text));

  it('makes its pictures those of the weights, whether opened plain or in the loading form', async () => {
    const [before, expected] = [await picture('imported'), await picture('trained')];
    assert.notDeepEqual(before, expected);
    for (const part of parts) {
      const file = inFolder(`${path.basename(part)}.safetensors`);
      await writeSafetensors(file, [...stateDict(part), ...besides[part]]);
      assert.equal(await command('import', part, file), 0);
    }
    assert.deepEqual(await picture('imported'), expected);
    assert.deepEqual(await pictureOfForm('imported'), await pictureOfForm('trained'));
  });

  it('survives the next build', async () => {
    const before = await picture('imported');
    assert.equal(await command('build', '--only', 'stable-diffusion'), 0);
    assert.deepEqual(await picture('imported'), before);
  });

  for (const part of parts) {
    it(`refuses for ${part} what is missing, of another shape or another network's, and leaves the store as it was`, async () => {
      const manifest = await readFile(inFolder('imported/manifest.json'));
      const [lost, bent, ...rest] = stateDict(part);
      const file = inFolder('wrong.safetensors');
      await writeSafetensors(file, [...rest, { ...bent!, shape: [1, ...bent!.shape] }, { name: 'time_text_embed.weight', dtype: 'F32', shape: [1], data: new Uint8Array(4) }]);
      await assert.rejects(
        importWeights({ directory: inFolder('imported'), name: part, size: 'small', file }),
        isMismatch(`do not fit ${part}`, `1 missing: ${lost!.name}`, `${bent!.name} [1, ${bent!.shape.join(', ')}] instead of [${bent!.shape.join(', ')}]`, '1 not of this model: time_text_embed.weight'),
      );
      assert.deepEqual(await readFile(inFolder('imported/manifest.json')), manifest);
    });
  }
});
