import { strict as assert } from 'node:assert';
import { MemoryBus } from '../bus/memory-bus.ts';
import { describeBus } from '../testing/bus-conformance.ts';

describeBus('the in-process bus', () => Promise.resolve(new MemoryBus()));

describe('the in-process bus', () => {
  it('drops the oldest records of a topic that nobody reads, and keeps the newest', async () => {
    const bus = new MemoryBus(10);
    for (let index = 0; index < 100; index += 1) await bus.publish('t', String(index));
    const values: string[] = [];
    await bus.subscribe({
      topic: 't',
      group: 'late',
      from: 'earliest',
      handle: (record) => {
        values.push(record.value);
      },
      onError: (error) => {
        throw error;
      },
    });
    await bus.close();
    assert.ok(values.length === 0 || Number(values[0]) >= 80);
    assert.ok(values.length <= 20);
  });
});
