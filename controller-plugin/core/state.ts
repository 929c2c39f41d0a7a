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

type ChangedInPlace = 'gapsMs' | 'histogram' | 'hourly' | 'times' | 'invokers' | 'readTo';

/** What of a history changes in place, as another history or a record of one has it. */
export interface HistoryParts {
  readonly gapsMs: readonly number[];
  readonly histogram: Omit<GapHistogram, 'bins'> & { readonly bins: readonly number[] };
  readonly hourly: Omit<HourlyCounts, 'counts'> & { readonly counts: readonly number[] };
  readonly times: Readonly<MeasuredTimes>;
  readonly invokers: Iterable<readonly [number, number]>;
  readonly readTo: Iterable<readonly [string, number]>;
}

/** Copies of them, for a history of its own. */
export function copiedParts({ gapsMs, histogram, hourly, times, invokers, readTo }: HistoryParts): Pick<ArrivalHistory, ChangedInPlace> {
  return {
    gapsMs: [...gapsMs],
    histogram: { ...histogram, bins: [...histogram.bins] },
    hourly: { ...hourly, counts: [...hourly.counts] },
    times: { ...times },
    invokers: new Map(invokers),
    readTo: new Map(readTo),
  };
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
  /** When every invoker has had its time to be heard; undefined before anything is looked at. */
  invokersKnownAt: number | undefined;
  /** Whether that moment has come, which the times of old arrivals do not tell: until then nothing is planned where plans name invokers. */
  areInvokersKnown: boolean;
  /** By invoking namespace: its actions called last, the newest first. */
  readonly recentCalls: Map<string, RecentCall[]>;
}

/** A pre-loader that has seen nothing. */
export function createState(): PreloaderState {
  return { histories: new Map(), newestKeys: new Map(), invokers: new Map(), invokersKnownAt: undefined, areInvokersKnown: false, recentCalls: new Map() };
}
