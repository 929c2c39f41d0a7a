// Ids that are remembered up to a number.
import { strict as assert } from 'node:assert';
import { RecentIds } from '../recent-ids.ts';

describe('recent ids', () => {
  it('are those that were added last, whatever their number', () => {
    const ids = new RecentIds(3);
    const forgotten = Array.from({ length: 10 }, (_, index) => ids.add(String(index)));
    assert.deepEqual(forgotten, [undefined, undefined, undefined, '0', '1', '2', '3', '4', '5', '6']);
    assert.deepEqual(Array.from({ length: 10 }, (_, index) => ids.has(String(index))), [false, false, false, false, false, false, false, true, true, true]);
  });

  it('are counted once each', () => {
    const ids = new RecentIds(2);
    for (const id of ['a', 'a', 'b', 'a']) assert.equal(ids.add(id), undefined);
    assert.equal(ids.add('c'), 'a');
  });
});
