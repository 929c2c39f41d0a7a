// The clock of a simulation: time passes only from one timer to the next, as fast as they can be fired.
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { EventHeap } from './event-heap.ts';

interface VirtualTimer {
  readonly fire: () => void;
  cancelled: boolean;
}

export class VirtualClock implements Clock {
  readonly #timers = new EventHeap<VirtualTimer>();
  #nowMs: number;

  constructor(startAtMs: number) {
    this.#nowMs = startAtMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(atMs: number, fire: () => void): CancelTimer {
    const timer: VirtualTimer = { fire, cancelled: false };
    this.#timers.push(Math.max(atMs, this.#nowMs), timer);
    return () => {
      timer.cancelled = true;
    };
  }

  /** Fires timers in the order of their times until `isDone`; false when none is left before that. */
  runUntil(isDone: () => boolean): boolean {
    while (!isDone()) {
      const next = this.#timers.pop();
      if (next === undefined) return false;
      if (next.item.cancelled) continue;
      this.#nowMs = next.at;
      next.item.fire();
    }
    return true;
  }
}
