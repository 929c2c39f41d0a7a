// What one run counts up to, as plain values: they cross from one thread to another, and the totals of a run's parts add up to
// those of the whole.
import { startTypes, type StartType } from '../../invoker-plugin/core/commands.ts';
import { regularityClasses, type RegularityClass } from '../traces/regularity.ts';
import { GrowingFloats } from './growing-floats.ts';
import { regretOf, scalerScoreOf, type Measures } from './measures.ts';

export interface HitsOfClass {
  readonly calls: number;
  readonly hits: number;
}

export interface RunTotals {
  /** Startup of each successful call, in ms, in no order. */
  readonly startupsMs: Float32Array<ArrayBuffer>;
  readonly byStartType: Readonly<Record<StartType, number>>;
  readonly byRegularity: Readonly<Record<RegularityClass, HitsOfClass>>;
  readonly sums: RunSums;
}

/** What is simply added up. */
export interface RunSums {
  readonly failed: number;
  readonly startupMs: number;
  /** Loading on the path of calls; what it would have been, had each call loaded. */
  readonly loadMs: number;
  readonly everyLoadMs: number;
  /** Startup, had each call started cold; what of it no policy can avoid. */
  readonly allColdMs: number;
  readonly floorMs: number;
  readonly runMs: number;
  readonly runGibSeconds: number;
  readonly busyGibSeconds: number;
  readonly heldGibSeconds: number;
  readonly loads: number;
  readonly created: number;
  readonly evictions: number;
}

export const noSums: RunSums = { failed: 0, startupMs: 0, loadMs: 0, everyLoadMs: 0, allColdMs: 0, floorMs: 0, runMs: 0, runGibSeconds: 0, busyGibSeconds: 0, heldGibSeconds: 0, loads: 0, created: 0, evictions: 0 };

/** The totals of a run whose invokers were simulated apart. Of no parts: an error. */
export function addTotals([first, ...others]: readonly RunTotals[]): RunTotals {
  if (first === undefined) throw new RangeError('there are no totals to add');
  return others.reduce(addTwo, first);
}

function addTwo(left: RunTotals, right: RunTotals): RunTotals {
  const startupsMs = new Float32Array(left.startupsMs.length + right.startupsMs.length);
  startupsMs.set(left.startupsMs);
  startupsMs.set(right.startupsMs, left.startupsMs.length);
  const add = <Key extends string>(keys: readonly Key[], one: Readonly<Record<Key, number>>, other: Readonly<Record<Key, number>>): Record<Key, number> =>
    Object.fromEntries(keys.map((key) => [key, one[key] + other[key]])) as Record<Key, number>;
  return {
    startupsMs,
    byStartType: add(startTypes, left.byStartType, right.byStartType),
    byRegularity: Object.fromEntries(
      regularityClasses.map((name) => [name, { calls: left.byRegularity[name].calls + right.byRegularity[name].calls, hits: left.byRegularity[name].hits + right.byRegularity[name].hits }]),
    ) as Record<RegularityClass, HitsOfClass>,
    sums: add(Object.keys(noSums) as (keyof RunSums)[], left.sums, right.sums),
  };
}

/** The measures, and the startup in ms at 201 equally spaced ranks, in ascending order; none where no call succeeded. */
export function measuresOf({ startupsMs, byStartType, byRegularity, sums }: RunTotals): { readonly measures: Measures; readonly startupQuantilesMs: readonly number[] } {
  const startups = new GrowingFloats(startupsMs);
  const succeeded = startups.count;
  const activations = succeeded + sums.failed;
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  const measures: Measures = {
    activations,
    failed: sums.failed,
    byStartType,
    hitShare: share(byStartType.warm + byStartType.preloaded, succeeded),
    hitShareByRegularity: Object.fromEntries(Object.entries(byRegularity).flatMap(([name, { calls, hits }]) => (calls === 0 ? [] : [[name, hits / calls]]))),
    startupMeanMs: share(sums.startupMs, succeeded),
    startupP50Ms: startups.percentile(0.5) ?? 0,
    startupP90Ms: startups.percentile(0.9) ?? 0,
    startupP99Ms: startups.percentile(0.99) ?? 0,
    loadRemovedShare: sums.everyLoadMs === 0 ? 0 : 1 - sums.loadMs / sums.everyLoadMs,
    memoryGibSeconds: sums.heldGibSeconds,
    wastedGibSeconds: Math.max(0, sums.heldGibSeconds - sums.busyGibSeconds),
    loadsPerActivation: share(sums.loads, activations),
    containersCreated: sums.created,
    evictions: sums.evictions,
    scalerScore: scalerScoreOf({
      runGibSeconds: sums.runGibSeconds,
      heldGibSeconds: sums.heldGibSeconds,
      runMs: sums.runMs,
      startupMs: sums.startupMs,
      succeededShare: share(succeeded, activations),
    }),
    regret: regretOf({ startupMs: sums.startupMs, floorMs: sums.floorMs, allColdMs: sums.allColdMs }),
  };
  return { measures, startupQuantilesMs: succeeded === 0 ? [] : Array.from({ length: 201 }, (_, rank) => startups.percentile(rank / 200) ?? 0) };
}
