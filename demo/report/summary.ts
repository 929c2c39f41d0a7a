// From the rows of a run to its summary: pure arithmetic, the same for live and simulated runs.
import { bytesPerMegabyte } from '../../common/action-document.ts';
import { startTypes } from '../../invoker-plugin/core/commands.ts';
import type { ReplayOptions } from '../options.ts';
import type { Arm } from '../arms.ts';
import type { AssignedTrace } from '../../lab/traces/assign-actions.ts';
import type { PoolUsage } from './pool-usage.ts';
import { startupMsOf, type ActivationRow } from './rows.ts';
import { distributionOf, medianOf, percentileMethod, roundTo } from '../../common/statistics.ts';
import type { RunContext, Summary } from './summary-schema.ts';

export interface SummaryInput {
  readonly context: RunContext;
  readonly rows: readonly ActivationRow[];
  /** Arrivals of the replay, also those that an interrupted run never got to. */
  readonly expectedActivations: number;
  readonly pool: PoolUsage;
}

/** The summary of one run; latencies and shares are those of the successful activations, failures are counted beside them. */
export function summarize(input: SummaryInput): Summary {
  const { rows, context, pool, expectedActivations } = input;
  const successes = rows.filter((row) => row.status === 'success');
  const preloaded = successes.filter((row) => row.startType === 'preloaded');
  const warm = successes.filter((row) => row.startType === 'warm');
  const actions = [...new Set(rows.map((row) => row.action))].sort().map((action) => summarizeAction(action, rows));
  const steadyMsOf = new Map(actions.map(({ action, firstInference }) => [action, firstInference?.steadyMs]));
  const ratios = preloaded.flatMap(({ action, inferenceMs }) => {
    const steadyMs = steadyMsOf.get(action);
    return inferenceMs === undefined || steadyMs === undefined ? [] : [inferenceMs / steadyMs];
  });
  const shareOf = (part: number): number | null => (successes.length === 0 ? null : roundTo(part / successes.length, 4));
  const distribution = (valueOf: (row: ActivationRow) => number): Summary['startupMs'] => distributionOf(successes.map(valueOf));
  return {
    formatVersion: 1,
    context,
    percentileMethod,
    activations: {
      expected: expectedActivations,
      completed: rows.length,
      succeeded: successes.length,
      byStatus: countBy(rows, (row) => row.status),
      byStartType: { ...zeroStartTypes(), ...countBy(rows, (row) => row.startType) },
    },
    warmOrPreloadedShare: shareOf(warm.length + preloaded.length),
    preloadedShare: shareOf(preloaded.length),
    startupMs: distribution(startupMsOf),
    waitMs: distribution((row) => row.waitMs),
    initMs: distribution((row) => row.initMs),
    loadMs: distribution((row) => row.loadMs),
    runMs: distribution((row) => row.runMs),
    e2eMs: distribution((row) => row.e2eMs),
    preloadedInitPlusLoadMs: distributionOf(preloaded.map((row) => row.initMs + row.loadMs)),
    firstToSteadyInferenceRatio: nullable(medianOf(ratios)),
    actions,
    pool: { ...pool },
  };
}

function summarizeAction(action: string, allRows: readonly ActivationRow[]): Summary['actions'][number] {
  const rows = allRows.filter((row) => row.action === action);
  const successes = rows.filter((row) => row.status === 'success');
  const medianInference = (startType: ActivationRow['startType']): number | undefined =>
    medianOf(successes.flatMap((row) => (row.startType === startType && row.inferenceMs !== undefined ? [row.inferenceMs] : [])));
  const preloadedMs = medianInference('preloaded');
  const steadyMs = medianInference('warm');
  return {
    action,
    activations: rows.length,
    byStartType: countBy(rows, (row) => row.startType),
    startupMs: distributionOf(successes.map(startupMsOf)),
    runMs: distributionOf(successes.map((row) => row.runMs)),
    e2eMs: distributionOf(successes.map((row) => row.e2eMs)),
    firstInference:
      preloadedMs === undefined || steadyMs === undefined || steadyMs === 0
        ? null
        : { preloadedMs: roundTo(preloadedMs, 3), steadyMs: roundTo(steadyMs, 3), ratio: roundTo(preloadedMs / steadyMs, 4) },
  };
}

function zeroStartTypes(): Record<string, number> {
  return Object.fromEntries([...startTypes, 'none'].map((type) => [type, 0]));
}

function countBy(rows: readonly ActivationRow[], nameOf: (row: ActivationRow) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows) counts[nameOf(row)] = (counts[nameOf(row)] ?? 0) + 1;
  return counts;
}

function nullable(value: number | undefined): number | null {
  return value === undefined ? null : roundTo(value, 4);
}

/** The context of a run from its options, its arm and its trace. */
export function runContextOf(input: {
  readonly source: RunContext['source'];
  readonly measuredOn: string;
  readonly options: ReplayOptions & { readonly cache?: 'warm' | 'cold'; readonly small?: boolean };
  readonly arm: Arm;
  readonly trace: AssignedTrace;
  /** How the trace is called in the report; its path says too much of the machine. */
  readonly traceName: string;
}): RunContext {
  const { options, trace } = input;
  return {
    source: input.source,
    measuredOn: input.measuredOn,
    arm: { ...input.arm },
    seed: options.seed,
    arrivals: options.arrivals,
    speed: options.speed,
    cache: options.cache ?? 'warm',
    smallModels: options.small ?? false,
    poolMemoryMb: options.poolMemoryBytes / bytesPerMegabyte,
    containerMemoryMb: options.containerMemoryBytes / bytesPerMegabyte,
    keepAliveSeconds: options.keepAliveMs / 1000,
    zygoteWindowSeconds: options.zygoteWindowMs / 1000,
    stemCells: options.stemCellCount,
    trace: {
      file: input.traceName,
      minutes: trace.minuteCount,
      functions: trace.functions.length,
      invocations: trace.invocationCount,
    },
  };
}
