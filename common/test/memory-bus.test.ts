import { strict as assert } from 'node:assert';
import { MemoryBus } from '../bus/memory-bus.ts';
import { describeBus } from '../testing/bus-conformance.ts';

describeBus('the in-process bus', () => Promise.resolve(new MemoryBus()));

describe('the in-process bus', () => {
  it('drops the oldest records of a topic that nobody reads, and keeps the newest', async () => {
    const bus = new MemoryBus({ retainedRecords: 10 });
    for (let index = 0; index < 100; index += 1) await bus.publish('t', String(index));
    const values: string[] = [];
    await bus.subscribe({
      topic: 't',
      group: 'late',
      from: 'earliest',
      handle: (record) => {
        values.push(record.value ?? '');
      },
      onError: (error) => {
        throw error;
      },
    });
    await bus.close();
    assert.ok(values.length === 0 || Number(values[0]) >= 80);
    assert.ok(values.length <= 20);
  });

  it('keeps of a compacted topic the newest record of each key, and no tombstone that everybody has read', async () => {
    const bus = new MemoryBus({ retainedRecords: 10 });
    await bus.ensureTopic('t', { compacted: true });
    await bus.publish('t', 'gone soon', 'short-lived');
    await bus.publish('t', null, 'short-lived');
    for (let index = 0; index < 100; index += 1) await bus.publish('t', String(index), `key${index % 3}`);
    const newest = new Map<string | null, string | null>();
    let read = 0;
    const subscription = await bus.subscribe({
      topic: 't',
      from: 'earliest',
      handle: (record) => {
        read += 1;
        newest.set(record.key, record.value);
      },
      onError: (error) => {
        throw error;
      },
    });
    while ((await subscription.lag()) > 0) await new Promise((resolve) => setImmediate(resolve));
    await bus.close();
    assert.deepEqual(Object.fromEntries(newest), { key0: '99', key1: '97', key2: '98' });
    assert.ok(read <= 20, `${read} records kept`);
  });
});
