// Calls by a timetable, against worked numbers and laws.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { createRandom } from '../../../common/random.ts';
import { noteCall, noTimetable, timetableSpreadMs, type Timetable } from '../timetable-model.ts';

const minute = 60_000;

function timetableOf(callsAt: readonly number[]): Timetable {
  const timetable = noTimetable();
  for (const [index, at] of callsAt.entries()) if (index > 0) noteCall(timetable, at - (callsAt[index - 1] ?? 0));
  return timetable;
}
function near(actual: number, expected: number, within: number): void {
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not within ${within} of ${expected}`);
}
/** Calls that are each early or late by up to a tenth of a minute, and by themselves. */
function jitteryMinutes(seed: number, count: number): number[] {
  const random = createRandom(seed, 'jitter');
  return Array.from({ length: count }, (_, index) => index * minute + random.uniformBetween(-6000, 6000));
}

describe('the timetable of calls', () => {
  it('is the straight line through the calls by least squares, as in the worked example', () => {
    const { periodMs, nextDueMs } = timetableOf([0, 60_000, 121_000, 179_000]);
    near(periodMs, 59_800, 0.001);
    near(nextDueMs, 60_500, 0.001);
  });

  it('says that the next call is nearer after a late one, and farther after an early one', () => {
    const before = jitteryMinutes(1, 30);
    near(timetableOf([...before, 30 * minute + 6000]).nextDueMs, minute - 6000, 1500);
    near(timetableOf([...before, 30 * minute - 6000]).nextDueMs, minute + 6000, 1500);
  });

  it('knows how far calls are from when they are due', () => {
    // Uniform between -6 s and 6 s: 3.46 s; the gaps have 4.9 s.
    const spreads = Array.from({ length: 20 }, (_, seed) => timetableSpreadMs(timetableOf(jitteryMinutes(seed, 60))));
    near(spreads.reduce((sum, spread) => sum + spread) / spreads.length, 3900, 400);
  });

  it('goes on as it was when a call is made by hand in between', () => {
    const calls = jitteryMinutes(2, 30);
    const { periodMs } = timetableOf(calls);
    const lastAt = calls.at(-1) ?? 0;
    const dueAt = lastAt + timetableOf(calls).nextDueMs;
    const withOneMore = timetableOf([...calls, lastAt + 20_000]);
    near(withOneMore.nextDueMs, dueAt - lastAt - 20_000, 0.001);
    assert.equal(withOneMore.periodMs, periodMs);
  });

  it('counts a call that was left out', () => {
    const calls = jitteryMinutes(3, 31);
    const { periodMs } = timetableOf(calls.filter((_, index) => index !== 29));
    near(periodMs, minute, 500);
  });

  it('begins anew after three calls that do not keep to it', () => {
    const before = jitteryMinutes(4, 30);
    const changed = Array.from({ length: 8 }, (_, index) => (before.at(-1) ?? 0) + (index + 1) * 10_000);
    const { periodMs, nextDueMs } = timetableOf([...before, ...changed]);
    near(periodMs, 10_000, 1);
    near(nextDueMs, 10_000, 1);
  });

  it('is always due later, after a period and with a spread that are numbers, whatever the gaps', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 1e9 }), { minLength: 2, maxLength: 80 }), (gapsMs) => {
        const timetable = noTimetable();
        for (const gapMs of gapsMs) {
          noteCall(timetable, Math.max(1, gapMs));
          const { periodMs, nextDueMs } = timetable;
          assert.ok(periodMs > 0 && nextDueMs > 0.3 * periodMs && Number.isFinite(periodMs + timetableSpreadMs(timetable)), JSON.stringify(timetable));
        }
      }),
    );
  });
});
