// What the scheduler learns from measurements: moving means that replace the estimates an action was deployed with.
import type { Action, SchedulerState } from './state.ts';

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

function meanOr(learnt: LearntMean, fallback: number): number {
  return learnt.count === 0 ? fallback : learnt.mean;
}

/** Loading on the path of a call: measured there, else as measured ahead of time, else as estimated at deployment. */
function loadMsOf(action: Action): number {
  return meanOr(action.loadMs, meanOr(action.aheadLoadMs, action.estimatedLoadMs));
}

/** A load ahead of time, warm-up run included. */
export function aheadLoadMsOf(action: Action): number {
  return meanOr(action.aheadLoadMs, meanOr(action.loadMs, action.estimatedLoadMs));
}

/** How much longer than others the first run after a load on the path takes: pages are mapped and kernels set up in it. */
function firstRunExtraMsOf(action: Action): number {
  return action.firstRunMs.count > 0 && action.runMs.count > 0 ? Math.max(0, action.firstRunMs.mean - action.runMs.mean) : 0;
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
