// From a trace and a set of costs to what a comparison replays: a model for each function, and calls drawn from the seed where
// the trace does not say when they came.
import { actionKeyOf } from '../common/action-identity.ts';
import { AppError } from '../common/errors.ts';
import { createRandom } from '../common/random.ts';
import type { CostSet } from './cost-sets.ts';
import { arrivalProcess } from './traces/arrival-processes.ts';
import { createActionAssigner } from './traces/assign-actions.ts';
import { CountedFunctions } from './traces/counted-functions.ts';
import { mergedArrivals } from './traces/merged-arrivals.ts';
import type { OpenedTrace } from './traces/open-trace.ts';
import { syntheticInvocations, type SyntheticTraceInput } from './traces/synthetic-trace.ts';
import type { Invocation } from './traces/invocation.ts';
import type { LabArrival, LabFunction, Workload } from './workload.ts';

/** A trace that has been read: gives the workload of any seed. */
export interface LoadedTrace {
  readonly title: string;
  readonly functionCount: number;
  /** What one seed draws and another draws otherwise. */
  readonly seeded: string;
  readonly workload: (seed: number) => Workload;
}

/** Calls of traces with a row for each are kept; more than this are refused. */
const mostKeptInvocations = 5_000_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;

/** @param sample share of the calls that are replayed, where a trace gives only how many there were in a day. */
export async function loadTrace(trace: OpenedTrace, costs: CostSet, sample: number): Promise<LoadedTrace> {
  switch (trace.kind) {
    case 'counts':
      return loadCounts(trace, costs);
    case 'totals':
      return loadTotals(trace, costs, sample);
    case 'invocations':
      return loadInvocations(trace, costs);
  }
}

/** A synthetic trace, made anew for each seed. */
export function syntheticTrace(input: Omit<SyntheticTraceInput, 'seed'>, costs: CostSet): LoadedTrace {
  return {
    title: `synthetic, ${input.syntheticClass}: ${input.functionCount} functions, ${input.durationMs / minuteMs} min, ${input.meanPerMinute} calls a minute each`,
    functionCount: input.functionCount,
    seeded: 'all calls',
    workload: (seed) => {
      const invocations = [...syntheticInvocations({ ...input, seed })];
      const { functions, arrivals } = indexed(invocations, costs);
      return { functions, durationMs: input.durationMs, arrivals: (isAskedFor) => only(arrivals, isAskedFor) };
    },
  };
}

/** Gives each function its model and its name: known ones as the demo does, the others in turn. */
function createFunctionFactory(costs: CostSet): (functionKey: string) => LabFunction {
  const modelOf = createActionAssigner();
  const names = new Set<string>();
  return (functionKey) => {
    const parts = functionKey.split('/');
    const model = modelOf({ functionHash: parts.at(-1) ?? functionKey });
    const found = costs.models.get(model);
    if (found === undefined) throw new AppError('BAD_PROFILE', `The costs have no figures for '${model}'.`, 'Measure it with npm run demo.');
    const name = names.has(model) ? `${model}-${names.size}` : model;
    names.add(name);
    // Whoever owns the function; the excerpt that ships says `unknown` for all of its functions.
    const namespace = parts.length > 1 && parts[0] !== 'unknown' ? (parts[0] ?? 'guest') : 'guest';
    return { actionKey: actionKeyOf(`${namespace}/${name}`), namespace, memoryLimitBytes: costs.containerMemoryBytes, costs: found.costs, runSamplesMs: found.runSamplesMs };
  };
}

async function loadCounts(trace: OpenedTrace & { kind: 'counts' }, costs: CostSet): Promise<LoadedTrace> {
  const functionFor = createFunctionFactory(costs);
  const functions: LabFunction[] = [];
  const counted = new CountedFunctions();
  for await (const { functionKey, countsPerMinute } of trace.functions) {
    counted.add(functionKey, countsPerMinute);
    functions.push(functionFor(functionKey));
  }
  return {
    title: `${trace.schema}: ${functions.length} functions, ${counted.invocationCount} calls in ${counted.minuteCount} min`,
    functionCount: functions.length,
    seeded: 'when within its minute a call comes',
    workload: (seed) => ({ functions, durationMs: counted.minuteCount * minuteMs, arrivals: (isAskedFor) => only(counted.arrivals(seed), isAskedFor) }),
  };
}

/** Popularity and durations as published; when calls come is modelled: each function Poisson, with the rate rising and falling over the day. */
async function loadTotals(trace: OpenedTrace & { kind: 'totals' }, costs: CostSet, sample: number): Promise<LoadedTrace> {
  const functionFor = createFunctionFactory(costs);
  const functions: LabFunction[] = [];
  const rates: number[] = [];
  let calls = 0;
  for await (const { functionKey, averageMs, count } of trace.functions) {
    functions.push({ ...functionFor(functionKey), runSamplesMs: [averageMs] });
    rates.push((sample * count) / dayMs);
    calls += sample * count;
  }
  const never = (): number => Number.POSITIVE_INFINITY;
  function* arrivals(seed: number, isAskedFor: (functionIndex: number) => boolean = () => true): Generator<LabArrival> {
    const processes = rates.map((ratePerMs, index) =>
      ratePerMs === 0 || !isAskedFor(index) ? never : arrivalProcess('diurnal', { ratePerMs, durationMs: dayMs, random: createRandom(seed, `calls of function ${index}`) }),
    );
    for (const { atMs, functionIndex } of mergedArrivals(processes, dayMs)) yield { atMs, functionIndex, runMs: undefined };
  }
  return {
    title: `${trace.schema}: ${functions.length} functions, about ${Math.round(calls)} calls in a day, arrivals modelled`,
    functionCount: functions.length,
    seeded: 'all calls',
    workload: (seed) => ({ functions, durationMs: dayMs, arrivals: (isAskedFor) => arrivals(seed, isAskedFor) }),
  };
}

async function loadInvocations(trace: OpenedTrace & { kind: 'invocations' }, costs: CostSet): Promise<LoadedTrace> {
  const invocations: Invocation[] = [];
  for await (const invocation of trace.invocations) {
    invocations.push(invocation);
    if (invocations.length > mostKeptInvocations) throw new AppError('BAD_TRACE', `The trace holds more than ${mostKeptInvocations} calls.`, 'Cut it to fewer minutes.');
  }
  const { functions, arrivals } = indexed(invocations, costs);
  const durationMs = arrivals.at(-1)?.atMs ?? 0;
  return {
    title: `${trace.schema}: ${functions.length} functions, ${arrivals.length} calls in ${Math.ceil(durationMs / minuteMs)} min`,
    functionCount: functions.length,
    seeded: 'what policies draw; the calls are those of the trace',
    workload: () => ({ functions, durationMs, arrivals: (isAskedFor) => only(arrivals, isAskedFor) }),
  };
}

function only(arrivals: Iterable<LabArrival>, isAskedFor: ((functionIndex: number) => boolean) | undefined): Iterable<LabArrival> {
  return isAskedFor === undefined ? arrivals : filtered(arrivals, isAskedFor);
}

function* filtered(arrivals: Iterable<LabArrival>, isAskedFor: (functionIndex: number) => boolean): Generator<LabArrival> {
  for (const arrival of arrivals) if (isAskedFor(arrival.functionIndex)) yield arrival;
}

function indexed(invocations: readonly Invocation[], costs: CostSet): { functions: readonly LabFunction[]; arrivals: readonly LabArrival[] } {
  const functionFor = createFunctionFactory(costs);
  const indexOf = new Map<string, number>();
  const functions: LabFunction[] = [];
  const arrivals = invocations.map(({ atMs, functionKey, durationMs }): LabArrival => {
    let functionIndex = indexOf.get(functionKey);
    if (functionIndex === undefined) {
      functionIndex = functions.push(functionFor(functionKey)) - 1;
      indexOf.set(functionKey, functionIndex);
    }
    return { atMs, functionIndex, runMs: durationMs };
  });
  return { functions, arrivals };
}
