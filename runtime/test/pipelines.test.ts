import { strict as assert } from 'node:assert';
import { chmodSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { eventually } from '../../common/testing/eventually.ts';
import type { LoadedArtifact, LoadReply, OffloadReply } from '../protocol.ts';
import { assertExtensionError, DrivenRuntime, phaseOf, slotOf } from '../testing/driven-runtime.ts';
import { writeTinyPipeline } from '../testing/tiny-pipeline.ts';

const code = `
  const { pipeline } = require('instainfer');
  async function main({ prompt = 'a cat', ...options }) {
    const painter = await pipeline('painter');
    const { png, warnings, seed, timings } = await painter.generate({ prompt, seed: 1, steps: 2, ...options });
    return { png: png.toString('base64'), warnings, seed, timings };
  }`;

const artifacts = { models: [], libraries: [], pipelines: [{ name: 'painter', store: 'painter' }] };
const ballastBytes = 64e6;
const externalBytes = 500e6;

describe('a pipeline in the runtime', function () {
  this.timeout(60_000);
  let driven: DrivenRuntime;

  before(async () => {
    driven = await DrivenRuntime.start({ INSTAINFER_MEMORY_LIMIT_BYTES: String(512 * 2 ** 20) });
    const folder = path.join(driven.storeDir, 'painter');
    await writeTinyPipeline(folder, { unetBallastBytes: ballastBytes });
    await writeTinyPipeline(path.join(driven.storeDir, 'broken'));
    rmSync(path.join(driven.storeDir, 'broken/vae_decoder/model.onnx'));
    await writeTinyPipeline(path.join(driven.storeDir, 'unfitting'), { unetFeatures: 12 });
    await writeTinyPipeline(path.join(driven.storeDir, 'huge'));
    // External data of which nothing is read: it is refused by its size.
    const data = path.join(driven.storeDir, 'huge/unet/model.onnx_data');
    writeFileSync(data, '');
    truncateSync(data, externalBytes);
    chmodSync(folder, 0o755);
  });

  after(() => driven.stop());
  beforeEach(async () => {
    await driven.reset();
    await driven.blankSlot();
  });

  const load = (name = 'painter'): ReturnType<DrivenRuntime['load']> => driven.load('painter', { artifacts: { ...artifacts, pipelines: [{ name, store: name }] } });
  const loaded = async (): Promise<LoadReply> => {
    const reply = await load();
    assert.equal(reply.status, 200, reply.text);
    return reply.json as LoadReply;
  };
  const pipelineOf = async (): Promise<LoadedArtifact> => {
    const found = (await driven.status()).slots[0]?.artifacts.find(({ kind }) => kind === 'pipeline');
    assert.ok(found);
    return found;
  };
  const residentParts = ({ parts = [] }: LoadedArtifact): string[] => parts.filter(({ resident }) => resident).map(({ name }) => name);

  it('is one artifact of three parts, each with what it holds', async () => {
    const reply = await loaded();
    const pipeline = await pipelineOf();
    assert.deepEqual(reply.artifacts.map(({ name, kind }) => [name, kind]), [['painter', 'pipeline']]);
    assert.deepEqual(residentParts(pipeline), ['text_encoder', 'unet', 'vae_decoder']);
    const unet = pipeline.parts?.find(({ name }) => name === 'unet');
    assert.ok(unet && unet.bytes > ballastBytes * 0.9 && unet.fileBytes > ballastBytes, JSON.stringify(pipeline));
    assert.equal(pipeline.bytes, pipeline.parts?.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it('answers at once where it was loaded ahead, and with the same picture where it was not', async () => {
    await loaded();
    assert.equal(await driven.initialised('painter', code), 'resident');
    const preloaded = await driven.run();
    assert.equal(preloaded.status, 200, preloaded.text);
    assert.ok(phaseOf(preloaded, 'load') < 50, `${phaseOf(preloaded, 'load')} ms of loading`);
    const { png } = preloaded.json as { png: string };
    const { width, height } = await sharp(Buffer.from(png, 'base64')).metadata();
    assert.deepEqual([width, height], [128, 128]);

    await driven.reset();
    const init = await driven.init('painter', code);
    assert.notEqual(slotOf(init), 'resident');
    const onPath = await driven.run();
    assert.ok(phaseOf(onPath, 'load') > phaseOf(preloaded, 'load'));
    assert.equal((onPath.json as { png: string }).png, png);
  });

  it('gives its largest part up alone, and gets back what it gave', async () => {
    await loaded();
    const { freedBytes }: OffloadReply = await driven.offloaded({ action: 'guest/painter', parts: ['painter/unet', 'painter/none', 'other/unet'] });
    assert.ok(freedBytes > ballastBytes * 0.9, `${freedBytes} bytes came back`);
    const without = await pipelineOf();
    assert.deepEqual(residentParts(without), ['text_encoder', 'vae_decoder']);
    const kept = ({ parts = [] }: LoadedArtifact): unknown => parts.filter(({ name }) => name !== 'unet');

    const { slots } = await driven.status();
    await loaded();
    const after = await driven.status();
    assert.equal(after.slots.length, 1);
    assert.ok((after.slots[0]?.ageMs ?? 0) > (slots[0]?.ageMs ?? Infinity), 'the same slot');
    assert.deepEqual(residentParts(await pipelineOf()), ['text_encoder', 'unet', 'vae_decoder']);
    assert.deepEqual(kept(await pipelineOf()), kept(without), 'what stayed was not loaded again');
  });

  it('loads a part that is missing when a call needs it', async () => {
    await loaded();
    await driven.offloaded({ action: 'guest/painter', parts: ['painter/unet'] });
    assert.equal(await driven.initialised('painter', code), 'resident');
    const { png } = (await driven.result()) as { png: string };
    assert.ok(png.length > 0);
    assert.deepEqual(residentParts(await pipelineOf()), ['text_encoder', 'unet', 'vae_decoder']);
  });

  it('is not loaded a second time beside a frozen slot that lacks a part', async () => {
    await loaded();
    await driven.offloaded({ action: 'guest/painter', parts: ['painter/unet'] });
    await driven.initialised('painter', 'function main() { return {}; }');
    assert.equal((await driven.clean(true)).status, 200);
    await loaded();
    assert.deepEqual((await driven.status()).slots.map(({ action, state }) => [action, state]), [['guest/painter', 'retained']]);
  });

  it('loses the part that saves least for its bytes when memory is short, and keeps the rest', async () => {
    // What goes is decided by times that were measured; where another program had a part in them, they are measured anew.
    await eventually(
      async () => {
        await loaded();
        const [slot] = (await driven.status()).slots;
        const pipeline = await pipelineOf();
        const unet = pipeline.parts?.find(({ name }) => name === 'unet');
        const isLeast = unet!.loadMs / unet!.bytes < (0.95 * pipeline.loadMs) / slot!.residentBytes;
        if (!isLeast) {
          await driven.reset();
          await driven.blankSlot();
        }
        return isLeast;
      },
      'the UNet saves least for its bytes',
      40_000,
    );
    const { memory } = await driven.status();
    // An action of the same namespace that takes so much that the UNet has to go, and so slowly that no more is foreseen.
    const greedyBytes = Math.round(memory.freeBytes - memory.limitBytes * 0.05 + ballastBytes / 4);
    await driven.initialised(
      'greedy',
      `const held = [];
      async function main({ bytes }) {
        for (let heldBytes = 0; heldBytes < bytes; heldBytes += 1e6) {
          held.push(Buffer.alloc(1e6, 1));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        return new Promise((resolve) => setTimeout(() => resolve({ held: held.length }), 1500));
      }`,
    );
    await driven.result({ bytes: greedyBytes });
    const slot = (await driven.status()).slots.find(({ action }) => action === 'guest/painter');
    assert.deepEqual(slot?.artifacts.map(residentParts), [['text_encoder', 'vae_decoder']]);
  });

  it('says what cannot be asked of it, and goes on', async () => {
    await driven.initialised('painter', code);
    const wrong = await driven.run({ width: 100 });
    assert.match(wrong.text, /multiple of 16/);
    const { warnings } = (await driven.result({ prompt: 'cat '.repeat(100) })) as { warnings: string[] };
    assert.match(warnings.join(), /last 25 tokens were left out/);
  });

  it('stops computing when its activation is out of time', async () => {
    await driven.initialised('painter', code);
    const reply = await driven.runtime.call('POST', '/run', { value: { steps: 900, width: 512, height: 512 }, deadline: String(Date.now() + 300) });
    assert.match(reply.text, /its time was over/);
    assert.equal((await driven.run()).status, 200);
  });

  for (const [name, named] of [
    ['broken', /vae_decoder\/model\.onnx .* is missing/],
    ['unfitting', /text_encoder and unet do not fit: 8 and 12/],
    ['nowhere', /no pipeline nowhere/],
    ['../painter', /no pipeline \.\.\/painter/],
  ] as const) {
    it(`that is ${name} cannot be loaded, and its error says why`, async () => {
      assert.match(assertExtensionError(await load(name), 422, 'artifact').error, named);
      assert.deepEqual((await driven.status()).slots, []);
    });
  }

  it('that needs more memory than there is is refused before it is loaded, with the numbers', async () => {
    const startedAt = performance.now();
    const { predictedBytes = 0, memory } = assertExtensionError(await load('huge'), 507, 'memory');
    assert.ok(predictedBytes > externalBytes * 1.2 && (memory?.freeBytes ?? Infinity) < 5.4e8);
    assert.ok(performance.now() - startedAt < 5000);
    await driven.initialised('huge', code.replace("'painter'", "'huge'"));
    const reply = await driven.run();
    const [, neededBytes] = /Loading .*unet.* needs about (\d+) bytes; \d+ of 536870912 are free/.exec(reply.text) ?? [];
    assert.ok(Number(neededBytes) > externalBytes * 1.2, reply.text);
  });
});
