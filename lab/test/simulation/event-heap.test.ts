import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { EventHeap } from '../../simulation/event-heap.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

describe('EventHeap', () => {
  it('gives items back by time, those of one time in the order they went in, however pushes and pops mix', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat({ max: 8 }), fc.constant(undefined)), { maxLength: 80 }), (script) => {
        const heap = new EventHeap<number>();
        let waiting: { at: number; item: number }[] = [];
        script.forEach((at, item) => {
          if (at !== undefined) {
            heap.push(at, item);
            waiting.push({ at, item });
            return;
          }
          const expected = waiting.toSorted((a, b) => a.at - b.at || a.item - b.item)[0];
          const popped = heap.pop();
          assert.deepEqual(popped && { at: popped.at, item: popped.item }, expected);
          waiting = waiting.filter((entry) => entry !== expected && entry.item !== expected?.item);
        });
        assert.equal(heap.size, waiting.length);
      }),
    );
  });

  it('refuses a time that is not a number', () => {
    assert.throws(() => {
      new EventHeap().push(Number.NaN, 1);
    }, RangeError);
  });
});

describe('VirtualClock', () => {
  it('jumps from timer to timer and lets a timer of the past fire now', () => {
    const clock = new VirtualClock(100);
    const seen: number[] = [];
    const note = (): void => {
      seen.push(clock.now());
    };
    clock.setTimer(500, note);
    clock.setTimer(50, note);
    clock.setTimer(200, () => clock.setTimer(300, note));
    const cancel = clock.setTimer(400, note);
    cancel();
    assert.equal(clock.runUntil(() => false), false);
    assert.deepEqual(seen, [100, 300, 500]);
    assert.equal(clock.now(), 500);
  });

  it('stops as soon as it is done', () => {
    const clock = new VirtualClock(0);
    let fired = 0;
    for (const at of [1, 2, 3]) {
      clock.setTimer(at, () => {
        fired += 1;
      });
    }
    assert.equal(clock.runUntil(() => fired === 2), true);
    assert.equal(clock.now(), 2);
  });
});
