import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { chooseOffloads, countedBytes, memoryReport, type LedgerEntry, type Offloadable } from '../memory-ledger.ts';

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

const mebibytes = 2 ** 20;

describe('the control groups around a container', () => {
  const entries = [entry('resident', 100 * mebibytes), entry('reserved', 10 * mebibytes, 40 * mebibytes)];
  const own = memoryReport(entries, 20 * mebibytes, 256 * mebibytes);

  it('count where they are closer to their limit than the container to its own', () => {
    assert.equal(own.usedBytes, 160 * mebibytes);
    // The group sees 20 MB more than the ledger, and knows nothing of the 30 MB that are promised.
    const group = { limitBytes: 256 * mebibytes, usedBytes: 150 * mebibytes };
    assert.equal(memoryReport(entries, 20 * mebibytes, 256 * mebibytes, [group]).usedBytes, 180 * mebibytes);
  });

  it('do not count where they have more room, or no limit', () => {
    const groups = [
      { limitBytes: 1024 * mebibytes, usedBytes: 500 * mebibytes },
      { limitBytes: Infinity, usedBytes: 9000 * mebibytes },
    ];
    assert.deepEqual(memoryReport(entries, 20 * mebibytes, 256 * mebibytes, groups), own);
  });

  it('may be the ones around the own group', () => {
    const around = { limitBytes: 1024 * mebibytes, usedBytes: 1000 * mebibytes };
    const report = memoryReport([], 0, 256 * mebibytes, [{ limitBytes: 256 * mebibytes, usedBytes: 0 }, around]);
    assert.deepEqual(report, { ...around, freeBytes: 24 * mebibytes });
  });
});

const offloadable = (fields: Partial<Offloadable>): Offloadable => ({ id: 1, kind: 'resident', bytes: 50, loadMs: 100, idleMs: 100, ...fields });

const offloadedIds = (candidates: readonly Offloadable[], excessBytes: number): number[] => chooseOffloads(candidates, excessBytes).map(({ id }) => id);

describe('off-loading under pressure', () => {
  it('takes blank slots first, then retained ones, then artifacts, then loads under way', () => {
    const candidates = (['loading', 'resident', 'retained', 'blank'] as const).map((kind, id) => offloadable({ id, kind }));
    assert.deepEqual(offloadedIds(candidates, Infinity), [3, 2, 1, 0]);
  });

  it('takes of artifacts those that save least for their bytes, by how long nobody has used them', () => {
    const longUnused = offloadable({ id: 1, idleMs: 10_000 });
    const quicklyLoaded = offloadable({ id: 2, loadMs: 10 });
    const large = offloadable({ id: 3, bytes: 150 });
    const valuable = offloadable({ id: 4 });
    assert.deepEqual(offloadedIds([valuable, large, quicklyLoaded, longUnused], Infinity), [1, 2, 3, 4]);
  });

  it('stops when that is enough', () => {
    const candidates = [30, 10, 20].map((idleMs, index) => offloadable({ id: index + 1, idleMs }));
    assert.deepEqual(offloadedIds(candidates, 60), [1, 3]);
    assert.deepEqual(offloadedIds(candidates, 0), []);
    assert.deepEqual(offloadedIds(candidates, 1000), [1, 3, 2]);
  });

  it('frees enough whenever all together would, and without its last victim it would not', () => {
    const drawnCandidate = fc.record({
      kind: fc.constantFrom(...(['blank', 'retained', 'resident', 'loading'] as const)),
      bytes: fc.integer({ min: 1, max: 1000 }),
      loadMs: fc.integer({ min: 0, max: 500 }),
      idleMs: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(drawnCandidate, { maxLength: 20 }), fc.integer({ min: -100, max: 20_000 }), (drawn, excessBytes) => {
        const candidates = drawn.map((fields, id) => ({ id, ...fields }));
        const victims = offloadedIds(candidates, excessBytes);
        const bytesOf = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + (candidates[id]?.bytes ?? 0), 0);
        const allBytes = bytesOf(candidates.map(({ id }) => id));
        assert.ok(bytesOf(victims) >= Math.min(excessBytes, allBytes));
        if (victims.length > 0) assert.ok(bytesOf(victims.slice(0, -1)) < excessBytes);
        assert.equal(new Set(victims).size, victims.length);
      }),
    );
  });

  it('takes the part that saves least for its bytes, and leaves the rest of its slot', () => {
    const parts = [
      { name: 'sd/text_encoder', bytes: 20, loadMs: 60 },
      { name: 'sd/unet', bytes: 400, loadMs: 100 },
      { name: 'sd/vae_decoder', bytes: 30, loadMs: 80 },
    ];
    const pipeline = offloadable({ id: 7, bytes: 460, loadMs: 240, parts });
    assert.deepEqual(chooseOffloads([pipeline], 100), [{ id: 7, part: 'sd/unet' }]);
    assert.deepEqual(chooseOffloads([pipeline], 440), [{ id: 7, part: undefined }]);
    const worthless = offloadable({ id: 8, bytes: 100, loadMs: 1 });
    assert.deepEqual(chooseOffloads([pipeline, worthless], 100), [{ id: 8, part: undefined }]);
  });

  it('never takes a part beside its own slot, whatever the parts', () => {
    const drawnPart = fc.record({ name: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 1, max: 300 }), loadMs: fc.integer({ min: 0, max: 500 }) });
    const drawnSlot = fc.record({ loadMs: fc.integer({ min: 0, max: 500 }), parts: fc.uniqueArray(drawnPart, { maxLength: 3, selector: ({ name }) => name }) });
    fc.assert(
      fc.property(fc.array(drawnSlot, { maxLength: 6 }), fc.integer({ min: 1, max: 3000 }), (drawn, excessBytes) => {
        const candidates = drawn.map(({ loadMs, parts }, id) => offloadable({ id, loadMs, parts, bytes: 40 + parts.reduce((sum, { bytes }) => sum + bytes, 0) }));
        const victims = chooseOffloads(candidates, excessBytes);
        const bytesOf = ({ id, part }: { id: number; part: string | undefined }): number => (part === undefined ? candidates[id]?.bytes : candidates[id]?.parts?.find(({ name }) => name === part)?.bytes) ?? 0;
        const freedBytes = victims.reduce((sum, victim) => sum + bytesOf(victim), 0);
        assert.ok(freedBytes >= Math.min(excessBytes, candidates.reduce((sum, { bytes }) => sum + bytes, 0)));
        for (const { id, part } of victims) assert.ok(part === undefined || !victims.some((other) => other.id === id && other.part === undefined));
      }),
    );
  });
});
