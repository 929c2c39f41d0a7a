// The least that has to go, against every way of choosing.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { cheapestCover, type Coverable } from '../cheapest-cover.ts';

const item = (bytes: number, costMs: number): Coverable => ({ bytes, costMs });

/** The least cost of those that free enough, by trying all. */
function leastCostMs(items: readonly Coverable[], neededBytes: number): number {
  let least = Infinity;
  for (let choice = 0; choice < 2 ** items.length; choice += 1) {
    const chosen = items.filter((_, index) => (choice >> index) % 2 === 1);
    const bytes = chosen.reduce((sum, each) => sum + each.bytes, 0);
    if (bytes >= neededBytes) least = Math.min(least, chosen.reduce((sum, each) => sum + each.costMs, 0));
  }
  return least;
}

describe('the cheapest cover', () => {
  it('is that of the worked example', () => {
    assert.deepEqual(cheapestCover([item(100, 1), item(300, 5), item(250, 3)], 300, 10), { chosen: [0, 2], costMs: 4 });
  });

  it('is none where it would cost too much, or nothing is enough', () => {
    assert.equal(cheapestCover([item(100, 5)], 100, 4), undefined);
    assert.equal(cheapestCover([item(100, 5)], 101, 10), undefined);
  });

  it('is nothing where nothing is needed', () => {
    assert.deepEqual(cheapestCover([item(100, 5)], 0, 4), { chosen: [], costMs: 0 });
  });

  it('costs what the cheapest of all ways costs', () => {
    const items = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 100 }), costMs: fc.integer({ min: 0, max: 50 }) }), { maxLength: 8 });
    fc.assert(
      fc.property(items, fc.nat({ max: 300 }), fc.nat({ max: 200 }), (given, neededBytes, mostMs) => {
        const leastMs = leastCostMs(given, neededBytes);
        const found = cheapestCover(given, neededBytes, mostMs);
        assert.equal(found?.costMs, leastMs <= mostMs ? leastMs : undefined);
        assert.ok(found === undefined || found.chosen.reduce((sum, index) => sum + (given[index]?.bytes ?? 0), 0) >= neededBytes);
      }),
    );
  });
});
