// What the Proactive Pre-loader remembers of each action and each invoker: bounded, plain data.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Following, RecentCall } from './following.ts';
import type { GapModel } from './gap-model.ts';
import type { GapHistogram } from './histogram.ts';
import type { HourlyCounts } from './hourly-counts.ts';
import type { MeasuredTimes } from './measured-times.ts';
import type { InvokerShares } from './invoker-shares.ts';

export interface ArrivalHistory {
  firstArrivalAt: number | undefined;
  lastArrivalAt: number | undefined;
  deployedAt: number;
  /** The last gaps between arrivals, oldest first. */
  gapsMs: number[];
  /** What follows from the gaps; undefined where it has to be worked out anew. */
  gapModel?: GapModel | undefined;
  /** Whose calls its own follow; undefined before its first arrival. */
  following?: Following | undefined;
  histogram: GapHistogram;
  hourly: HourlyCounts;
  times: MeasuredTimes;
  /** Invokers that its calls were sent to. */
  invokers: InvokerShares;
  /** The last record of each topic that told of an arrival: its offset. */
  readTo: Map<string, number>;
  memoryMegabytes: number | undefined;
  /** The invokers its last plan named; undefined where it named none. */
  placedOn: readonly number[] | undefined;
}

export interface ObservedInvoker {
  lastPingAt: number;
  isEnabled: boolean;
  userMemoryBytes: number;
  /** Whether a controller would send it work, when that was last looked at. */
  wasHealthy: boolean;
}

export interface PreloaderState {
  /** By action key; the one seen longest ago comes first. */
  readonly histories: Map<ActionKey, ArrivalHistory>;
  /** The newest version of each qualified name, so that an updated action keeps its history. */
  readonly newestKeys: Map<string, ActionKey>;
  readonly invokers: Map<number, ObservedInvoker>;
  /** By invoking namespace: its actions called last, the newest first. */
  readonly recentCalls: Map<string, RecentCall[]>;
}

/** A pre-loader that has seen nothing. */
export function createState(): PreloaderState {
  return { histories: new Map(), newestKeys: new Map(), invokers: new Map(), recentCalls: new Map() };
}
