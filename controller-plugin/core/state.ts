// What the Proactive Pre-loader remembers of each action: bounded, plain data.
import type { ActionKey } from '../../common/action-identity.ts';
import type { GapHistogram } from './histogram.ts';

export interface ArrivalHistory {
  lastArrivalAt: number | undefined;
  deployedAt: number;
  /** The last gaps between arrivals, oldest first. */
  gapsMs: number[];
  histogram: GapHistogram;
}

export interface PreloaderState {
  /** By action key; the one seen longest ago comes first. */
  readonly histories: Map<ActionKey, ArrivalHistory>;
  /** The newest version of each qualified name, so that an updated action keeps its history. */
  readonly newestKeys: Map<string, ActionKey>;
}

/** A pre-loader that has seen nothing. */
export function createState(): PreloaderState {
  return { histories: new Map(), newestKeys: new Map() };
}
