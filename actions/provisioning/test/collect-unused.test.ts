// Which models go when nobody uses them, and that nothing else does.
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { readManifest } from '../../../runtime/model-store/manifest.ts';
import { usesFileName } from '../../../runtime/model-store/model-uses.ts';
import { tinyModel } from '../../../runtime/model-store/tiny-model.ts';
import { modelProto } from '../../zoo/onnx-schema.ts';
import { runModelsCommand } from '../../zoo/command.ts';
import { useTemporaryFolder } from '../../zoo/testing/temporary-folder.ts';
import { requireSound, verifyStore } from '../../zoo/verify-store.ts';
import { collectUnused, type Collected } from '../collect-unused.ts';
import { pullModels } from '../pull-models.ts';

const day = 86_400_000;
const signal = new AbortController().signal;

describe('collecting unused models', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();
  let count = 0;
  let directory: string;

  beforeEach(async () => {
    count += 1;
    directory = inFolder(`store-${count}`);
    const decoded = modelProto.toObject(modelProto.decode(tinyModel));
    await mkdir(inFolder('files'), { recursive: true });
    await writeFile(inFolder('files/same.onnx'), tinyModel);
    await writeFile(inFolder('files/other.onnx'), modelProto.encode(modelProto.fromObject({ ...decoded, producer_name: 'other' })).finish());
    const url = (name: string): string => pathToFileURL(inFolder(`files/${name}.onnx`)).href;
    const models = [
      { name: 'one', version: '1', url: url('same') },
      { name: 'twin', version: '1', url: url('same') },
      { name: 'other', version: '1', url: url('other') },
      { name: 'other', version: '2', url: url('other') },
    ];
    await pullModels({ directory, models, env: {}, effort: 'quick', maxBytes: 1e8, signal });
  });

  const names = async (): Promise<string[]> => (await readManifest(directory)).models.map(({ name, version }) => `${name}@${version}`);
  const use = (usedAt: Record<string, number>): Promise<void> => writeFile(path.join(directory, usesFileName), JSON.stringify({ formatVersion: 1, usedAt }));
  const collect = (daysFromNow: number, more: { isDryRun?: boolean } = {}): Promise<Collected> => collectUnused({ directory, unusedMs: 30 * day, now: Date.now() + daysFromNow * day, isDryRun: false, signal, ...more });

  it('keeps what has come lately', async () => {
    assert.deepEqual((await collect(29)).models, []);
    assert.equal((await names()).length, 4);
  });

  it('deletes what was not used for so long, and keeps what was, every file of it sound', async () => {
    // Without a version: the newest.
    await use({ one: Date.now() + 20 * day, other: Date.now() + 10 * day });
    const { models, bytes, keptCount } = await collect(31);
    assert.deepEqual(models.map(({ label }) => label).sort(), ['other@1', 'twin@1']);
    assert.ok(bytes > 0);
    assert.equal(keptCount, 2);
    assert.deepEqual(await names(), ['one@1', 'other@2']);
    requireSound(await verifyStore(directory));
    assert.deepEqual((await readdir(path.join(directory, 'pulled'))).sort(), ['one@1', 'other@2']);
    // A blob stays as long as a model has it.
    assert.equal((await readdir(path.join(directory, '.blobs'))).length, 2);
    assert.equal((await collect(100)).models.length, 2);
    assert.deepEqual(await readdir(path.join(directory, '.blobs')), []);
    assert.ok(!existsSync(path.join(directory, 'pulled')));
  });

  it('says what would go, and deletes nothing, when it is asked to', async () => {
    assert.equal((await collect(31, { isDryRun: true })).models.length, 4);
    assert.equal((await names()).length, 4);
    requireSound(await verifyStore(directory));
  });

  it('leaves a store that can be pulled into again', async () => {
    await collect(31);
    await pullModels({ directory, models: [{ name: 'one', version: '1', url: pathToFileURL(inFolder('files/same.onnx')).href }], env: {}, effort: 'quick', maxBytes: 1e8, signal });
    requireSound(await verifyStore(directory));
    assert.deepEqual(await names(), ['one@1']);
  });

  it('is a command, with a number of days', async () => {
    assert.equal(await runModelsCommand(['gc', '--unused-days', '1', '--dir', directory]), 0);
    assert.equal((await names()).length, 4);
    assert.equal(await runModelsCommand(['gc', '--unused-days', 'soon', '--dir', directory]), 1);
    assert.equal(await runModelsCommand(['gc', '--dir', inFolder('nowhere')]), 1);
    assert.equal(await runModelsCommand(['gc', '--unused-days', '0', '--dir', directory]), 0);
    assert.deepEqual(await names(), []);
  });

  it('tells a script what the store holds, how sound it is and what would go', async () => {
    const program = path.resolve(import.meta.dirname, '../../zoo/main.js');
    const ask = async (...args: string[]): Promise<Record<string, unknown>> => JSON.parse((await promisify(execFile)(process.execPath, [program, ...args, '--json', '--dir', directory])).stdout) as Record<string, unknown>;
    const listed = (await ask('list'))['models'] as { name: string }[];
    assert.deepEqual(listed.map(({ name }) => name), ['one', 'twin', 'other', 'other']);
    assert.ok(((await ask('verify'))['models'] as { problems: string[] }[]).every(({ problems }) => problems.length === 0));
    const { models, keptCount, isDryRun } = await ask('gc', '--unused-days', '0', '--dry-run');
    assert.deepEqual([(models as unknown[]).length, keptCount, isDryRun], [4, 0, true]);
  });
});
