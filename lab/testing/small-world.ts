// A world small enough to be worked out by hand: containers of 1000 MB start in 500 ms, code is initialised in 10, artifacts
// are adopted in 5, and everything else is said by the test.
import { actionKeyOf, shortNameOf } from '../../common/action-identity.ts';
import type { SchedulerCommand, StartType } from '../../invoker-plugin/core/commands.ts';
import type { Measures } from '../measures/measures.ts';
import { RunMeter } from '../measures/run-meter.ts';
import { measuresOf } from '../measures/run-totals.ts';
import type { PolicyDefinition } from '../policies/policy.ts';
import type { PlatformCosts } from '../simulation/costs.ts';
import { deploymentLeadMs, simulatePolicy, type Call } from '../simulation/simulate-policy.ts';
import type { SimulatedOutcome } from '../simulation/simulated-containers.ts';
import type { LabFunction } from '../workload.ts';

export const mib = 2 ** 20;
export const minuteMs = 60_000;
export const smallPlatform: PlatformCosts = { containerStartMs: 500, cleanMs: 2, removeMs: 30, offloadMs: 8, emptyContainerBytes: 0 };

/** Name, load in ms, memory in MB; all of the namespace `guest`. */
export type SmallAction = readonly [name: string, loadMs: number, residentMb: number];

export interface SmallWorld {
  readonly policy: PolicyDefinition;
  readonly actions: readonly SmallAction[];
  /** Time in ms and action of each call, in order; each runs for `runMs`. */
  readonly calls: readonly (readonly [atMs: number, action: string])[];
  readonly containers: number;
  /** Calls that one container may run at once, of every action. */
  readonly concurrencyLimit?: number;
  readonly runMs?: number;
  /** Model files of each action, and what the host's page cache holds of them, in MB (10^6 bytes); absent: wherever files are, loads take the same. */
  readonly fileMb?: number;
  readonly pageCacheMb?: number;
  readonly readAheadMbPerSecond?: number;
  readonly keepAliveMs?: number;
  readonly durationMs?: number;
  readonly seed?: number;
}

export interface SmallRun {
  /** In the order in which calls ended: action, start type, startup in ms. */
  readonly starts: readonly (readonly [action: string, startType: StartType, startupMs: number])[];
  /** Loads ahead: ms of the replay (negative: before it), action. */
  readonly loads: readonly (readonly [atMs: number, action: string])[];
  /** Removals of containers: ms of the replay, reason. */
  readonly removals: readonly (readonly [atMs: number, reason: string])[];
  readonly measures: Measures;
}

export function runSmallWorld(world: SmallWorld): SmallRun {
  const functions = world.actions.map(([name, loadMs, residentMb]): LabFunction => ({
    actionKey: actionKeyOf(`guest/${name}`),
    namespace: 'guest',
    memoryLimitBytes: 1000 * mib,
    concurrencyLimit: world.concurrencyLimit,
    costs: { initMs: 10, coldInitMs: 10, adoptMs: 5, loadMs, aheadLoadMs: loadMs, firstRunExtraMs: 0, residentBytes: residentMb * mib, ...(world.fileMb === undefined ? {} : { fileBytes: world.fileMb * 1e6 }), estimatedLoadMs: loadMs, estimatedResidentBytes: residentMb * mib },
    runSamplesMs: [world.runMs ?? 100],
  }));
  const indexOf = (action: string): number => {
    const index = world.actions.findIndex(([name]) => name === action);
    if (index < 0) throw new Error(`the test names no action ${action}`);
    return index;
  };
  const arrivals = world.calls.map(([atMs, action]) => ({ atMs, functionIndex: indexOf(action), runMs: undefined }));
  const workload = { functions, durationMs: world.durationMs ?? 0, arrivals: () => arrivals };
  const run = { starts: [] as [string, StartType, number][], loads: [] as [number, string][], removals: [] as [number, string][] };
  const counting = new RunMeter(functions, smallPlatform);
  const meter = {
    onArrived: (functionIndex: number, atMs: number): void => {
      counting.onArrived(functionIndex, atMs);
    },
    onCommand: (command: SchedulerCommand, at: number): void => {
      counting.onCommand(command, at);
      if (command.type === 'load') run.loads.push([at - deploymentLeadMs, shortNameOf(command.actionKey)]);
      if (command.type === 'removeContainer') run.removals.push([at - deploymentLeadMs, command.reason]);
    },
    onContainerGone: (bytes: number, at: number): void => {
      counting.onContainerGone(bytes, at);
    },
    onRan: (outcome: SimulatedOutcome, call: Call): void => {
      counting.onRan(outcome, call);
      run.starts.push([shortNameOf(outcome.actionKey), outcome.startType, Math.round((outcome.readyAt - call.arrivedAt + outcome.initMs + outcome.loadMs) * 1000) / 1000]);
    },
    onFailed: (call: Call): void => {
      counting.onFailed(call);
    },
  };
  const { endedAt } = simulatePolicy({
    workload,
    platform: smallPlatform,
    policy: world.policy,
    invokerCount: 1,
    poolMemoryBytes: world.containers * 1000 * mib,
    containerMemoryBytes: 1000 * mib,
    keepAliveMs: world.keepAliveMs,
    headroomShare: 0,
    pageCacheBytes: world.pageCacheMb === undefined ? undefined : world.pageCacheMb * 1e6,
    weighing: { readAheadBytesPerSecond: (world.readAheadMbPerSecond ?? 0) * 1e6 },
    seed: world.seed ?? 1,
    meter,
  });
  return { ...run, measures: measuresOf(counting.totals(endedAt)).measures };
}
