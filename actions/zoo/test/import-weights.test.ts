import { strict as assert } from 'node:assert';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../common/errors.ts';
import type { StoredModel } from '../../../runtime/model-store/manifest.ts';
import { ModelStore } from '../../../runtime/model-store/model-store.ts';
import { planOpening } from '../../../runtime/model-store/open-model.ts';
import { describeArchitecture } from '../architectures/index.ts';
import { buildZoo } from '../build-zoo.ts';
import { importWeights, matchTensors } from '../import-weights.ts';
import { randomWeights } from '../random-weights.ts';
import { measureInSlot } from '../ready-slot.ts';
import { SafetensorsFile } from '../safetensors.ts';
import { useTemporaryFolder } from '../testing/temporary-folder.ts';
import { writeSafetensors, type TensorToWrite } from '../testing/write-safetensors.ts';

const { graph } = describeArchitecture('resnet18', 'small');

/** The weights that `build --seed` would give the model, as a state dict. */
function stateDict(seed: number): TensorToWrite[] {
  return graph.weights.map((weight) => {
    const data = Buffer.concat([...(randomWeights(seed, 'resnet18')(weight) as Iterable<Uint8Array>)].map((chunk) => Buffer.from(chunk)));
    return { name: weight.name, dtype: 'F32', shape: weight.dims, data };
  });
}

async function logits(store: ModelStore, model: StoredModel): Promise<readonly number[]> {
  const { file, sessionOptions } = planOpening(store, model, 'onPath');
  const { outputs } = await measureInSlot({ file: store.pathOf(file), sessionOptions, sampleInputs: model.sampleInputs, steadyRuns: 1, steadyMs: 0 });
  return outputs['logits'] ?? [];
}

const mismatch = (...texts: string[]) => (thrown: unknown) =>
  thrown instanceof AppError && thrown.code === 'WEIGHTS_MISMATCH' && texts.every((text) => thrown.message.includes(text)) && !thrown.message.includes('\n');

describe('importing weights', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();

  it('makes the model, plain file and loading form, the one that the weights belong to', async () => {
    const [imported, built, file] = [inFolder('imported'), inFolder('built'), inFolder('trained.safetensors')];
    await buildZoo({ directory: imported, size: 'small', models: ['resnet18'] });
    await buildZoo({ directory: built, size: 'small', models: ['resnet18'], seed: 42 });
    const before = await ModelStore.open(imported);
    const counters = { name: 'bn1.num_batches_tracked', dtype: 'I64', shape: [], data: new Uint8Array(8) };
    await writeSafetensors(file, [...stateDict(42), counters]);
    const beforeLogits = await logits(before, before.find('resnet18'));

    const model = await importWeights({ directory: imported, name: 'resnet18', size: 'small', file });
    assert.deepEqual(model.origin, { size: 'small', importedFrom: 'trained.safetensors' });
    const [after, expected] = [await ModelStore.open(imported), await ModelStore.open(built)];
    assert.equal(after.find('resnet18').plain.sha256, expected.find('resnet18').plain.sha256);
    const afterLogits = await logits(after, after.find('resnet18'));
    assert.deepEqual(afterLogits, await logits(expected, expected.find('resnet18')));
    assert.notDeepEqual(afterLogits, beforeLogits);
  });

  it('names what is missing, too much and of another shape in one line, and leaves the store as it was', async () => {
    const directory = inFolder('untouched');
    await buildZoo({ directory, size: 'small', models: ['resnet18'] });
    const manifest = await readFile(path.join(directory, 'manifest.json'), 'utf8');
    const wrong = stateDict(1).filter(({ name }) => name !== 'bn1.bias');
    const fc = wrong.findIndex(({ name }) => name === 'fc.weight');
    wrong[fc] = { ...wrong[fc]!, shape: [64, 1000] };
    wrong.push({ name: 'fc2.weight', dtype: 'F32', shape: [1], data: new Uint8Array(4) });
    const file = inFolder('wrong.safetensors');
    await writeSafetensors(file, wrong);
    await assert.rejects(
      importWeights({ directory, name: 'resnet18', size: 'small', file }),
      mismatch('1 missing: bn1.bias', '1 not of this model: fc2.weight', 'fc.weight [64, 1000] instead of [1000, 64]'),
    );
    assert.equal(await readFile(path.join(directory, 'manifest.json'), 'utf8'), manifest);
  });

  it('counts names beyond the first few', () => {
    assert.throws(() => matchTensors(graph.weights, new Map(), 'resnet18'), mismatch(`${graph.weights.length} missing`, `and ${graph.weights.length - 5} more`));
  });

  it('finds an encoder under its prefix, with the old names of layer norms, beside heads that are not ours', () => {
    const bert = describeArchitecture('bert-base', 'small').graph.weights;
    const published = bert.map(({ name, dims }) => {
      const legacy = `bert.${name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta')}`;
      return { name: legacy, elementType: 'F32', dims, start: 0, bytes: 0 };
    });
    const head = { name: 'cls.predictions.bias', elementType: 'F32', dims: [30522], start: 0, bytes: 0 };
    const matched = matchTensors(bert, new Map([...published, head].map((tensor) => [tensor.name, tensor])), 'bert-base');
    assert.equal(matched.get('embeddings.LayerNorm.weight')?.name, 'bert.embeddings.LayerNorm.gamma');
    assert.equal(matched.size, bert.length);
  });

  it('refuses types that are no weights', () => {
    const tensors = graph.weights.map(({ name, dims }) => [name, { name, elementType: 'I8', dims, start: 0, bytes: 0 }] as const);
    assert.throws(() => matchTensors(graph.weights, new Map(tensors), 'resnet18'), mismatch('of a type that cannot be read'));
  });

  const conversions = [
    { dtype: 'F16', data: [0x3c00, 0xc000, 0x0001, 0x7bff, 0x3555], expected: [1, -2, 2 ** -24, 65504, 0.333251953125] },
    { dtype: 'BF16', data: [0x3f80, 0xc000, 0x0080, 0x7f7f, 0x3eab], expected: [1, -2, 2 ** -126, 3.3895313892515355e38, 0.333984375] },
  ];
  for (const { dtype, data, expected } of conversions) {
    it(`reads ${dtype} as the float32 of the same value`, async () => {
      const file = inFolder(`${dtype}.safetensors`);
      await writeSafetensors(file, [{ name: 'x', dtype, shape: [data.length], data: new Uint8Array(Uint16Array.from(data).buffer) }]);
      const opened = await SafetensorsFile.open(file);
      const chunks: Buffer[] = [];
      for await (const chunk of opened.read(opened.tensors.get('x')!)) chunks.push(Buffer.from(chunk));
      await opened.close();
      const bytes = Uint8Array.from(Buffer.concat(chunks));
      assert.deepEqual([...new Float32Array(bytes.buffer)], expected);
    });
  }

  const broken = [
    { what: 'nothing', bytes: Buffer.alloc(0) },
    { what: 'a header longer than the file', bytes: Buffer.from([255, 255, 0, 0, 0, 0, 0, 0, 1]) },
    { what: 'a header that is not JSON', bytes: Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 97, 98, 99]) },
    { what: 'offsets outside of the file', bytes: brokenOffsets() },
  ];
  for (const { what, bytes } of broken) {
    it(`calls a file with ${what} no safetensors file`, async () => {
      const file = inFolder('broken.safetensors');
      await writeFile(file, bytes);
      await assert.rejects(SafetensorsFile.open(file), (thrown) => thrown instanceof AppError && thrown.code === 'MODEL_CORRUPT');
    });
  }
});

function brokenOffsets(): Buffer {
  const header = Buffer.from('{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header]);
}
