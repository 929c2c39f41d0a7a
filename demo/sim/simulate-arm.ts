// One arm of a replay on virtual time, summed up as a live one is. It writes nothing.
import { replayPreloaderConfig, schedulerConfigOf, type ReplayOptions } from '../options.ts';
import type { Arm } from '../arms.ts';
import type { Profile } from '../../lab/simulation/profile.ts';
import { poolUsageOf } from '../report/pool-usage.ts';
import { runContextOf, summarize } from '../report/summary.ts';
import type { Summary } from '../report/summary-schema.ts';
import path from 'node:path';
import type { Arrival } from '../../lab/traces/arrivals.ts';
import { actionsOfTrace, type AssignedTrace } from '../../lab/traces/assign-actions.ts';
import { runSimulation, type SimulationResult } from './run-simulation.ts';

/** What the arms of one replay have in common. */
export interface Workload<Options extends ReplayOptions = ReplayOptions> {
  readonly options: Options;
  readonly trace: AssignedTrace;
  readonly arrivals: readonly Arrival[];
  readonly profile: Profile;
}

export function simulateArm(workload: Workload, arm: Arm): { result: SimulationResult; summary: Summary } {
  const { options, trace, arrivals, profile } = workload;
  const result = runSimulation({
    arrivals,
    actions: actionsOfTrace(trace),
    profile,
    loading: arm.loading,
    scheduler: schedulerConfigOf(options, arm),
    preloader: replayPreloaderConfig,
    containerMemoryBytes: options.containerMemoryBytes,
    seed: options.seed,
  });
  const summary = summarize({
    context: runContextOf({ source: 'simulated', measuredOn: profile.measuredOn, options, arm, trace, traceName: path.basename(trace.file) }),
    rows: result.rows,
    expectedActivations: arrivals.length,
    pool: poolUsageOf(result.journalEntries, { fromAt: result.replayStartedAt, toAt: result.replayEndedAt }),
  });
  return { result, summary };
}
