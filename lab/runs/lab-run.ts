// One run: one policy with one size of memory on the calls of one seed, or on those of a part of the invokers. What goes in and
// comes out are plain values, so that runs can be done by other threads.
import type { LoadedTrace } from '../build-workload.ts';
import type { CostSet } from '../cost-sets.ts';
import { RunMeter } from '../measures/run-meter.ts';
import type { RunTotals } from '../measures/run-totals.ts';
import { policyNamed } from '../policies/index.ts';
import { HomeIsFullError, simulatePolicy, type RunPart, type SimulatePolicyInput } from '../simulation/simulate-policy.ts';
import type { Workload } from '../workload.ts';

/** Memory of the pool: a share of what all artifacts take together, or bytes. */
export type MemorySize = { readonly share: number } | { readonly bytes: number };

/** What all runs of a comparison have in common. */
export interface LabSetup extends Pick<SimulatePolicyInput, 'keepAliveMs' | 'invokerCount' | 'pageCacheBytes' | 'weighing'> {
  readonly trace: LoadedTrace;
  readonly costs: CostSet;
}

export interface LabRun {
  /** Name of the policy. */
  readonly policy: string;
  readonly memory: MemorySize;
  readonly seed: number;
  /** Of the invokers; undefined: all. */
  readonly part?: RunPart | undefined;
}

export interface LabRunResult {
  readonly totals: RunTotals;
  /** Events that the policy took in. */
  readonly events: number;
  readonly endedAt: number;
  /** Of each invoker. */
  readonly poolMemoryBytes: number;
}

/** The result of a run that is no part. */
export function ofAllInvokers(result: LabRunResult | 'home-is-full'): LabRunResult {
  if (result === 'home-is-full') throw new Error('a run of all invokers was told that it is a part');
  return result;
}

/** Does runs one after the other; the calls of a seed are kept for the next. */
export class LabRunner {
  readonly #setup: LabSetup;
  readonly #workloads = new Map<number, Workload>();

  constructor(setup: LabSetup) {
    this.#setup = setup;
  }

  /**
   * @param onProgress told now and then of the share that is done
   * @param policy in place of the one with the run's name: one that is watched
   * @returns 'home-is-full' where it is a part and cannot be done apart
   */
  run({ policy: name, memory, seed, part }: LabRun, onProgress?: (doneShare: number) => void, policy = policyNamed(name)): LabRunResult | 'home-is-full' {
    const { trace: _trace, costs, ...settings } = this.#setup;
    const workload = this.#workloadOf(seed);
    const meter = new RunMeter(workload.functions, costs.platform);
    const poolMemoryBytes = poolMemoryBytesOf(memory, workload, costs, settings.invokerCount);
    try {
      const { events, endedAt } = simulatePolicy({
        ...settings,
        workload,
        platform: costs.platform,
        policy,
        poolMemoryBytes,
        containerMemoryBytes: costs.containerMemoryBytes,
        headroomShare: costs.headroomShare,
        seed,
        meter,
        part,
        onProgress: (replayedMs) => onProgress?.(replayedMs / workload.durationMs),
      });
      return { totals: meter.totals(endedAt), events, endedAt, poolMemoryBytes };
    } catch (error) {
      if (error instanceof HomeIsFullError) return 'home-is-full';
      throw error;
    }
  }

  #workloadOf(seed: number): Workload {
    let workload = this.#workloads.get(seed);
    if (workload === undefined) this.#workloads.set(seed, (workload = this.#setup.trace.workload(seed)));
    return workload;
  }
}

/**
 * A share counts of what all functions' artifacts take, each with an empty container around it, over all invokers; rounded up
 * to whole containers, at least one on each invoker. Worked: the eight models as published take 8792 MB: 25 % are 2198 MB, in
 * containers of 2048 MB two of them; 50 % three; 100 % five, the fewest that can hold all eight.
 */
export function poolMemoryBytesOf(size: MemorySize, { functions }: Workload, costs: CostSet, invokerCount: number): number {
  if ('bytes' in size) return size.bytes;
  const { emptyContainerBytes } = costs.platform;
  const allBytes = functions.reduce((sum, labFunction) => sum + labFunction.costs.residentBytes + emptyContainerBytes, 0);
  const containers = Math.ceil((size.share * allBytes) / invokerCount / costs.containerMemoryBytes);
  return Math.max(1, containers) * costs.containerMemoryBytes;
}
