// Models that are mapped out of the shared store: held once by all containers, and larger than the container they serve
// from.
import { strict as assert } from 'node:assert';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { defaultStoreDirectory } from '../../actions/zoo/default-directory.ts';
import { DrivenRuntime } from '../testing/driven-runtime.ts';
import { weightsFileName, writeMappedStore } from '../testing/mapped-model.ts';
import { MemoryGroup } from '../testing/memory-group.ts';

const megabyte = 2 ** 20;

/** An action that infers once, on inputs of the shapes that the model asks for. */
const inferenceCode = (model: string): string => `
  const { model } = require('instainfer');
  const { Tensor } = require('onnxruntime-node');
  async function main() {
    const session = await model(${JSON.stringify(model)});
    const feeds = Object.fromEntries(session.inputMetadata.map(({ name, shape }) => [name, new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)]));
    const results = await session.run(feeds);
    return { pid: process.pid, numbers: results[session.outputNames[0]].data.length };
  }`;

/** Resident and proportional bytes of one file's mappings in a process. */
function mappingOf(pid: number, file: string): { residentBytes: number; proportionalBytes: number } {
  const sections = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/).filter((section) => section.split('\n')[0]?.endsWith(file));
  const sum = (key: string): number => sections.reduce((bytes, section) => bytes + 1024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(section)?.[1] ?? 0), 0);
  return { residentBytes: sum('Rss'), proportionalBytes: sum('Pss') };
}

function proportionalBytesOf(pid: number): number {
  return 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
}

function makeStore(weightBytes: number): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'mapped-store-'));
  // Slots may have users of their own.
  chmodSync(directory, 0o755);
  writeMappedStore(directory, weightBytes);
  return directory;
}

describe('a model that two containers hold', function () {
  this.timeout(120_000);
  const weightBytes = 64 * megabyte;
  let storeDir: string;
  let containers: DrivenRuntime[] = [];
  before(async () => {
    storeDir = makeStore(weightBytes);
    containers = await Promise.all([1, 2].map(() => DrivenRuntime.start({ INSTAINFER_MODEL_STORE: storeDir })));
  });
  after(async () => {
    await Promise.all(containers.map((container) => container.stop()));
    rmSync(storeDir, { recursive: true, force: true });
  });

  it('costs one copy: each sees all of the weights, and both together are charged for them once', async () => {
    const pids: number[] = [];
    for (const container of containers) {
      const { residentBytes } = await container.loaded('large');
      assert.ok(residentBytes < weightBytes, `${residentBytes} private bytes`);
      await container.initialised('large', inferenceCode('large'));
      pids.push((await container.result())['pid'] as number);
    }
    const mappings = pids.map((pid) => mappingOf(pid, weightsFileName));
    for (const { residentBytes } of mappings) assert.ok(residentBytes > 0.95 * weightBytes, `${residentBytes} bytes mapped`);
    const together = mappings.reduce((sum, { proportionalBytes }) => sum + proportionalBytes, 0);
    assert.ok(together < 1.05 * weightBytes, `${together} bytes together`);
    // The whole processes, their libraries and heaps included, stay below two copies of the weights alone.
    const processes = pids.reduce((sum, pid) => sum + proportionalBytesOf(pid), 0);
    assert.ok(processes < 2 * weightBytes + 60 * megabyte, `${processes} proportional bytes`);
  });
});

describe('a container of 256 MB', function () {
  this.timeout(240_000);
  const limitBytes = 256 * megabyte;
  /** VGG-19's weights, in bytes. */
  const vgg19Bytes = 574_671_192;

  async function assertServes(storeDir: string, model: string): Promise<void> {
    const group = MemoryGroup.make(limitBytes);
    if (typeof group === 'string') throw new Error(group);
    const driven = await DrivenRuntime.start({ INSTAINFER_MODEL_STORE: storeDir }, undefined, group.enterCommand);
    try {
      const { residentBytes, memory } = await driven.loaded(model);
      assert.ok(memory.limitBytes <= limitBytes && residentBytes < 100 * megabyte, JSON.stringify({ residentBytes, memory }));
      assert.equal(await driven.initialised(model, inferenceCode(model)), 'resident');
      for (let run = 0; run < 2; run++) assert.ok(((await driven.result())['numbers'] as number) >= 1000);
      assert.equal(group.oomKills, 0);
      // Weights are page cache: they are no reason to give anything up.
      await driven.blankSlot();
      assert.ok((await driven.status()).memory.usedBytes < 200 * megabyte);
    } finally {
      await driven.stop();
      await group.remove();
    }
  }

  before(function () {
    const made = MemoryGroup.make(limitBytes);
    if (typeof made !== 'string') return made.remove();
    console.log(`      skipped: ${made}`);
    this.skip();
  });

  it('serves a model of the size of VGG-19: 575 MB of weights', async () => {
    const storeDir = makeStore(vgg19Bytes);
    try {
      await assertServes(storeDir, 'large');
    } finally {
      rmSync(storeDir, { recursive: true, force: true });
    }
  });

  it('serves VGG-19 itself, where the zoo has been built', async function () {
    const zooDir = defaultStoreDirectory('full');
    const hasForm = existsSync(path.join(zooDir, 'vgg19')) && readdirSync(path.join(zooDir, 'vgg19')).some((name) => name.startsWith('form-'));
    if (!hasForm) {
      console.log('      skipped: no VGG-19 (npm run models -- build --only vgg19)');
      this.skip();
    }
    await assertServes(zooDir, 'vgg19');
  });
});
