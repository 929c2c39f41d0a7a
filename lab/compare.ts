// Runs policies against each other: the same calls, the same costs, the same memory, over several seeds.
import { estimateOf, type Estimate } from './measures/confidence.ts';
import type { Measures } from './measures/measures.ts';
import { addTotals, measuresOf } from './measures/run-totals.ts';
import { policyNamed } from './policies/index.ts';
import type { PolicyDefinition } from './policies/policy.ts';
import { RunRecorder, type RunRecording } from './report/run-recording.ts';
import { jointProgress } from './runs/joint-progress.ts';
import { LabRunner, ofAllInvokers, type LabRun, type LabSetup, type MemorySize } from './runs/lab-run.ts';
import { runWhole, type LabRuns } from './runs/lab-runs.ts';
import { deploymentLeadMs } from './simulation/simulate-policy.ts';
import { regularityClasses, type RegularityClass } from './traces/regularity.ts';

export interface CompareInput {
  /** Names. */
  readonly policies: readonly string[];
  readonly memory: readonly MemorySize[];
  readonly seeds: readonly number[];
  /** A run of several invokers is done in parts where there are threads for them. */
  readonly invokerCount: number;
  readonly runs: LabRuns;
  /** Told now and then of the share of all runs that is done. */
  readonly onProgress: (doneShare: number) => void;
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
}

/** One row for each memory size and policy, in that order. */
export async function comparePolicies({ policies, memory, seeds, invokerCount, runs, onProgress }: CompareInput): Promise<readonly ComparisonRow[]> {
  const rows = memory.flatMap((size) => policies.map((policy) => ({ size, policy: policyNamed(policy), runs: seeds.map((seed): LabRun => ({ policy, memory: size, seed })) })));
  const runCount = rows.length * seeds.length;
  const parts = runCount < runs.threads ? Math.min(runs.threads, invokerCount) : 1;
  const reportOf = jointProgress(runCount, onProgress);
  let started = 0;
  const measured = async (run: LabRun): Promise<MeasuredRun> => {
    const report = reportOf(started++);
    const results = await runWhole(runs, run, parts, report);
    report(1);
    return { ...measuresOf(addTotals(results.map(({ totals }) => totals))), events: results.reduce((sum, { events }) => sum + events, 0), poolMemoryBytes: results[0]?.poolMemoryBytes ?? 0 };
  };
  return Promise.all(rows.map(async ({ size, policy, runs: runsOfRow }) => rowOf(policy, size, await Promise.all(runsOfRow.map(measured)))));
}

interface MeasuredRun {
  readonly measures: Measures;
  readonly startupQuantilesMs: readonly number[];
  readonly events: number;
  readonly poolMemoryBytes: number;
}

function rowOf(policy: PolicyDefinition, size: MemorySize, results: readonly MeasuredRun[]): ComparisonRow {
  const runs = results.map(({ measures }) => measures);
  return {
    policy: policy.name,
    title: policy.title,
    poolMemoryBytes: results[0]?.poolMemoryBytes ?? 0,
    memoryShare: 'share' in size ? size.share : null,
    estimates: Object.fromEntries(estimatedMeasures.map((name) => [name, estimateOf(runs.map((run) => run[name]))])) as Record<EstimatedMeasure, Estimate>,
    hitShareByRegularity: hitSharesOf(runs),
    runs,
    startupQuantilesMs: results[0]?.startupQuantilesMs ?? [],
    events: results.reduce((sum, { events }) => sum + events, 0),
  };
}

function hitSharesOf(runs: readonly Measures[]): ComparisonRow['hitShareByRegularity'] {
  return Object.fromEntries(
    regularityClasses.flatMap((name) => {
      const shares = runs.flatMap(({ hitShareByRegularity }) => hitShareByRegularity[name] ?? []);
      return shares.length === 0 ? [] : [[name, estimateOf(shares)]];
    }),
  );
}

/** One run that a report shows closely. */
export function recordRun(setup: LabSetup, run: LabRun): RunRecording {
  const recorder = new RunRecorder(deploymentLeadMs);
  const policy = policyNamed(run.policy);
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
  return recorder.recording(ofAllInvokers(new LabRunner(setup).run(run, undefined, watched)).endedAt);
}
