// A clock that a test moves by hand: no timer fires unless the test lets its time come.
import type { CancelTimer, Clock } from '../clock.ts';

interface FakeTimer {
  readonly atMs: number;
  readonly fire: () => void;
}

export class FakeClock implements Clock {
  #nowMs: number;
  #timers: FakeTimer[] = [];

  constructor(startAtMs = 0) {
    this.#nowMs = startAtMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(atMs: number, fire: () => void): CancelTimer {
    const timer: FakeTimer = { atMs, fire };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that wait to fire. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Moves time forward by `ms` and fires, in the order of their times, the timers that fall due on the way. */
  advance(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }

  /** Moves time forward to `atMs`; timers set by a fired timer fire too if they fall due. */
  advanceTo(atMs: number): void {
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= atMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.fire();
    }
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }
}
