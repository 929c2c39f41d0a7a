import { strict as assert } from 'node:assert';
import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../common/errors.ts';
import { currentFormKey } from '../../../runtime/model-store/form-key.ts';
import { readManifest, type StoredModel } from '../../../runtime/model-store/manifest.ts';
import { buildZoo, needOf, type BuildZooOptions, type ZooProgress } from '../build-zoo.ts';
import { sha256Of } from '../file-digest.ts';
import { openForWriting } from '../file-sink.ts';
import { lockStore } from '../store-lock.ts';
import { useTemporaryFolder } from '../testing/temporary-folder.ts';
import { requireSound, verifyStore } from '../verify-store.ts';

const resnet18Only = (directory: string): BuildZooOptions => ({ directory, size: 'small', models: ['resnet18'] });

async function onlyModel(directory: string): Promise<StoredModel> {
  const [model] = (await readManifest(directory)).models;
  return model!;
}

async function partialsIn(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).filter((name) => name.includes('.partial'));
}

describe('building the zoo', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();

  /** A copy of a store with a finished resnet18: building one for each test would take most of the suite's time. */
  async function finishedStore(name: string): Promise<string> {
    await cp(inFolder('finished'), inFolder(name), { recursive: true });
    return inFolder(name);
  }

  before(() => buildZoo(resnet18Only(inFolder('finished'))));

  it('records each file with its size and checksum, the parameters, and a loading form for this machine', async () => {
    const directory = inFolder('recorded');
    const result = await buildZoo({ directory, size: 'small', models: ['bert-base'] });
    assert.deepEqual(result.built, ['bert-base']);
    const model = await onlyModel(directory);
    assert.equal(model.parameterCount, 1_019_680);
    assert.deepEqual(model.origin, { size: 'small', seed: 1 });
    assert.equal(model.form?.key, currentFormKey());
    assert.deepEqual(model.form?.candidates?.map(({ form }) => form), ['plain', 'external-data-prepacked', 'external-data-prepacked']);
    for (const file of [model.plain, ...(model.form?.files ?? [])]) {
      assert.equal((await stat(path.join(directory, file.path))).size, file.bytes);
      assert.equal(await sha256Of(path.join(directory, file.path)), file.sha256);
    }
  });

  it('skips what is finished, and makes only the form where only the form is missing', async () => {
    const directory = await finishedStore('resumed');
    const first = await onlyModel(directory);
    assert.deepEqual((await buildZoo(resnet18Only(directory))).skipped, ['resnet18']);

    await rm(path.join(directory, first.form!.files[0]!.path));
    const steps: string[] = [];
    await buildZoo({ ...resnet18Only(directory), onProgress: (progress) => void (progress.kind === 'step' && steps.push(progress.step)) });
    assert.ok(!steps.includes('writing weights') && steps.includes('saving external-data'), steps.join());
    requireSound(await verifyStore(directory));
  });

  it('builds again when forced, when a file is short, and when the seed is another', async () => {
    const directory = await finishedStore('again');
    assert.deepEqual((await buildZoo({ ...resnet18Only(directory), isForced: true })).built, ['resnet18']);
    const { plain } = await onlyModel(directory);
    await truncate(path.join(directory, plain.path), 1000);
    assert.deepEqual((await buildZoo(resnet18Only(directory))).built, ['resnet18']);
    assert.equal((await onlyModel(directory)).plain.sha256, plain.sha256);
    assert.deepEqual((await buildZoo({ ...resnet18Only(directory), seed: 2 })).built, ['resnet18']);
    assert.notEqual((await onlyModel(directory)).plain.sha256, plain.sha256);
    assert.equal((await readdir(path.join(directory, 'resnet18'))).length, 2, 'the former form is still there');
  });

  it('leaves nothing half-written and keeps the store readable when it is stopped, and goes on from there', async () => {
    const directory = await finishedStore('stopped');
    const stop = new AbortController();
    const stopAt = (step: string) => (progress: ZooProgress) => {
      if (progress.kind === 'step' && progress.model === 'googlenet' && progress.step.startsWith(step)) stop.abort();
    };
    const options: BuildZooOptions = { directory, size: 'small', models: ['resnet18', 'googlenet'] };
    await assert.rejects(buildZoo({ ...options, signal: stop.signal, onProgress: stopAt('measuring') }), { name: 'AbortError' });
    assert.deepEqual(await partialsIn(directory), []);
    const stored = await readManifest(directory);
    assert.equal(stored.models.find(({ name }) => name === 'googlenet')?.form, undefined);
    assert.deepEqual((await buildZoo(options)).built, ['googlenet']);
    requireSound(await verifyStore(directory));
  });

  it('leaves nothing of a model behind when the disk is full', async () => {
    const directory = inFolder('full');
    const openFile: BuildZooOptions['openFile'] = async (file) => {
      const handle = await openForWriting(file);
      let bytesLeft = 200_000;
      return {
        write: (bytes) => ((bytesLeft -= bytes.length) < 0 ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : handle.write(bytes)),
        close: () => handle.close(),
      };
    };
    await assert.rejects(buildZoo({ ...resnet18Only(directory), openFile }), (thrown) => thrown instanceof AppError && thrown.code === 'DISK_FULL');
    assert.deepEqual(await readdir(directory), []);
  });

  it('deletes what a killed builder left', async () => {
    const directory = await finishedStore('killed');
    await mkdir(path.join(directory, '.partial-1-vgg19'), { recursive: true });
    await writeFile(path.join(directory, '.partial-1-vgg19', 'vgg19.onnx'), 'half');
    await buildZoo(resnet18Only(directory));
    assert.deepEqual(await partialsIn(directory), []);
  });

  it('waits for another builder of the same store, then finds its work done', async () => {
    const directory = inFolder('shared');
    await mkdir(directory);
    const unlock = await lockStore(directory);
    let isWaiting!: () => void;
    const waiting = new Promise<void>((resolve) => (isWaiting = resolve));
    const second = buildZoo({ ...resnet18Only(directory), onProgress: (progress) => void (progress.kind === 'waiting' && isWaiting()) });
    await waiting;
    await unlock();
    assert.deepEqual((await second).built, ['resnet18']);
    const both = await Promise.all([buildZoo({ ...resnet18Only(directory), seed: 3 }), buildZoo({ ...resnet18Only(directory), seed: 3 })]);
    assert.deepEqual(both.flatMap(({ built }) => built), ['resnet18']);
    requireSound(await verifyStore(directory));
  });

  it('refuses a folder with models of the other size', async () => {
    const directory = await finishedStore('mixed');
    await assert.rejects(buildZoo({ directory, size: 'full', models: ['resnet18'] }), (thrown) => thrown instanceof AppError && thrown.code === 'BAD_OPTION');
  });

  it('finds a single changed byte by its checksum', async () => {
    const directory = await finishedStore('changed');
    const file = path.join(directory, (await onlyModel(directory)).plain.path);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(file, bytes);
    const verified = await verifyStore(directory);
    assert.deepEqual(verified.map(({ problems }) => problems), [['resnet18/resnet18.onnx has another SHA-256']]);
    assert.throws(() => requireSound(verified), (thrown) => thrown instanceof AppError && thrown.code === 'MODEL_CORRUPT' && thrown.fix.includes('--force --only resnet18'));
  });

  it('makes the form anew for another machine, and leaves imported weights alone whatever the seed', async () => {
    const directory = await finishedStore('needs');
    const model = await onlyModel(directory);
    const wanted = { size: 'small', seed: 1 } as const;
    assert.equal(needOf(directory, model, wanted), 'nothing');
    assert.equal(needOf(directory, model, wanted, 'onnxruntime 9.9.9, x64, avx2'), 'form');
    assert.equal(needOf(directory, model, { ...wanted, seed: 2 }), 'all');
    assert.equal(needOf(directory, { ...model, origin: { size: 'small', importedFrom: 'trained.safetensors' } }, { ...wanted, seed: 2 }), 'nothing');
  });
});
