import { strict as assert } from 'node:assert';
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { AppError } from '../../../common/errors.ts';
import { partNames } from '../../diffusion/part.ts';
import { writeTinyPipeline } from '../../testing/tiny-pipeline.ts';
import { currentFormKey } from '../form-key.ts';
import { findPipeline, planPartOpening, predictPartBytes, type LocatedPart } from '../locate-pipeline.ts';
import type { Manifest, StoredModel } from '../manifest.ts';
import { manifestFileName } from '../manifest-file.ts';
import { openStoreIfAny } from '../open-store.ts';
import { ModelStore } from '../model-store.ts';
import { predictPlainResidentBytes, predictResidentBytes } from '../resident-bytes.ts';

const isError = (code: string, text: RegExp) => (error: unknown): boolean => error instanceof AppError && error.code === code && text.test(error.message);

describe('a pipeline of the model store', () => {
  let directory: string;
  const sizeOf = (file: string): number => statSync(path.join(directory, file)).size;
  const stored = (file: string): { path: string; bytes: number; sha256: string } => ({ path: file, bytes: sizeOf(file), sha256: '0'.repeat(64) });

  before(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'pipeline-store-'));
    await writeTinyPipeline(path.join(directory, 'painter'));
    for (const part of partNames) {
      // A form that is told from the plain file by its size.
      cpSync(path.join(directory, 'painter', part, 'model.onnx'), path.join(directory, 'painter', part, 'form.onnx'));
      writeFileSync(path.join(directory, 'painter', part, 'form.data'), Buffer.alloc(1000));
    }
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });

  const entryOf = (part: string, key: string, version = '1'): StoredModel => {
    const opening = { file: `painter/${part}/form.onnx`, sessionOptions: { form: true } };
    const files = [stored(`painter/${part}/form.onnx`), stored(`painter/${part}/form.data`)];
    const measured = { onPathLoadMs: 1, aheadLoadMs: 1, firstRunMs: 1, steadyRunMs: 1, privateBytes: 12_345 };
    return { name: `painter/${part}`, version, parameterCount: 1, plain: stored(`painter/${part}/model.onnx`), form: { key, kind: 'external-data', files, onPath: opening, ahead: opening, measured }, sampleInputs: {}, attachments: [] };
  };
  const storeOf = async (models: StoredModel[]): Promise<ModelStore | undefined> => {
    const manifest: Manifest = { formatVersion: 1, models };
    writeFileSync(path.join(directory, manifestFileName), JSON.stringify(manifest));
    return openStoreIfAny(directory, ModelStore.open);
  };
  const unetOf = (parts: readonly LocatedPart[]): LocatedPart => parts.find(({ name }) => name === 'unet')!;

  it('is opened in the loading form of each network that has one for this machine', async () => {
    const store = await storeOf(partNames.map((part) => entryOf(part, currentFormKey())));
    for (const reference of ['painter', 'painter@1']) {
      const { folder, parts } = findPipeline(directory, store, reference);
      assert.equal(folder, path.join(directory, 'painter'));
      assert.deepEqual(parts.map(({ name }) => name), [...partNames]);
      const opening = planPartOpening(unetOf(parts), 'ahead');
      assert.equal(opening.file, path.join(directory, 'painter/unet/form.onnx'));
      assert.deepEqual(opening.sessionOptions, { form: true });
      assert.equal(opening.fileBytes, sizeOf('painter/unet/form.onnx') + 1000);
      assert.equal(predictPartBytes(unetOf(parts), 'ahead'), 12_345);
    }
  });

  it('is opened from plain files where the form is for another machine, or the runtime loads as the stock one', async () => {
    const { parts } = findPipeline(directory, await storeOf(partNames.map((part) => entryOf(part, 'another'))), 'painter');
    const plainBytes = sizeOf('painter/unet/model.onnx');
    assert.equal(planPartOpening(unetOf(parts), 'ahead').file, path.join(directory, 'painter/unet/model.onnx'));
    // What lies beside it counts, for it may be external data; the form does not; the UNet's config.json does.
    assert.equal(predictPartBytes(unetOf(parts), 'ahead'), predictPlainResidentBytes(plainBytes, sizeOf('painter/unet/config.json')));
    const own = findPipeline(directory, await storeOf(partNames.map((part) => entryOf(part, currentFormKey()))), 'painter');
    assert.equal(planPartOpening(unetOf(own.parts), 'stock').file, path.join(directory, 'painter/unet/model.onnx'));
  });

  it('may have an entry for some networks only, or be a folder without any', async () => {
    const some = findPipeline(directory, await storeOf([entryOf('unet', currentFormKey())]), 'painter@1');
    assert.deepEqual(some.parts.map(({ stored: entry }) => entry !== undefined), [false, true, false]);
    rmSync(path.join(directory, manifestFileName));
    const none = findPipeline(directory, await openStoreIfAny(directory, ModelStore.open), 'painter@1');
    assert.deepEqual(none.parts.map(({ plainFile }) => path.relative(directory, plainFile)), partNames.map((part) => `painter/${part}/model.onnx`));
  });

  describe('with weights in external data needs memory for them', () => {
    let folder: string;
    before(() => {
      folder = path.join(directory, 'outside');
      cpSync(path.join(directory, 'painter'), folder, { recursive: true });
      for (const part of partNames) for (const form of ['form.onnx', 'form.data']) rmSync(path.join(folder, part, form));
    });
    const needed = (): number => predictPartBytes(unetOf(findPipeline(directory, undefined, 'outside').parts), 'ahead');
    const expected = (externalBytes: number): number => predictPlainResidentBytes(sizeOf('outside/unet/model.onnx'), sizeOf('outside/unet/config.json') + externalBytes);

    it('that lies beside the network, in a folder beside it, or behind a link', () => {
      assert.equal(needed(), expected(0));
      writeFileSync(path.join(folder, 'unet/model.onnx_data'), '');
      truncateSync(path.join(folder, 'unet/model.onnx_data'), 3e9);
      assert.equal(needed(), expected(3e9));
      assert.ok(needed() > 3e9);
      mkdirSync(path.join(folder, 'unet/weights'));
      writeFileSync(path.join(folder, 'unet/weights/0'), Buffer.alloc(2000));
      assert.equal(needed(), expected(3e9 + 2000));
      symlinkSync(path.join(folder, 'unet/model.onnx_data'), path.join(folder, 'unet/linked'));
      assert.equal(needed(), expected(6e9 + 2000));
    });

    it('that an entry of the store names, in whichever mode the plain file is opened', () => {
      const plain = stored('painter/unet/model.onnx');
      const entry: StoredModel = { ...entryOf('unet', 'another'), externalData: [{ path: 'painter/unet/model.onnx_data', bytes: 3e9, sha256: '0'.repeat(64) }] };
      for (const mode of ['stock', 'ahead'] as const) assert.equal(predictResidentBytes(entry, mode), predictPlainResidentBytes(plain.bytes, 3e9));
    });
  });

  it('whose form is cut short is refused', async () => {
    const store = await storeOf(partNames.map((part) => entryOf(part, currentFormKey())));
    const { parts } = findPipeline(directory, store, 'painter');
    writeFileSync(path.join(directory, 'painter/unet/form.data'), Buffer.alloc(999));
    assert.throws(() => planPartOpening(unetOf(parts), 'ahead'), isError('MODEL_CORRUPT', /form\.data has 999 bytes, not 1000/));
  });

  for (const reference of ['nothing', '', '.', '..', '../painter', 'painter/unet', '/etc', 'painter@1@2', 'a'.repeat(300), 'painter\0']) {
    it(`is not found as ${JSON.stringify(reference.slice(0, 20))}`, () => {
      assert.throws(() => findPipeline(directory, undefined, reference), isError('MODEL_MISSING', /no pipeline/));
    });
  }
});
