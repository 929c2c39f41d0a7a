import { strict as assert } from 'node:assert';
import { cp, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildZoo } from '../../../actions/zoo/build-zoo.ts';
import { useTemporaryFolder } from '../../../actions/zoo/testing/temporary-folder.ts';
import { AppError } from '../../../common/errors.ts';
import type { StoredModel } from '../manifest.ts';
import { ModelStore } from '../model-store.ts';
import { makeFeeds, openModel, openModelFile, planOpening, warmUp, zeroInputs, type OpenMode, type Ort } from '../open-model.ts';
import { predictResidentBytes } from '../resident-bytes.ts';
import { tinyModel } from '../tiny-model.ts';

const isCode = (code: string) => (thrown: unknown) => thrown instanceof AppError && thrown.code === code;

describe('opening stored models', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();
  let ort: Ort;

  before(async () => {
    ort = (await import('onnxruntime-node')).default;
    await buildZoo({ directory: inFolder('store'), size: 'small', models: ['googlenet', 'bert-base'] });
  });

  async function openCopy(name: string): Promise<ModelStore> {
    await cp(inFolder('store'), inFolder(name), { recursive: true });
    return ModelStore.open(inFolder(name));
  }

  async function outputsOf(store: ModelStore, model: StoredModel, mode: OpenMode, tokens?: number): Promise<Record<string, Float32Array>> {
    const { session } = await openModel(ort, store, model, mode);
    const inputs = Object.entries(model.sampleInputs).map(([name, input]) => [name, tokens === undefined ? input : { ...input, dims: [1, tokens] }]);
    const results = await session.run(makeFeeds(ort, Object.fromEntries(inputs)));
    await session.release();
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]));
  }

  function assertClose(actual: Record<string, Float32Array>, expected: Record<string, Float32Array>): void {
    for (const [name, values] of Object.entries(expected)) {
      assert.equal(actual[name]?.length, values.length);
      const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(value - (actual[name]?.[index] ?? NaN))), 0);
      assert.ok(worst <= 1e-3, `${name} differs by ${worst}`);
    }
  }

  for (const name of ['googlenet', 'bert-base']) {
    it(`computes with either opening of ${name}'s loading form what the plain file computes`, async () => {
      const store = await ModelStore.open(inFolder('store'));
      const model = store.find(name);
      const expected = await outputsOf(store, model, 'stock');
      assertClose(await outputsOf(store, model, 'onPath'), expected);
      assertClose(await outputsOf(store, model, 'ahead'), expected);
    });
  }

  for (const tokens of [1, 7, 512]) {
    it(`computes the same for ${tokens} tokens, though the form was made with another number`, async () => {
      const store = await ModelStore.open(inFolder('store'));
      const model = store.find('bert-base@1');
      const expected = await outputsOf(store, model, 'stock', tokens);
      assertClose(await outputsOf(store, model, 'onPath', tokens), expected);
      assertClose(await outputsOf(store, model, 'ahead', tokens), expected);
    });
  }

  it('says which form it opened and how many bytes of files are behind it', async () => {
    const store = await ModelStore.open(inFolder('store'));
    const model = store.find('googlenet');
    const { session, form, bytes, fallbackReason } = await openModel(ort, store, model, 'onPath');
    assert.equal(form, 'external-data');
    assert.equal(bytes, model.form?.files.reduce((sum, file) => sum + file.bytes, 0));
    assert.equal(fallbackReason, undefined);
    assert.ok((await warmUp(session, model.sampleInputs, ort)) > 0);
    await session.release();
  });

  it('opens the plain file, and says why, on a machine of another key', async () => {
    const store = await openCopy('other-key');
    const found = store.find('googlenet');
    const model = { ...found, form: { ...found.form!, key: 'onnxruntime 0.0.1, x64, avx2' } };
    const { session, form, fallbackReason } = await openModel(ort, store, model, 'ahead');
    assert.equal(form, 'plain');
    assert.match(fallbackReason ?? '', /is for onnxruntime 0\.0\.1/);
    assert.equal(predictResidentBytes(model, 'ahead'), predictResidentBytes(model, 'stock'));
    await session.release();
  });

  it('opens the plain file, and says why, when a file of the form is missing or there is no form', async () => {
    const store = await openCopy('no-form');
    const model = store.find('googlenet');
    await rm(path.join(store.directory, model.form!.files[0]!.path));
    assert.match(planOpening(store, model, 'onPath').fallbackReason ?? '', /is missing/);
    const formless = structuredClone(model);
    delete formless.form;
    const opening = planOpening(store, formless, 'onPath');
    assert.deepEqual([opening.form, opening.fallbackReason], ['plain', 'it has no loading form']);
  });

  it('opens the plain file with the defaults of ONNX Runtime in stock mode', async () => {
    const store = await ModelStore.open(inFolder('store'));
    const opening = planOpening(store, store.find('googlenet'), 'stock');
    assert.deepEqual([opening.file, opening.sessionOptions], ['googlenet/googlenet.onnx', {}]);
  });

  it('refuses a file of another size as corrupt before ONNX Runtime sees it', async () => {
    const store = await openCopy('short');
    const model = store.find('googlenet');
    await truncate(path.join(store.directory, model.form!.files[0]!.path), 4096);
    await assert.rejects(openModel(ort, store, model, 'onPath'), isCode('MODEL_CORRUPT'));
    await rm(path.join(store.directory, model.plain.path));
    await assert.rejects(openModel(ort, store, model, 'stock'), isCode('MODEL_CORRUPT'));
  });

  it('calls a file corrupt that ONNX Runtime cannot read', async () => {
    const store = await openCopy('garbage');
    const model = store.find('googlenet');
    await writeFile(store.pathOf(model.plain), Buffer.alloc(model.plain.bytes, 0xff));
    await assert.rejects(openModel(ort, store, model, 'stock'), (thrown) => isCode('MODEL_CORRUPT')(thrown) && !(thrown as Error).message.includes('\n'));
  });

  it('names what there is when a model or a version is not there', async () => {
    const store = await ModelStore.open(inFolder('store'));
    for (const reference of ['resnet50', 'googlenet@2']) {
      assert.throws(() => store.find(reference), (thrown) => isCode('MODEL_MISSING')(thrown) && (thrown as Error).message.includes('googlenet@1'));
    }
  });

  it('names the command that builds a store where there is none', async () => {
    await assert.rejects(ModelStore.open(inFolder('nowhere')), (thrown) => isCode('MODEL_STORE_MISSING')(thrown) && (thrown as AppError).fix.includes('npm run models'));
  });

  it('predicts far less private memory for a loading form than for the plain file', async () => {
    const store = await ModelStore.open(inFolder('store'));
    const model = store.find('bert-base');
    assert.ok(predictResidentBytes(model, 'ahead') * 8 < predictResidentBytes(model, 'stock'));
  });

  it('opens a file that no store describes and warms it up with zeros of its own shapes', async () => {
    const file = inFolder('tiny.onnx');
    await writeFile(file, tinyModel);
    const { session, form, bytes } = await openModelFile(ort, file, 'ahead');
    assert.deepEqual([form, bytes], ['plain', tinyModel.length]);
    assert.deepEqual(zeroInputs(session), { x: { type: 'float32', dims: [1], fill: 0 } });
    await warmUp(session, zeroInputs(session), ort);
    await session.release();
    await assert.rejects(openModelFile(ort, inFolder('none.onnx'), 'ahead'), isCode('MODEL_MISSING'));
    await writeFile(file, 'no model');
    await assert.rejects(openModelFile(ort, file, 'ahead'), isCode('MODEL_CORRUPT'));
  });
});
