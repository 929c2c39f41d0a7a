// How long an idle instance is worth keeping by the Scaler task's own score: what its memory takes from the score against what
// a new start would take. Pure; the prices are those of the run so far.

/** Sums of the run so far. */
export interface ScoreTotals {
  /** Σ run × memory, and Σ life of slots × memory. */
  readonly runGibSeconds: number;
  readonly heldGibSeconds: number;
  /** Σ run, and Σ of what requests waited for their instance. */
  readonly runSeconds: number;
  readonly scheduleSeconds: number;
}

/** What one more unit takes from the score, which is 50·(R/H + X/(X + D)). */
export interface Prices {
  readonly perGibSecond: number;
  readonly perScheduleSecond: number;
}

/**
 * The derivatives of the score: 50·R/H² for each GiB·s held, 50·X/(X + D)² for each second of scheduling.
 * Worked: R = 100, H = 1000, X = 200, D = 50: 0.005 and 0.16; a start of 1 s is worth 32 GiB·s of idle memory.
 * Undefined before anything ran.
 */
export function pricesOf({ runGibSeconds, heldGibSeconds, runSeconds, scheduleSeconds }: ScoreTotals): Prices | undefined {
  if (heldGibSeconds <= 0 || runSeconds <= 0) return undefined;
  return { perGibSecond: (50 * runGibSeconds) / heldGibSeconds ** 2, perScheduleSecond: (50 * runSeconds) / (runSeconds + scheduleSeconds) ** 2 };
}

/** How the instances of an application would be used if none ever went: newest first, as they are. */
export interface InstanceUse {
  /** Idle times, in seconds, after which an instance was used again; newest last. */
  readonly reusedAfterSeconds: number[];
  /** Since when each idle one waits, in seconds; the one that is used next last. */
  readonly idleSinceSeconds: number[];
}

const mostReuses = 64;
const mostIdle = 64;

export function createInstanceUse(): InstanceUse {
  return { reusedAfterSeconds: [], idleSinceSeconds: [] };
}

/** A request came: the instance that was idle last is used, were it still there. */
export function noteRequest({ reusedAfterSeconds, idleSinceSeconds }: InstanceUse, atSeconds: number): void {
  const since = idleSinceSeconds.pop();
  if (since === undefined) return;
  reusedAfterSeconds.push(atSeconds - since);
  if (reusedAfterSeconds.length > mostReuses) reusedAfterSeconds.shift();
}

/** A request ended: its instance is idle. */
export function noteIdle({ idleSinceSeconds }: InstanceUse, atSeconds: number): void {
  idleSinceSeconds.push(atSeconds);
  if (idleSinceSeconds.length > mostIdle) idleSinceSeconds.shift();
}

/** Fewer reuses than this say nothing. */
const leastReuses = 3;

/**
 * The window, in seconds, that would have cost least: an instance that was reused after g costs min(g, w) of memory, and a start
 * where g > w; one that still waits, since a, costs min(a, w). Only 0 and the g themselves can be best.
 * Worked: reused after 5, 6 and 100 s, none waits, 1 GiB, starts of 2 s, prices of 0.01 and 0.5: a window of 6 s costs 0.17 + 1,
 * one of 100 s 1.11, none 3; so 100 s, and a tenth more.
 * @returns undefined where fewer than three reuses were seen
 */
export function keepAliveSecondsOf({ reusedAfterSeconds, idleSinceSeconds }: InstanceUse, application: { readonly memoryGib: number; readonly startSeconds: number }, prices: Prices, atSeconds: number): number | undefined {
  if (reusedAfterSeconds.length < leastReuses) return undefined;
  const gaps = reusedAfterSeconds.toSorted((left, right) => left - right);
  const ages = idleSinceSeconds.map((since) => atSeconds - since);
  const memoryCost = application.memoryGib * prices.perGibSecond;
  const startCost = application.startSeconds * prices.perScheduleSecond;
  let best = { seconds: 0, cost: gaps.length * startCost };
  let sumBelow = 0;
  for (const [index, gap] of gaps.entries()) {
    sumBelow += gap;
    const longer = gaps.length - index - 1;
    const waiting = ages.reduce((sum, age) => sum + Math.min(age, gap), 0);
    const cost = memoryCost * (sumBelow + longer * gap + waiting) + startCost * longer;
    if (cost < best.cost) best = { seconds: gap, cost };
  }
  return best.seconds * margin;
}

/** The next idle time may be a little longer than the longest that was worth it. */
const margin = 1.1;
