// What counts as a use of a model, and that it is kept.
import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { actionDocument } from '../../common/testing/action-documents.ts';
import type { ActionDocument } from '../../common/action-document.ts';
import { actionKeyOf } from '../../common/action-identity.ts';
import { createLogger } from '../../common/logger.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import { readUses, usesFileName } from '../../runtime/model-store/model-uses.ts';
import { modelStoreUse, type ModelStoreUse } from '../model-store-use.ts';

const keyOf = (name: string): string => actionKeyOf(`guest/${name}`);
const deployed = (name: string, preload: unknown): ActionDocument => actionDocument(name, { annotations: { preload } });
const called = { type: 'startActivation', activationId: 'a', containerId: 'c1', actionKey: keyOf('called'), startType: 'warm', clean: 'none', init: false } as const;
const loaded = { type: 'load', containerId: 'c1', actionKey: keyOf('loaded'), reason: 'deployed' } as const;
const offloaded = { type: 'offload', containerId: 'c1', actionKey: keyOf('idle'), reason: 'asked' } as const;
const created = { type: 'createContainer', containerId: 'c2', memoryLimitBytes: 1, reason: 'stem-cell' } as const;

describe('the use of a model', () => {
  const clock = new FakeClock(1000);
  const logger = createLogger('test', 'silent');
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'model-uses-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const start = (store = directory): ModelStoreUse => {
    const use = modelStoreUse(store, clock, logger);
    use.estimate(deployed('called', { models: [{ name: 'a', store: 'one@1' }] }));
    use.estimate(deployed('loaded', { pipelines: [{ name: 'b', store: 'painter' }], models: [{ name: 'own', path: 'own.onnx' }] }));
    use.estimate(deployed('idle', { models: [{ name: 'c', store: 'twin@1' }] }));
    use.estimate(deployed('none', 'wrong'));
    return use;
  };

  it('cannot be read ahead without a path to the store, which is said once and only where models come from one', () => {
    const logged: string[] = [];
    const use = modelStoreUse(undefined, clock, pino({ level: 'info' }, { write: (line: string) => logged.push(line) }));
    assert.equal(use.fileReader, undefined);
    use.estimate(deployed('own', { models: [{ name: 'a', path: 'own.onnx' }] }));
    assert.deepEqual(logged, []);
    for (const name of ['one', 'two']) use.estimate(deployed(name, { models: [{ name: 'a', store: 'one@1' }] }));
    assert.equal(logged.length, 1);
    assert.match(logged[0] ?? '', /not read ahead.*--model-store/);
  });

  it('is a call, and a load ahead of one; it is written within a minute, and beside what others have written', async () => {
    await writeFile(path.join(directory, usesFileName), JSON.stringify({ formatVersion: 1, usedAt: { 'other@2': 5 } }));
    const use = start();
    use.observe([called, loaded, offloaded, created, { ...called, actionKey: keyOf('none') }]);
    assert.deepEqual(await readUses(directory), { 'other@2': 5 });
    const at = clock.now();
    clock.advance(60_000);
    await eventually(async () => (await readUses(directory))['one@1'] !== undefined, 'the uses are written');
    assert.deepEqual(await readUses(directory), { 'other@2': 5, 'one@1': at, painter: at });
    await use.close();
  });

  it('is written at the end too, and nothing where nothing was used', async () => {
    const use = start();
    await use.close();
    assert.deepEqual(await readUses(directory), {});
    use.observe([called]);
    await use.close();
    assert.deepEqual(Object.keys(await readUses(directory)), ['one@1']);
    assert.deepEqual(await readdir(directory), [usesFileName]);
  });

  it('is not kept in a store that is not there, and nobody is troubled by it', async () => {
    const nowhere = path.join(directory, 'nowhere');
    const use = start(nowhere);
    use.observe([called]);
    await use.close();
    assert.ok(!existsSync(nowhere));
  });

  it('is not kept where there is no store at all', async () => {
    const use = modelStoreUse(undefined, clock, logger);
    assert.ok(use.estimate(deployed('called', { models: [{ name: 'a', store: 'one@1' }] })).loadMs > 0);
    use.observe([called]);
    await use.close();
  });
});
