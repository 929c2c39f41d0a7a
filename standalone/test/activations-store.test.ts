import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { createLogger } from '../../common/logger.ts';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { Activations, type Retention } from '../store/activations.ts';
import { openDatabase, type Database } from '../store/database.ts';
import { NamespaceIndex } from '../store/namespace-index.ts';

const idOf = (number: number): string => number.toString(16).padStart(32, '0');

function record(number: number, start: number, more: Partial<WhiskActivation> = {}): WhiskActivation {
  return {
    namespace: 'guest',
    name: 'hello',
    subject: 'guest',
    activationId: idOf(number),
    start,
    end: start + 1,
    duration: 1,
    response: { statusCode: 0, result: { number } },
    logs: [],
    version: '0.0.1',
    publish: false,
    annotations: [{ key: 'path', value: 'guest/hello' }],
    ...more,
  };
}

describe('the store of activations', () => {
  let folder: string;
  let database: Database;
  let clock: FakeClock;
  let activations: Activations;

  const open = async (retention: Retention = { ageMs: 1_000_000, count: 100 }): Promise<void> => {
    database = await openDatabase(folder);
    activations = await Activations.open({ database, clock, logger: createLogger('test', 'silent'), retention });
  };
  const close = async (): Promise<void> => {
    await activations.close();
    await database.close();
  };
  const listed = async (query = {}, page = { skip: 0, limit: 200 }): Promise<number[]> =>
    (await activations.list('guest', query, page, false)).map((text) => Number.parseInt((JSON.parse(text) as { activationId: string }).activationId, 16));
  const keysLeft = async (): Promise<number> => (await database.keys().all()).length;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'activations-'));
    clock = new FakeClock(10_000);
    await open();
  });
  afterEach(async () => {
    await close();
    await rm(folder, { recursive: true });
  });

  it('shows what was stored before the question, the newest first', async () => {
    for (const number of [1, 2, 3]) activations.store(record(number, 100 + number));
    assert.deepEqual(await listed(), [3, 2, 1]);
    assert.deepEqual(await activations.get('guest', idOf(2)), record(2, 102));
    assert.equal(await activations.get('other', idOf(2)), undefined);
  });

  it('writes what comes within a moment together, by itself and for nobody', async () => {
    for (const number of [1, 2]) activations.store(record(number, 100 + number));
    assert.equal(await keysLeft(), 0, 'nothing is written while others may come');
    clock.advance(50);
    await eventually(async () => (await keysLeft()) === 4, 'the records on disk');
  });

  it('finds by time, by name and by a name in a package', async () => {
    activations.store(record(1, 100));
    activations.store(record(2, 200, { name: 'bye', annotations: [{ key: 'path', value: 'guest/bye' }] }));
    activations.store(record(3, 300, { annotations: [{ key: 'path', value: 'guest/pkg/hello' }] }));
    assert.deepEqual(await listed({ since: 200 }), [3, 2]);
    assert.deepEqual(await listed({ upto: 200 }), [2, 1]);
    assert.deepEqual(await listed({ name: 'hello' }), [1]);
    assert.deepEqual(await listed({ name: 'pkg/hello' }), [3]);
    assert.equal(await activations.count('guest', { since: 150 }), 2);
  });

  it('keeps no more than the count, and the newest', async () => {
    await close();
    await open({ ageMs: 1_000_000, count: 2 });
    for (const number of [1, 2, 3, 4]) activations.store(record(number, 100 + number));
    assert.deepEqual(await listed(), [4, 3]);
    await activations.close();
    assert.equal(await keysLeft(), 4, 'a record and an entry of the list for each');
    assert.equal(await activations.get('guest', idOf(1)), undefined);
  });

  it('keeps nothing beyond its age, whether it is running or not', async () => {
    await close();
    await open({ ageMs: 5000, count: 100 });
    activations.store(record(1, 9000));
    activations.store(record(2, 74_000));
    assert.deepEqual(await listed(), [2, 1]);
    clock.advance(61_000);
    assert.deepEqual(await listed(), [2]);
    await close();
    clock.advance(100_000);
    await open({ ageMs: 5000, count: 100 });
    assert.equal(await keysLeft(), 0);
  });

  it('has the same order after it was opened anew', async () => {
    for (const [number, start] of [[5, 100], [4, 100], [9, 90], [1, 300]] as const) activations.store(record(number, start));
    const before = await listed();
    await close();
    await open();
    assert.deepEqual(before, [1, 5, 4, 9]);
    assert.deepEqual(await listed(), before);
  });
});

describe('the index of a namespace', () => {
  it('pages, counts and drops as a sorted list would, in whichever order records come', () => {
    const entries = fc.uniqueArray(fc.record({ start: fc.nat(20), id: fc.nat(1000).map(idOf), name: fc.constantFrom('a', 'b') }), { selector: ({ id }) => id, maxLength: 40 });
    const query = fc.record({ name: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }), since: fc.option(fc.nat(20), { nil: undefined }), upto: fc.option(fc.nat(20), { nil: undefined }) });
    fc.assert(
      fc.property(entries, query, fc.nat(5), fc.nat(10), fc.nat(20), (added, asked, skip, limit, before) => {
        const index = new NamespaceIndex();
        for (const entry of added) index.add(entry);
        const sorted = [...added].sort((left, right) => left.start - right.start || (left.id < right.id ? -1 : 1));
        const found = sorted.filter(({ name, start }) => (asked.name ?? name) === name && start >= (asked.since ?? 0) && start <= (asked.upto ?? 20)).reverse();
        assert.deepEqual(index.page(asked, { skip, limit }), found.slice(skip, skip + limit));
        assert.equal(index.count(asked), found.length);
        assert.deepEqual(index.takeBefore(before), sorted.filter(({ start }) => start < before));
        assert.equal(index.length, sorted.filter(({ start }) => start >= before).length);
      }),
    );
  });
});
