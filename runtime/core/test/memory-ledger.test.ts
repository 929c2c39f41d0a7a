import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { chooseOffloads, countedBytes, memoryReport, type LedgerEntry } from '../memory-ledger.ts';

const entry = (phase: LedgerEntry['phase'], measuredBytes: number, reservedBytes = 0): LedgerEntry => ({ id: 1, phase, measuredBytes, reservedBytes });

describe('the memory ledger', () => {
  it('counts a load under way with its prediction until it has outgrown it', () => {
    assert.equal(countedBytes(entry('reserved', 10, 100)), 100);
    assert.equal(countedBytes(entry('reserved', 120, 100)), 120);
  });

  it('counts what is being released until it is gone', () => {
    assert.equal(countedBytes(entry('releasing', 70)), 70);
  });

  it('adds the proxy to its slots, and never reports less than nothing free', () => {
    assert.deepEqual(memoryReport([entry('resident', 30), entry('reserved', 5, 20)], 10, 100), { limitBytes: 100, usedBytes: 60, freeBytes: 40 });
    assert.deepEqual(memoryReport([entry('resident', 300)], 10, 100), { limitBytes: 100, usedBytes: 310, freeBytes: 0 });
  });
});

describe('off-loading under pressure', () => {
  it('takes the least recently useful first and stops when that is enough', () => {
    const candidates = [
      { id: 1, bytes: 50, lastUsefulAt: 30 },
      { id: 2, bytes: 50, lastUsefulAt: 10 },
      { id: 3, bytes: 50, lastUsefulAt: 20 },
    ];
    assert.deepEqual(chooseOffloads(candidates, 60), [2, 3]);
    assert.deepEqual(chooseOffloads(candidates, 0), []);
    assert.deepEqual(chooseOffloads(candidates, 1000), [2, 3, 1]);
  });

  it('frees enough whenever all together would, and without its last victim it would not', () => {
    const candidate = fc.record({ bytes: fc.integer({ min: 1, max: 1000 }), lastUsefulAt: fc.integer({ min: 0, max: 50 }) });
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 20 }), fc.integer({ min: -100, max: 20_000 }), (drawn, excessBytes) => {
        const candidates = drawn.map((fields, id) => ({ id, ...fields }));
        const victims = chooseOffloads(candidates, excessBytes);
        const bytesOf = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + (candidates[id]?.bytes ?? 0), 0);
        const allBytes = bytesOf(candidates.map(({ id }) => id));
        assert.ok(bytesOf(victims) >= Math.min(excessBytes, allBytes));
        if (victims.length > 0) assert.ok(bytesOf(victims.slice(0, -1)) < excessBytes);
        assert.equal(new Set(victims).size, victims.length);
      }),
    );
  });
});
