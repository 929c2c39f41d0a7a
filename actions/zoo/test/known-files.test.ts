import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readManifest } from '../../../runtime/model-store/manifest.ts';
import { buildZoo } from '../build-zoo.ts';
import { KnownFiles } from '../known-files.ts';
import { requireSound, verifyStore } from '../verify-store.ts';

describe('the check of a store before it is used', function () {
  this.timeout(60_000);
  let directory: string;
  let plain: string;

  before(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'known-files-'));
    await buildZoo({ directory, size: 'small', models: ['resnet18'] });
    const { models } = await readManifest(directory);
    plain = path.join(directory, models[0]?.plain.path ?? '');
  });
  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  const problems = async (): Promise<string[]> => (await verifyStore(directory, undefined, await KnownFiles.open(directory))).flatMap((model) => model.problems);
  const flipByte = (): void => {
    const bytes = readFileSync(plain);
    bytes[1000] = (bytes[1000] ?? 0) ^ 0xff;
    writeFileSync(plain, bytes);
  };

  it('finds a store sound, and again without reading it', async () => {
    // A whole second, which utimes can set again exactly.
    utimesSync(plain, 1_000_000_000, 1_000_000_000);
    assert.deepEqual(await problems(), []);
    flipByte();
    utimesSync(plain, 1_000_000_000, 1_000_000_000);
    assert.deepEqual(await problems(), []);
    assert.equal((await verifyStore(directory)).flatMap((model) => model.problems).length, 1);
    flipByte();
  });

  it('finds a single byte that changed, and says how to mend it', async () => {
    assert.deepEqual(await problems(), []);
    flipByte();
    const verified = await verifyStore(directory, undefined, await KnownFiles.open(directory));
    assert.throws(() => requireSound(verified), /resnet18\.onnx has another SHA-256/);
    flipByte();
    assert.deepEqual(await problems(), []);
  });

  it('reads everything again when its memory is damaged', async () => {
    writeFileSync(path.join(directory, 'verified.json'), '{"half');
    assert.deepEqual(await problems(), []);
  });
});
