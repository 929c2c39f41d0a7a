// The options of `npm run lab -- compare`, and what they say of every run.
import { choiceOption, listOption, numberOption, parseOptions, switchOption, textOption } from '../common/config.ts';
import { AppError } from '../common/errors.ts';
import { usualWeighing } from '../invoker-plugin/core/config.ts';
import { loadTrace, syntheticTrace, type LoadedTrace } from './build-workload.ts';
import { costSetNames, measuredCosts, publishedCosts, type CostSet } from './cost-sets.ts';
import { policies } from './policies/index.ts';
import type { LabSetup, MemorySize } from './runs/lab-run.ts';
import { shippedProfileFile, shippedTraceFile } from './shipped-files.ts';
import { readProfile } from './simulation/read-profile.ts';
import { openTrace } from './traces/open-trace.ts';
import { syntheticClasses } from './traces/synthetic-trace.ts';
import { readWishesFile, withWishes } from './wishes.ts';

export type Env = Readonly<Record<string, string | undefined>>;
const env = (name: string): string => `INSTAINFER_LAB_${name}`;
const bytesPerMib = 2 ** 20;
/** Of files and rates. */
const bytesPerMb = 1e6;

export const compareTable = {
  trace: textOption({ flag: 'trace', env: env('TRACE'), description: 'A trace file, or synth:CLASS for calls made anew for each seed; the shipped trace by default.', valueName: `FILE|synth:${syntheticClasses.join('|')}` }),
  policies: listOption({ flag: 'policies', env: env('POLICIES'), description: `The policies that are compared; all by default: ${policies.map(({ name }) => name).join(', ')}.`, valueName: 'NAME,NAME' }),
  memory: listOption({ flag: 'memory', env: env('MEMORY'), description: 'Memory of the pool of each invoker: shares of what all artifacts take, or MB; 25%,50%,100% by default.', valueName: '25%,8192' }),
  seeds: numberOption({ flag: 'seeds', env: env('SEEDS'), description: 'How many seeds, from 1 on.', valueName: 'N', min: 1, max: 1000, integer: true, defaultValue: 10 }),
  costs: choiceOption({ flag: 'costs', env: env('COSTS'), description: 'What loading takes and models weigh: as InstaInfer was published with, or as measured with this project.', choices: costSetNames, defaultValue: 'published' }),
  keepAlive: numberOption({ flag: 'keep-alive', env: env('KEEP_ALIVE'), description: 'Seconds of keep-alive for every policy that has one; 0 leaves each at its own, as published.', valueName: 'S', min: 0, max: 86_400, defaultValue: 0 }),
  invokers: numberOption({ flag: 'invokers', env: env('INVOKERS'), description: 'How many invokers; calls are routed as a stock controller does.', valueName: 'N', min: 1, max: 10_000, integer: true, defaultValue: 1 }),
  pageCache: numberOption({ flag: 'page-cache', env: env('PAGE_CACHE'), description: 'MB of model files that the page cache of each host holds: a load then reads what is not there from the disk, at 1 GB/s; 0: loads take the same wherever files are.', valueName: 'MB', min: 0, max: 10_000_000, defaultValue: 0 }),
  readAhead: numberOption({ flag: 'read-ahead', env: env('READ_AHEAD'), description: 'With --page-cache: MB a second at which our scheduler reads files ahead of loads; 0: not at all.', valueName: 'MB', min: 0, max: 100_000, defaultValue: usualWeighing.readAheadBytesPerSecond / bytesPerMb }),
  memoryPrice: numberOption({ flag: 'memory-price', env: env('MEMORY_PRICE'), description: 'Milliseconds of startup that a GiB of containers held for a second has to save for our scheduler; 0: containers are started and kept as if memory cost nothing.', valueName: 'MS', min: 0, max: 1000, defaultValue: usualWeighing.memoryPriceMsPerGibSecond }),
  functions: numberOption({ flag: 'functions', env: env('FUNCTIONS'), description: 'Functions of a synthetic trace.', valueName: 'N', min: 1, max: 100_000, integer: true, defaultValue: 8 }),
  minutes: numberOption({ flag: 'minutes', env: env('MINUTES'), description: 'Length of a synthetic trace.', valueName: 'N', min: 1, max: 20_160, integer: true, defaultValue: 60 }),
  perMinute: numberOption({ flag: 'per-minute', env: env('PER_MINUTE'), description: 'Calls per minute of a synthetic trace, mean over the functions.', valueName: 'N', min: 0.001, max: 60_000, defaultValue: 2 }),
  skew: numberOption({ flag: 'skew', env: env('SKEW'), description: 'Zipf exponent of popularity in a synthetic trace.', valueName: 'N', min: 0, max: 3, defaultValue: 1 }),
  sample: numberOption({ flag: 'sample', env: env('SAMPLE'), description: 'Share of the calls that are replayed of a trace that has only the totals of a day.', valueName: 'N', min: 0.000_001, max: 1, defaultValue: 1 }),
  wishes: textOption({ flag: 'wishes', env: env('WISHES'), description: 'What functions ask of the scheduler, by name: a JSON file such as {"resnet50": {"preload-pin": 1}}, with the annotations of docs/actions.md.', valueName: 'FILE' }),
  threads: numberOption({ flag: 'threads', env: env('THREADS'), description: 'How many runs are done at once, or parts of one on several invokers; 0: as many as there are processors.', valueName: 'N', min: 0, max: 1024, integer: true, defaultValue: 0 }),
  byClass: switchOption({ flag: 'by-class', env: env('BY_CLASS'), description: 'Also prints the hits of predictable, normal and bursty functions apart.', defaultValue: false }),
  out: textOption({ flag: 'out', env: env('OUT'), description: 'File for all figures of all runs, as JSON.', valueName: 'FILE' }),
  report: textOption({ flag: 'report', env: env('REPORT'), description: 'File for a report with charts: one HTML page that needs nothing else.', valueName: 'FILE' }),
};
export type CompareOptions = ReturnType<typeof parseOptions<typeof compareTable>>['values'];

/** Throws AppError BAD_OPTION. */
export function parseCompareOptions(argv: readonly string[], environment: Env): CompareOptions {
  return parseOptions({ table: compareTable, argv, env: environment }).values;
}

/** Trace and costs are read anew. Throws AppError where they, or what the options name, cannot be had. */
export async function labSetupOf(options: CompareOptions): Promise<LabSetup> {
  const costs = options.costs === 'published' ? publishedCosts() : measuredCosts(await readProfile(shippedProfileFile));
  const plain = await traceOf(options, costs);
  return {
    trace: options.wishes === undefined ? plain : withWishes(plain, await readWishesFile(options.wishes)),
    costs,
    keepAliveMs: options.keepAlive === 0 ? undefined : options.keepAlive * 1000,
    invokerCount: options.invokers,
    pageCacheBytes: options.pageCache === 0 ? undefined : options.pageCache * bytesPerMb,
    weighing: { readAheadBytesPerSecond: options.readAhead * bytesPerMb, memoryPriceMsPerGibSecond: options.memoryPrice },
  };
}

/** Throws AppError for a size that is none, or holds no container. */
export function memorySizesOf({ memory }: CompareOptions, costs: CostSet): readonly MemorySize[] {
  return (memory ?? ['25%', '50%', '100%']).map((text) => memorySizeOf(text, costs));
}

function memorySizeOf(text: string, costs: CostSet): MemorySize {
  const share = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  const size: MemorySize | undefined = share !== undefined ? { share: Number(share) / 100 } : /^\d+$/.test(text) ? { bytes: Number(text) * bytesPerMib } : undefined;
  if (size === undefined || ('share' in size ? size.share : size.bytes) <= 0) throw new AppError('BAD_OPTION', `--memory has '${text}'.`, 'Give shares such as 50%, or MB such as 8192.');
  if ('bytes' in size && size.bytes < costs.containerMemoryBytes) {
    const mb = costs.containerMemoryBytes / bytesPerMib;
    throw new AppError('TOO_LITTLE_MEMORY', `--memory has ${text} MB, but one container takes ${mb} MB.`, `Give ${mb} or more.`);
  }
  return size;
}

async function traceOf(options: CompareOptions, costs: CostSet): Promise<LoadedTrace> {
  const file = options.trace ?? shippedTraceFile;
  const synthetic = /^synth:(.*)$/.exec(file)?.[1];
  if (synthetic === undefined) return loadTrace(await openTrace(file), costs, options.sample);
  const syntheticClass = syntheticClasses.find((candidate) => candidate === synthetic);
  if (syntheticClass === undefined) throw new AppError('BAD_OPTION', `There is no class '${synthetic}' of arrivals.`, `Take one of ${syntheticClasses.join(', ')}.`);
  return syntheticTrace({ syntheticClass, functionCount: options.functions, durationMs: options.minutes * 60_000, meanPerMinute: options.perMinute, skew: options.skew }, costs);
}
