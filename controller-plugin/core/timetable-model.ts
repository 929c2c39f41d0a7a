// Calls by a timetable, as a timer's are: one is early or late by itself, and the next comes when it would have come anyway. Gaps alone
// do not say that: after a late call the next gap is shorter.

/** What is known of the timetable after the last call. */
export interface Timetable {
  /** Calls that kept to it, since it last began. */
  count: number;
  periodMs: number;
  /** From the last call until the next is due; 0 before there is a period. */
  nextDueMs: number;
  /** Mean square of how far calls were from when they were due, as if it had been known exactly. */
  varianceMs2: number;
  /** Calls in turn that did not keep to it. */
  strayCount: number;
}

/** Calls that the period and the due times look back on. */
const timetableCalls = 48;
/** Calls from which on something is known of the spread: two gaps. */
const leastCalls = 3;
/** As many strays in turn are a new timetable. */
const mostStrays = 3;

export function noTimetable(): Timetable {
  return { count: 1, periodMs: 0, nextDueMs: 0, varianceMs2: 0, strayCount: 0 };
}

/**
 * Variance of what a straight line through n points of variance 1 says of the next one, that one's own included:
 * 1 + 2·(2n + 1) / (n·(n − 1)). Worked: 6 after two calls, 3.3 after three, 1.09 after 48.
 */
function foretoldVariance(count: number): number {
  const known = Math.min(count, timetableCalls);
  return 1 + (2 * (2 * known + 1)) / (known * (known - 1));
}

/** Standard deviation of when the next call comes around when it is due, in ms; wider by √(1 + 1/n) where it is taken from few calls. */
export function timetableSpreadMs({ count, periodMs, varianceMs2 }: Timetable): number {
  if (count < leastCalls) return periodMs;
  const known = Math.max(1, count - leastCalls + 1);
  return Math.sqrt(varianceMs2 * foretoldVariance(count) * (1 + 1 / known));
}

/**
 * Takes one more gap in. Due times are the straight line through the last calls by least squares, found on-line: with r = how late the
 * call is, the line at n calls moves by α·r and its slope, the period, by β·r, α = 2·(2n − 1) / (n·(n + 1)), β = 6 / (n·(n + 1))
 * (the growing-memory g-h filter, Brookner 1998), as if n never were more than 48. A call that is nearer to the one before it
 * than to when the next is due was made by hand and changes nothing; where a call was left out, the one after it counts.
 *
 * Worked: calls at 0, 60, 121 and 179 s are due every 59.8 s, on the line 0.3 … 179.7 s: the next 60.5 s after the last.
 */
export function noteCall(timetable: Timetable, gapMs: number): void {
  const { count, periodMs, nextDueMs } = timetable;
  if (count < 2) {
    begin(timetable, gapMs);
    return;
  }
  const offMs = gapMs - nextDueMs;
  if (offMs < -periodMs / 2) {
    noteStray(timetable, gapMs);
    return;
  }
  const leftOut = Math.max(0, Math.round(offMs / periodMs));
  const lateMs = offMs - leftOut * periodMs;
  const known = Math.min(count + 1, timetableCalls);
  const alpha = (2 * (2 * known - 1)) / (known * (known + 1));
  const beta = 6 / (known * (known + 1));
  const share = 1 / Math.min(count - 1, timetableCalls);
  timetable.varianceMs2 += share * ((lateMs * lateMs) / foretoldVariance(count) - timetable.varianceMs2);
  timetable.periodMs += beta * lateMs;
  timetable.nextDueMs = timetable.periodMs - (1 - alpha) * lateMs;
  timetable.count += 1;
  timetable.strayCount = leftOut > 0 ? timetable.strayCount + 1 : 0;
  if (timetable.strayCount >= mostStrays) begin(timetable, gapMs);
}

function noteStray(timetable: Timetable, gapMs: number): void {
  timetable.nextDueMs -= gapMs;
  timetable.strayCount += 1;
  if (timetable.strayCount >= mostStrays) begin(timetable, gapMs);
}

function begin(timetable: Timetable, gapMs: number): void {
  Object.assign(timetable, { count: 2, periodMs: gapMs, nextDueMs: gapMs, varianceMs2: 0, strayCount: 0 });
}
