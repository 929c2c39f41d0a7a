// How much memory is kept free for what runs, when that is no longer so, and how soon to look again. The kernel kills at
// the limit; artifacts that nobody uses have to be gone before.

/** Share of the limit that loads leave free: room for an activation to grow into. */
const loadReserveShare = 0.1;

/** Share of the limit below which artifacts are given up. */
const pressureShare = 0.05;

/**
 * Fresh memory is touched at 1.9 GB/s by one thread of a 2026 server, and processes have several. It takes 10 to 50 ms to
 * kill a slot and have its memory back.
 */
const fastestGrowthBytesPerMs = 6e6;
const killMs = 50;

/** How far ahead a growth that has been seen is taken to go on. */
const foreseenMs = 2 * killMs;

/** Bounds of how often memory is looked at. */
export const soonestMs = 2;
const latestMs = 500;

/** Bytes that loads ahead of calls leave free of a limit. */
export function loadReserveBytes(limitBytes: number): number {
  return limitBytes * loadReserveShare;
}

/** The container's memory at one moment; `at` in ms on any one clock. */
export interface MemorySample {
  readonly at: number;
  readonly limitBytes: number;
  /** With what loads and slots that are starting may still need. */
  readonly usedBytes: number;
  /** That part of it: promised, and not in use yet. */
  readonly promisedBytes: number;
}

export interface Pressure {
  /** To be off-loaded; 0 when all is well. */
  readonly excessBytes: number;
  /** What grows has to stand still until memory is back: it would reach the limit before. */
  readonly mustHold: boolean;
}

/** Judges a sample, by the one before it where there is one. */
export function pressureOf(sample: MemorySample, former: MemorySample | undefined): Pressure {
  const { limitBytes, usedBytes } = sample;
  const growth = former === undefined ? 0 : growthBytesPerMs(former, sample);
  const freeBytes = limitBytes - usedBytes;
  const leastFreeBytes = Math.max(limitBytes * pressureShare, growth * foreseenMs);
  if (freeBytes >= leastFreeBytes) return { excessBytes: 0, mustHold: false };
  // Down to what loads may fill up again, not just below the mark: otherwise the next megabyte would be pressure anew.
  const wantedBytes = Math.max(leastFreeBytes, loadReserveBytes(limitBytes));
  return { excessBytes: wantedBytes - freeBytes, mustHold: freeBytes < Math.max((limitBytes * pressureShare) / 2, growth * killMs) };
}

/** A promise is no growth, nor is what grows within it. */
function growthBytesPerMs(former: MemorySample, sample: MemorySample): number {
  const newlyPromisedBytes = Math.max(0, sample.promisedBytes - former.promisedBytes);
  return Math.max(0, sample.usedBytes - former.usedBytes - newlyPromisedBytes) / Math.max(1, sample.at - former.at);
}

/** How long the fastest growth there is takes at least to bring this container under pressure: no need to look before. */
export function nextSampleDelayMs({ limitBytes, usedBytes }: MemorySample): number {
  const marginBytes = limitBytes - usedBytes - limitBytes * pressureShare;
  return Math.min(latestMs, Math.max(soonestMs, marginBytes / fastestGrowthBytesPerMs));
}
