// Runs policies against each other: the same calls, the same costs, the same memory, over several seeds.
import { estimateOf, type Estimate } from './measures/confidence.ts';
import { functionClassesOf, type FunctionClasses } from './measures/function-classes.ts';
import type { Measures } from './measures/measures.ts';
import { RunMeter } from './measures/run-meter.ts';
import type { LoadedTrace } from './build-workload.ts';
import type { CostSet } from './cost-sets.ts';
import type { PolicyDefinition } from './policies/policy.ts';
import { RunRecorder, type RunRecording } from './report/run-recording.ts';
import { deploymentLeadMs, simulatePolicy } from './simulation/simulate-policy.ts';
import { regularityClasses, type RegularityClass } from './traces/regularity.ts';
import type { Workload } from './workload.ts';

/** Memory of the pool: a share of what all artifacts take together, or bytes. */
export type MemorySize = { readonly share: number } | { readonly bytes: number };

export interface CompareInput {
  readonly trace: LoadedTrace;
  readonly costs: CostSet;
  readonly policies: readonly PolicyDefinition[];
  readonly memory: readonly MemorySize[];
  readonly seeds: readonly number[];
  readonly keepAliveMs: number | undefined;
  readonly invokerCount: number;
  /** Page cache of each invoker's host; undefined: none is simulated. */
  readonly pageCacheBytes?: number | undefined;
  readonly readAheadBytesPerSecond?: number | undefined;
  /** Told before each policy begins. */
  readonly onProgress: (text: string) => void;
  /** Milliseconds of the machine's clock. */
  readonly clock: () => number;
}

export const estimatedMeasures = [
  'hitShare',
  'startupMeanMs',
  'startupP50Ms',
  'startupP90Ms',
  'startupP99Ms',
  'loadRemovedShare',
  'memoryGibSeconds',
  'wastedGibSeconds',
  'loadsPerActivation',
  'containersCreated',
  'evictions',
  'scalerScore',
  'regret',
] as const satisfies readonly (keyof Measures)[];
export type EstimatedMeasure = (typeof estimatedMeasures)[number];

export interface ComparisonRow {
  readonly policy: string;
  readonly title: string;
  /** Of each invoker. */
  readonly poolMemoryBytes: number;
  /** The share that was asked for; null for bytes. */
  readonly memoryShare: number | null;
  readonly estimates: Readonly<Record<EstimatedMeasure, Estimate>>;
  /** Hit share of the functions of each class of regularity, over the seeds in which there are any. */
  readonly hitShareByRegularity: Readonly<Partial<Record<RegularityClass, Estimate>>>;
  /** In the order of the seeds. */
  readonly runs: readonly Measures[];
  /** Startup in ms at equally spaced ranks from the shortest to the longest, of the first seed. */
  readonly startupQuantilesMs: readonly number[];
  readonly events: number;
  readonly tookMs: number;
}

/** One row for each memory size and policy, in that order. */
export function comparePolicies(input: CompareInput): readonly ComparisonRow[] {
  const { trace, seeds, memory, policies } = input;
  const workloads = seeds.map((seed): SeededWorkload => {
    const workload = trace.workload(seed);
    return { seed, workload, classes: functionClassesOf(workload) };
  });
  return memory.flatMap((size) =>
    policies.map((policy): ComparisonRow => {
      input.onProgress(`${policy.name}, ${'share' in size ? `${size.share * 100} %` : `${size.bytes / 2 ** 20} MB`}`);
      const startedAt = input.clock();
      const results = workloads.map((seeded) => runOnce(input, seeded, policy, size));
      const runs = results.map(({ measures }) => measures);
      const estimates = Object.fromEntries(estimatedMeasures.map((name) => [name, estimateOf(runs.map((run) => run[name]))])) as Record<EstimatedMeasure, Estimate>;
      return {
        policy: policy.name,
        title: policy.title,
        poolMemoryBytes: results[0]?.poolMemoryBytes ?? 0,
        memoryShare: 'share' in size ? size.share : null,
        estimates,
        hitShareByRegularity: hitSharesOf(runs),
        runs,
        startupQuantilesMs: results[0]?.startupQuantilesMs ?? [],
        events: results.reduce((sum, { events }) => sum + events, 0),
        tookMs: input.clock() - startedAt,
      };
    }),
  );
}

interface SeededWorkload {
  readonly seed: number;
  readonly workload: Workload;
  readonly classes: FunctionClasses;
}

function hitSharesOf(runs: readonly Measures[]): ComparisonRow['hitShareByRegularity'] {
  return Object.fromEntries(
    regularityClasses.flatMap((name) => {
      const shares = runs.flatMap(({ hitShareByRegularity }) => hitShareByRegularity[name] ?? []);
      return shares.length === 0 ? [] : [[name, estimateOf(shares)]];
    }),
  );
}

/** One run that a report shows closely: the policy at that memory, with the first seed. */
export function recordRun(input: CompareInput, policy: PolicyDefinition, size: MemorySize): RunRecording {
  const recorder = new RunRecorder(deploymentLeadMs);
  const seed = input.seeds[0] ?? 1;
  const watched: PolicyDefinition = {
    ...policy,
    create: (policyInput) => {
      const inner = policy.create(policyInput);
      return {
        step: (event) => {
          const result = inner.step(event);
          recorder.record(event, result.commands);
          return result;
        },
      };
    },
  };
  const workload = input.trace.workload(seed);
  return recorder.recording(runOnce(input, { seed, workload, classes: functionClassesOf(workload) }, watched, size).endedAt);
}

function runOnce(input: CompareInput, { seed, workload, classes }: SeededWorkload, policy: PolicyDefinition, size: MemorySize): { measures: Measures; startupQuantilesMs: readonly number[]; events: number; poolMemoryBytes: number; endedAt: number } {
  const { costs, keepAliveMs, invokerCount, pageCacheBytes, readAheadBytesPerSecond } = input;
  const meter = new RunMeter(workload.functions, costs.platform, classes);
  const poolMemoryBytes = poolMemoryBytesOf(size, workload, costs, invokerCount);
  const { events, endedAt } = simulatePolicy({
    workload,
    platform: costs.platform,
    policy,
    invokerCount,
    poolMemoryBytes,
    containerMemoryBytes: costs.containerMemoryBytes,
    keepAliveMs,
    headroomShare: costs.headroomShare,
    pageCacheBytes,
    readAheadBytesPerSecond,
    seed,
    meter,
  });
  return { measures: meter.measures(endedAt), startupQuantilesMs: meter.startupQuantilesMs(), events, poolMemoryBytes, endedAt };
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
