// The hybrid histogram policy: from the idle times of a function, how long to leave it unloaded after a run (pre-warm window),
// when to load it again, and how long to keep it then (keep-alive window).
//
// Source: Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, §4.2: bins of one minute over four hours; the windows
// are the head (5th percentile, rounded down to the minute) and the tail (99th, rounded up), with a margin of 10 %; while
// there is too little to go by, or the coefficient of variation of the bin counts is below 2, no pre-warming and a
// keep-alive of four hours; where most idle times are beyond four hours, a forecast ± 15 %.
// Known differences: the forecast is the mean of the last eight idle times, not ARIMA; "too little" is fewer than ten idle
// times (the paper gives no number); windows are kept for functions, not for applications of several functions. Pre-warming
// loads the function with its artifacts, as the paper's "load the application" does, into a container of its own.
import type { PolicyInput, PolicyDefinition } from './policy.ts';
import { RivalPolicy, type RivalAction, type RivalContainer } from './rival-policy.ts';

const minuteMs = 60_000;
const binCount = 240;
const headShare = 0.05;
const tailShare = 0.99;
const margin = 0.1;
const forecastMargin = 0.15;
const leastVariation = 2;
const leastIdleTimes = 10;
const mostForecastFrom = 8;

export interface HistogramWindows {
  /** How long after a run the function stays unloaded; 0: it is not unloaded at all. */
  readonly prewarmMs: number;
  /** How long it is kept from then on. */
  readonly keepAliveMs: number;
}

/** The idle times of one function. */
export class IdleTimes {
  private readonly bins = new Uint32Array(binCount);
  private readonly recentMs: number[] = [];
  private counted = 0;
  private outOfBounds = 0;

  add(idleMs: number): void {
    const bin = Math.floor(idleMs / minuteMs);
    this.recentMs.push(idleMs);
    if (this.recentMs.length > mostForecastFrom) this.recentMs.shift();
    if (bin >= binCount) {
      this.outOfBounds += 1;
      return;
    }
    this.bins[bin] = (this.bins[bin] ?? 0) + 1;
    this.counted += 1;
  }

  /**
   * Worked: ten idle times of 10.5 min and ten of 12.5 min: head is minute 10, tail the end of minute 12, that is 13:
   * pre-warm 0.9 × 10 = 9 min, keep-alive 1.1 × 13 − 9 = 5.3 min.
   */
  windows(): HistogramWindows {
    if (this.outOfBounds > this.counted) {
      const forecastMs = this.recentMs.reduce((sum, value) => sum + value, 0) / this.recentMs.length;
      return { prewarmMs: (1 - forecastMargin) * forecastMs, keepAliveMs: 2 * forecastMargin * forecastMs };
    }
    if (this.counted < leastIdleTimes || this.variation() < leastVariation) return { prewarmMs: 0, keepAliveMs: binCount * minuteMs };
    const prewarmMs = (1 - margin) * this.binAt(headShare) * minuteMs;
    return { prewarmMs, keepAliveMs: (1 + margin) * (this.binAt(tailShare) + 1) * minuteMs - prewarmMs };
  }

  /** Standard deviation over mean of the bin counts: large where few bins have all. */
  private variation(): number {
    const mean = this.counted / binCount;
    let squares = 0;
    for (const count of this.bins) squares += (count - mean) ** 2;
    return Math.sqrt(squares / binCount) / mean;
  }

  private binAt(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.counted));
    let seen = 0;
    for (const [bin, count] of this.bins.entries()) {
      seen += count;
      if (seen >= rank) return bin;
    }
    return binCount - 1;
  }
}

interface History {
  readonly idleTimes: IdleTimes;
  endedAt: number | undefined;
  /** Counts calls, so that a pre-warming that a call forestalled is not done. */
  calls: number;
  keepUntil: number;
}

class HybridHistogram extends RivalPolicy {
  private readonly histories = new Map<RivalAction, History>();
  private readonly awaited = new Map<RivalContainer, RivalAction>();

  private historyOf(action: RivalAction): History {
    let history = this.histories.get(action);
    if (history === undefined) {
      history = { idleTimes: new IdleTimes(), endedAt: undefined, calls: 0, keepUntil: 0 };
      this.histories.set(action, history);
    }
    return history;
  }

  /** Of the containers pre-warmed for it, the one with its artifacts; a blank one is a pre-warming that is not done yet. */
  protected override choose(action: RivalAction): RivalContainer | undefined {
    const own = this.ownIdle(action);
    if (own !== undefined) return own;
    for (const [container, awaited] of this.awaited) {
      if (awaited === action && container.phase === 'idle') return container;
    }
    return undefined;
  }

  protected override onArrival(action: RivalAction): void {
    const history = this.historyOf(action);
    history.calls += 1;
    if (history.endedAt !== undefined && action.runningCount === 0) history.idleTimes.add(this.now - history.endedAt);
  }

  protected override onStart(container: RivalContainer): void {
    this.awaited.delete(container);
  }

  protected override onRemoving(container: RivalContainer): void {
    this.awaited.delete(container);
  }

  protected override onIdle(container: RivalContainer, action: RivalAction | undefined): void {
    if (action === undefined) {
      this.preloadInto(container);
      return;
    }
    const history = this.historyOf(action);
    history.endedAt = this.now;
    const { prewarmMs, keepAliveMs } = this.input.keepAliveMs === undefined ? history.idleTimes.windows() : { prewarmMs: 0, keepAliveMs: this.input.keepAliveMs };
    if (prewarmMs === 0) {
      this.removeUnlessUsed(container, this.now + keepAliveMs);
      return;
    }
    this.remove(container, 'keep-alive-over');
    if (action.runningCount > 0) return;
    const { calls } = history;
    history.keepUntil = this.now + prewarmMs + keepAliveMs;
    this.at(this.now + prewarmMs, () => {
      if (history.calls === calls) this.prewarm(action);
    });
  }

  private prewarm(action: RivalAction): void {
    const container = this.createSpare(action.memoryLimitBytes);
    if (container !== undefined) this.awaited.set(container, action);
  }

  private preloadInto(container: RivalContainer): void {
    const action = this.awaited.get(container);
    if (action === undefined) {
      // It was started for a call that another container has served.
      this.remove(container, 'surplus-stem-cell');
      return;
    }
    this.load(container, action);
    this.removeUnlessUsed(container, this.historyOf(action).keepUntil);
  }
}

export const hybridHistogram: PolicyDefinition = {
  name: 'histogram',
  title: 'hybrid histogram (Serverless in the Wild)',
  source: 'Shahrad et al., USENIX ATC 2020',
  looksAhead: false,
  create: (input: PolicyInput) => new HybridHistogram(input),
};
