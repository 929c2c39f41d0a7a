// Rows and contexts for tests, with everything that a test does not care about filled in.
import type { ActivationRow } from '../report/rows.ts';
import type { RunContext } from '../report/summary-schema.ts';

/** A successful warm row of `resnet50`; e2e is the sum of the phases. */
export function rowWith(fields: Partial<ActivationRow> = {}): ActivationRow {
  const { waitMs = 0, initMs = 0, loadMs = 0, runMs = 40 } = fields;
  return {
    activationId: 'a',
    action: 'resnet50',
    arrival: 0,
    startType: 'warm',
    waitMs,
    initMs,
    loadMs,
    runMs,
    e2eMs: waitMs + initMs + loadMs + runMs,
    container: 'c1',
    preloaded: false,
    status: 'success',
    ...fields,
  };
}

export function contextWith(fields: Partial<RunContext> = {}): RunContext {
  return {
    source: 'simulated',
    measuredOn: 'nowhere',
    arm: { policy: 'pagurus', preload: true, loading: 'mapped' },
    seed: 1,
    arrivals: 'exact',
    speed: 1,
    cache: 'warm',
    smallModels: false,
    poolMemoryMb: 8192,
    containerMemoryMb: 2048,
    keepAliveSeconds: 60,
    zygoteWindowSeconds: 120,
    stemCells: 2,
    trace: { file: 'azure-2019-5min.csv', minutes: 5, functions: 8, invocations: 114 },
    ...fields,
  };
}
