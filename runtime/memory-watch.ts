// Looks at the container's memory as often as its headroom asks for, and gives artifacts up before the kernel kills. It
// looks only while something may grow and there is something to give up.
import { setTimeout as pause } from 'node:timers/promises';
import type { RuntimeLog } from './runtime-log.ts';
import { chooseOffloads } from './core/memory-ledger.ts';
import { nextSampleDelayMs, pressureOf, soonestMs, type MemorySample } from './core/memory-pressure.ts';
import type { Slot } from './slots/slot.ts';
import type { SlotPool } from './slots/slot-pool.ts';

/** Between activations an action seldom grows, and warm containers are many: it is looked at so much less often. */
const restingFactor = 10;

export interface MemoryWatchOptions {
  readonly pool: SlotPool;
  readonly log: RuntimeLog;
  /** Ends a slot that is no longer wanted, or gives one part of it up; resolves when the memory is back. */
  readonly giveUp: (slot: Slot, part: string | undefined) => Promise<void>;
  /** Whether something is being initialised, run or loaded. */
  readonly isBusy: () => boolean;
}

export class MemoryWatch {
  private readonly options: MemoryWatchOptions;
  private former: MemorySample | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Nothing is looked at, or seldom. */
  private isResting = true;
  private relieving: Promise<void> | undefined;
  private isClosed = false;

  constructor(options: MemoryWatchOptions) {
    this.options = options;
  }

  /** Work begins: from now on memory may grow fast. Cheap where the watch is on already. */
  onBusy(): void {
    if (this.isClosed || this.relieving !== undefined || !this.isResting || !isWorthwhile(this.options.pool)) return;
    this.isResting = false;
    this.former = this.options.pool.sample();
    this.lookIn(nextSampleDelayMs(this.former));
  }

  /** Looks now; resolves when what is too much is gone. */
  relieve(): Promise<void> {
    this.relieving ??= this.look().finally(() => {
      this.relieving = undefined;
      this.goOn();
    });
    return this.relieving;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    const { pool } = this.options;
    const sample = pool.sample();
    const { excessBytes, mustHold } = pressureOf(sample, this.former);
    this.former = sample;
    if (excessBytes <= 0) return;
    const releasing = pool.all.filter(isReleasing);
    const comingBytes = releasing.reduce((sum, slot) => sum + slot.measuredBytes, 0);
    const offloads = chooseOffloads(pool.offloadable(), excessBytes - comingBytes).flatMap(({ id, part }) => {
      const slot = pool.get(id);
      return slot === undefined ? [] : [{ slot, part }];
    });
    const victims = offloads.map(({ slot }) => slot);
    if (victims.length + releasing.length === 0) return;
    this.options.log.info({ ...sample, excessBytes, mustHold, slots: offloads.map(({ slot, part }) => (part === undefined ? slot.id : `${slot.id}: ${part}`)) }, 'memory pressure');
    const held = new Set<Slot>();
    let isGone = false;
    const gone = Promise.all([...offloads.map(({ slot, part }) => this.options.giveUp(slot, part)), ...releasing.map(({ ended }) => ended)]).finally(() => {
      isGone = true;
    });
    // Killing takes its time on a busy machine, and what grows may grow faster meanwhile.
    for (let hold = mustHold; !isGone; hold = pressureOf(pool.sample(), sample).mustHold) {
      if (hold && held.size === 0) {
        for (const slot of pool.all) if (isWorking(slot) && !victims.includes(slot)) held.add(slot);
        for (const slot of held) slot.hold();
      }
      await Promise.race([gone, pause(soonestMs)]);
    }
    // One that has been retained meanwhile is to stay frozen.
    for (const slot of held) if (isWorking(slot)) slot.thaw();
    this.former = pool.sample();
  }

  private goOn(): void {
    clearTimeout(this.timer);
    this.isResting = !this.options.isBusy();
    if (this.former === undefined || !isWorthwhile(this.options.pool)) this.isResting = true;
    else this.lookIn(nextSampleDelayMs(this.former) * (this.isResting ? restingFactor : 1));
  }

  private lookIn(delayMs: number): void {
    clearTimeout(this.timer);
    if (this.isClosed) return;
    this.timer = setTimeout(() => void this.relieve(), delayMs).unref();
  }
}

const isWorking = ({ state }: Slot): boolean => state === 'active' || state === 'loading';
const isReleasing = ({ state }: Slot): boolean => state === 'releasing';

/** Whether something may grow, and something could be given up for it or is being given up. */
function isWorthwhile(pool: SlotPool): boolean {
  return pool.all.some(isWorking) && (pool.offloadable().length > 0 || pool.all.some(isReleasing));
}
