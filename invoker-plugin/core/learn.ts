// What the scheduler learns from measurements: moving means that replace the estimates an action was deployed with.
import type { Action } from './action.ts';
import type { SchedulerState } from './state.ts';

/** An exponentially weighted mean; `count` is 0 before the first sample. */
export interface LearntMean {
  mean: number;
  count: number;
}

/** Weight of the newest sample: five samples after a change, 83 % of it is learnt (1 − 0.7⁵). */
const newestWeight = 0.3;
/** Expected until the first run, start or initialisation was measured. */
const assumedRunMs = 100;
const assumedContainerStartMs = 500;
/** Cleaning a container on the path of a call; no event tells how long it took. */
export const assumedCleanMs = 20;

export function noMean(): LearntMean {
  return { mean: 0, count: 0 };
}

/** Takes one more sample into the mean; the first one is taken as it is. */
export function learn(learnt: LearntMean, sample: number): void {
  learnt.mean = learnt.count === 0 ? sample : learnt.mean + newestWeight * (sample - learnt.mean);
  learnt.count += 1;
}

/** A load that reads less than this share of its files from the disk says what a load from the page cache takes. */
const leastColdShare = 0.1;
/** One that reads more than this found them gone. */
const mostlyColdShare = 0.5;
/** Until the action's own cold load was measured: 1 GB/s, as measured with mapped models (0.5 to 1.3 ms for each MB). */
export const assumedColdMsPerByte = 1e-6;

/** Share of its files that a load has read from the disk; undefined where nobody counted, or it reads none that are known. */
export function coldShareOf({ fileBytes }: Action, diskBytes: number | undefined): number | undefined {
  return diskBytes === undefined || fileBytes === 0 ? undefined : Math.min(1, diskBytes / fileBytes);
}
export const isWarm = (coldShare: number): boolean => coldShare < leastColdShare;
export const isCold = (coldShare: number): boolean => coldShare > mostlyColdShare;

/**
 * Takes a load into the mean of its kind. One that read a share s of its files from the disk took warm + s·(cold − warm).
 * Worked: 250 ms with a quarter read from the disk, where 50 ms are expected from the page cache: cold is 850 ms.
 */
export function learnLoad(warm: LearntMean, cold: LearntMean, sample: number, coldShare: number | undefined, expectedWarm: number): void {
  if (coldShare === undefined || isWarm(coldShare)) learn(warm, sample);
  else learn(cold, Math.max(sample, expectedWarm + (sample - expectedWarm) / coldShare));
}

/** What is expected with as much of the files in the page cache as is believed to be there. Most often all: the rest is not worked out then. */
function asBelieved(action: Action, warmMs: number, coldMsOf: (action: Action) => number): number {
  return action.hotShare >= 1 ? warmMs : warmMs + (1 - action.hotShare) * Math.max(0, coldMsOf(action) - warmMs);
}

function meanOr(learnt: LearntMean, fallback: number): number {
  return learnt.count === 0 ? fallback : learnt.mean;
}

/** Loading on the path of a call, files in the page cache: measured there, else as measured ahead of time, else as estimated at deployment. */
export function warmLoadMsOf(action: Action): number {
  return meanOr(action.loadMs, meanOr(action.aheadLoadMs, action.estimatedLoadMs));
}

/** The same with the files on the disk. */
function coldLoadMsOf(action: Action): number {
  return meanOr(action.coldLoadMs, warmLoadMsOf(action) + action.fileBytes * assumedColdMsPerByte);
}

function loadMsOf(action: Action): number {
  return asBelieved(action, warmLoadMsOf(action), coldLoadMsOf);
}

/** A load ahead of time, warm-up run included, files in the page cache. */
export function warmAheadLoadMsOf(action: Action): number {
  return meanOr(action.aheadLoadMs, meanOr(action.loadMs, action.estimatedLoadMs));
}

function coldAheadLoadMsOf(action: Action): number {
  return meanOr(action.coldAheadLoadMs, warmAheadLoadMsOf(action) + action.fileBytes * assumedColdMsPerByte);
}

/** A load ahead of time, warm-up run included. */
export function aheadLoadMsOf(action: Action): number {
  return asBelieved(action, warmAheadLoadMsOf(action), coldAheadLoadMsOf);
}

/** How much longer than others the first run after a load on the path takes: pages are mapped and kernels set up in it. */
function warmFirstRunExtraMsOf(action: Action): number {
  return action.firstRunMs.count > 0 && action.runMs.count > 0 ? Math.max(0, action.firstRunMs.mean - action.runMs.mean) : 0;
}

/** The first run after a load on the path, files in the page cache; as any other where none was measured. */
export function warmFirstRunMsOf(action: Action): number {
  return meanOr(action.firstRunMs, runMsOf(action));
}

/** The same with the files on the disk: what a mapped model has read in its first run. */
function coldFirstRunExtraMsOf(action: Action): number {
  return action.coldFirstRunMs.count > 0 && action.runMs.count > 0 ? Math.max(0, action.coldFirstRunMs.mean - action.runMs.mean) : warmFirstRunExtraMsOf(action);
}

function firstRunExtraMsOf(action: Action): number {
  return asBelieved(action, warmFirstRunExtraMsOf(action), coldFirstRunExtraMsOf);
}

/** What a load and its first run take longer with all of the files on the disk than with all of them in the page cache. */
export function coldExtraMsOf(action: Action): number {
  if (action.coldLoadMs.count + action.coldAheadLoadMs.count === 0) return action.fileBytes * assumedColdMsPerByte;
  if (action.coldLoadMs.count === 0) return Math.max(0, action.coldAheadLoadMs.mean - warmAheadLoadMsOf(action));
  return Math.max(0, coldLoadMsOf(action) - warmLoadMsOf(action)) + Math.max(0, coldFirstRunExtraMsOf(action) - warmFirstRunExtraMsOf(action));
}

/**
 * What a call saves when it finds the artifacts resident: the load, what initialising into a ready slot is quicker by, and
 * what the run is quicker by, since a load ahead ends with a warm-up run.
 */
export function savedMsOf(action: Action): number {
  const quickerInitMs = action.initMs.count > 0 && action.adoptMs.count > 0 ? action.initMs.mean - action.adoptMs.mean : 0;
  return loadMsOf(action) + Math.max(0, quickerInitMs) + firstRunExtraMsOf(action);
}

/** What a call loses when it finds its artifacts resident in a container that has to be cleaned first, instead of its own warm one. */
export function downgradeMsOf(action: Action): number {
  return assumedCleanMs + meanOr(action.adoptMs, action.initMs.mean);
}

export function containerStartMsOf(state: SchedulerState): number {
  return meanOr(state.containerStartMs, assumedContainerStartMs);
}

/** Startup of a call that finds nothing at all: container, initialisation, load. */
export function coldStartMsOf(state: SchedulerState, action: Action): number {
  return containerStartMsOf(state) + action.initMs.mean + loadMsOf(action);
}

/** A run with the artifacts in place. */
export function runMsOf(action: Action): number {
  return meanOr(action.runMs, meanOr(action.firstRunMs, assumedRunMs));
}

/** How long a call keeps a container from others: startup in a container that is up, and the run. */
export function busyWindowMsOf(action: Action): number {
  return action.initMs.mean + loadMsOf(action) + runMsOf(action);
}

/** Private memory that a load will need: measured where it has been, and never less than a container last asked for. */
export function predictedBytesOf(action: Action): number {
  return Math.max(meanOr(action.residentBytes, action.estimatedResidentBytes), action.refusedBytes);
}
