// What goes between the builder (or a benchmark) and a ready slot: the messages of both directions, and no behaviour.
import type { SampleInput } from '../../runtime/model-store/manifest.ts';

/** Save `file`, optimised as `sessionOptions` say, to where they say. */
export interface SaveOrder {
  readonly do: 'save';
  readonly file: string;
  readonly sessionOptions: Readonly<Record<string, unknown>>;
}

/** Load `file`, run it once, then again and again. */
export interface MeasureOrder {
  readonly do: 'measure';
  readonly file: string;
  readonly sessionOptions: Readonly<Record<string, unknown>>;
  readonly sampleInputs: Readonly<Record<string, SampleInput>>;
  /** Runs after the first stop after so many, or after `steadyMs`, but not before three. */
  readonly steadyRuns: number;
  readonly steadyMs: number;
}

export type SlotOrder = SaveOrder | MeasureOrder;

/** What one load and its runs cost. Memory is the growth of anonymous pages since before the load. */
export interface SlotMeasurement {
  readonly loadMs: number;
  readonly firstRunMs: number;
  /** Median of the runs after the first. */
  readonly steadyRunMs: number;
  readonly fastestRunMs: number;
  /** Processor time of the load, and of the run that took least, over all threads: other processes do not add to it. */
  readonly loadCpuMs: number;
  readonly leastRunCpuMs: number;
  readonly loadedPrivateBytes: number;
  readonly privateBytes: number;
  /** The first values of each output, to compare forms by. */
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

export type SlotReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'saved' }
  | { readonly kind: 'measured'; readonly measurement: SlotMeasurement }
  | { readonly kind: 'failed'; readonly message: string };
