// What activations of an action took, as acknowledgements and user events report it: moving means, in ms.

/** Weight of the newest sample once there are many; the first few count alike. */
const newestWeight = 0.1;

export interface MeasuredTimes {
  /** Activations that were reported. */
  count: number;
  /** Run, with initialisation where there was one. */
  durationMs: number;
  /** From the controller's reception to the start. */
  waitMs: number;
  /** Activations that had to initialise, and how long that took them. */
  coldCount: number;
  initMs: number;
}

/** What one activation took; `initMs` 0 stands for a warm start. */
export interface MeasuredActivation {
  readonly durationMs: number;
  readonly waitMs: number;
  readonly initMs: number;
}

export function noTimes(): MeasuredTimes {
  return { count: 0, durationMs: 0, waitMs: 0, coldCount: 0, initMs: 0 };
}

function moved(mean: number, sample: number, count: number): number {
  return mean + (sample - mean) * Math.max(newestWeight, 1 / count);
}

/** Takes one more activation into the means. */
export function noteTimes(times: MeasuredTimes, { durationMs, waitMs, initMs }: MeasuredActivation): void {
  times.count += 1;
  times.durationMs = moved(times.durationMs, durationMs, times.count);
  times.waitMs = moved(times.waitMs, waitMs, times.count);
  if (initMs <= 0) return;
  times.coldCount += 1;
  times.initMs = moved(times.initMs, initMs, times.coldCount);
}
