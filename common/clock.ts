// Time and timers as a dependency. Everything that decides takes a Clock; only this file reads the machine's.

/** Cancels a timer; harmless after it fired and when called again. */
export type CancelTimer = () => void;

export interface Clock {
  /** Epoch milliseconds with a fraction; never goes backwards within a process. */
  now(): number;
  /** Calls `fire` once, when `now()` has reached `atMs` (epoch milliseconds); at the next turn if that is past already. */
  setTimer(atMs: number, fire: () => void): CancelTimer;
}

/** Longest delay that setTimeout takes (2^31 − 1 ms, 24.8 days); a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/** The machine's clock: epoch at process start plus the monotonic time since, so that setting the wall clock moves nothing. */
export class SystemClock implements Clock {
  now(): number {
    return performance.timeOrigin + performance.now();
  }

  setTimer(atMs: number, fire: () => void): CancelTimer {
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const delayMs = Math.max(0, Math.ceil(atMs - this.now()));
      handle = setTimeout(() => {
        // setTimeout may be early by a fraction, and a delay may have been cut to the longest one: look again.
        if (this.now() >= atMs) fire();
        else arm();
      }, Math.min(delayMs, longestDelayMs));
    };
    arm();
    return () => {
      clearTimeout(handle);
    };
  }
}
