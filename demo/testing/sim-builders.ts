// A small workload for tests of the simulation.
import { comparisonArms, type Arm } from '../arms.ts';
import { parseSimOptions, replayPreloaderConfig, schedulerConfigOf, type SimOptions } from '../options.ts';
import type { ActionProfile, Profile } from '../../lab/simulation/profile.ts';
import type { SimulationInput } from '../sim/run-simulation.ts';

/** Round figures that are easy to add up: init 10 or 4 ms, load 1000 or 100 ms, run 20 ms, first run 5 or 7 ms more. */
export function actionProfileWith(fields: Partial<ActionProfile> = {}): ActionProfile {
  return {
    initMs: { stock: 10, mapped: 10 },
    coldInitMs: { stock: 10, mapped: 10 },
    adoptMs: 4,
    loadMs: { stock: 1000, mapped: 100 },
    aheadLoadMs: 150,
    runSamplesMs: { stock: [20], mapped: [20] },
    firstRunExtraMs: { stock: 5, mapped: 7 },
    residentBytes: 50 * 1024 * 1024,
    estimatedLoadMs: 100,
    estimatedResidentBytes: 50_000_000,
    ...fields,
  };
}

export function profileWith(actions: Readonly<Record<string, ActionProfile>>): Profile {
  return {
    formatVersion: 1,
    measuredOn: 'nowhere',
    containerStartMs: 300,
    cleanMs: 2,
    removeMs: 30,
    offloadMs: 8,
    emptyContainerBytes: 60 * 1024 * 1024,
    actions: { ...actions },
  };
}

/** A run of one or two actions, keep-alive only, unless told otherwise. */
export function simulationInputWith(fields: Partial<SimulationInput> & { argv?: readonly string[]; arm?: Arm } = {}): SimulationInput {
  const { argv = [], arm = comparisonArms[0] as Arm, ...rest } = fields;
  const options: SimOptions = parseSimOptions(argv, {});
  return {
    arrivals: [],
    actions: ['a', 'b'],
    profile: profileWith({ a: actionProfileWith(), b: actionProfileWith({ runSamplesMs: { stock: [30], mapped: [30] } }) }),
    loading: arm.loading,
    scheduler: schedulerConfigOf(options, arm),
    preloader: replayPreloaderConfig,
    containerMemoryBytes: options.containerMemoryBytes,
    seed: 1,
    ...rest,
  };
}
