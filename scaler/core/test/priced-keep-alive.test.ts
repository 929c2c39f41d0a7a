import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { createInstanceUse, keepAliveSecondsOf, noteIdle, noteRequest, pricesOf } from '../priced-keep-alive.ts';

const near = (actual: number | undefined, expected: number): void => {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
};

describe('the keep-alive that the Scaler score pays for', () => {
  it('prices memory and scheduling by the derivatives of the score', () => {
    const prices = pricesOf({ runGibSeconds: 100, heldGibSeconds: 1000, runSeconds: 200, scheduleSeconds: 50 });
    near(prices?.perGibSecond, 0.005);
    near(prices?.perScheduleSecond, 0.16);
  });

  it('has no prices before anything ran', () => {
    assert.equal(pricesOf({ runGibSeconds: 0, heldGibSeconds: 5, runSeconds: 0, scheduleSeconds: 0 }), undefined);
  });

  it('keeps as long as the last reuse that was worth it, and a tenth more', () => {
    const use = { reusedAfterSeconds: [100, 5, 6], idleSinceSeconds: [] };
    const application = { memoryGib: 1, startSeconds: 2 };
    near(keepAliveSecondsOf(use, application, { perGibSecond: 0.01, perScheduleSecond: 0.5 }, 0), 110);
    near(keepAliveSecondsOf(use, application, { perGibSecond: 0.02, perScheduleSecond: 0.5 }, 0), 6.6);
    near(keepAliveSecondsOf(use, application, { perGibSecond: 1, perScheduleSecond: 0.5 }, 0), 0);
  });

  it('says nothing with fewer than three reuses', () => {
    assert.equal(keepAliveSecondsOf({ reusedAfterSeconds: [1, 2], idleSinceSeconds: [] }, { memoryGib: 1, startSeconds: 1 }, { perGibSecond: 1, perScheduleSecond: 1 }, 0), undefined);
  });

  it('counts the instance that was idle last as the one that is used', () => {
    const use = createInstanceUse();
    noteRequest(use, 0);
    noteIdle(use, 1);
    noteIdle(use, 4);
    noteRequest(use, 10);
    assert.deepEqual(use, { reusedAfterSeconds: [6], idleSinceSeconds: [1] });
  });

  it('never costs more than any other window', () => {
    const seconds = fc.double({ min: 0.01, max: 1000, noNaN: true });
    fc.assert(
      fc.property(fc.array(seconds, { minLength: 3, maxLength: 30 }), fc.array(seconds, { maxLength: 5 }), seconds, seconds, (reused, ages, price, other) => {
        const at = 2000;
        const costOf = (window: number): number => reused.reduce((sum, gap) => sum + price * Math.min(gap, window) + (gap > window ? 1 : 0), 0) + ages.reduce((sum, age) => sum + price * Math.min(age, window), 0);
        const chosen = keepAliveSecondsOf({ reusedAfterSeconds: reused, idleSinceSeconds: ages.map((age) => at - age) }, { memoryGib: 1, startSeconds: 1 }, { perGibSecond: price, perScheduleSecond: 1 }, at);
        assert.ok(chosen !== undefined);
        // Rounding of the margin must not fall below the gap that was chosen.
        assert.ok(costOf((chosen / 1.1) * (1 + 1e-12)) <= costOf(other) * (1 + 1e-6) + 1e-6);
      }),
    );
  });
});
