// `npm run lab -- compare`: options in, table and JSON out.
import { writeFile } from 'node:fs/promises';
import { choiceOption, helpText, isHelpRequested, listOption, numberOption, parseOptions, switchOption, textOption } from '../common/config.ts';
import { AppError } from '../common/errors.ts';
import { usualWeighing } from '../invoker-plugin/core/config.ts';
import { comparePolicies, recordRun, type CompareInput, type MemorySize } from './compare.ts';
import { comparisonNotes, comparisonTable, regularityNote, regularityTable } from './comparison-text.ts';
import { costSetNames, measuredCosts, publishedCosts, type CostSet } from './cost-sets.ts';
import { loadTrace, syntheticTrace, type LoadedTrace } from './build-workload.ts';
import { comparisonReport } from './report/comparison-report.ts';
import { policies } from './policies/index.ts';
import type { PolicyDefinition } from './policies/policy.ts';
import { shippedProfileFile, shippedTraceFile } from './shipped-files.ts';
import { readProfile } from './simulation/read-profile.ts';
import { openTrace } from './traces/open-trace.ts';
import { readWishesFile, withWishes } from './wishes.ts';
import { syntheticClasses } from './traces/synthetic-trace.ts';
import type { TextSink } from './traces/trace-command.ts';

type Env = Readonly<Record<string, string | undefined>>;
const env = (name: string): string => `INSTAINFER_LAB_${name}`;
const bytesPerMib = 2 ** 20;
/** Of files and rates. */
const bytesPerMb = 1e6;

const compareTable = {
  trace: textOption({ flag: 'trace', env: env('TRACE'), description: 'A trace file, or synth:CLASS for calls made anew for each seed; the shipped trace by default.', valueName: `FILE|synth:${syntheticClasses.join('|')}` }),
  policies: listOption({ flag: 'policies', env: env('POLICIES'), description: `The policies that are compared; all by default: ${policies.map(({ name }) => name).join(', ')}.`, valueName: 'NAME,NAME' }),
  memory: listOption({ flag: 'memory', env: env('MEMORY'), description: 'Memory of the pool of each invoker: shares of what all artifacts take, or MB; 25%,50%,100% by default.', valueName: '25%,8192' }),
  seeds: numberOption({ flag: 'seeds', env: env('SEEDS'), description: 'How many seeds, from 1 on.', valueName: 'N', min: 1, max: 1000, integer: true, defaultValue: 10 }),
  costs: choiceOption({ flag: 'costs', env: env('COSTS'), description: 'What loading takes and models weigh: as InstaInfer was published with, or as measured with this project.', choices: costSetNames, defaultValue: 'published' }),
  keepAlive: numberOption({ flag: 'keep-alive', env: env('KEEP_ALIVE'), description: 'Seconds of keep-alive for every policy that has one; 0 leaves each at its own, as published.', valueName: 'S', min: 0, max: 86_400, defaultValue: 0 }),
  invokers: numberOption({ flag: 'invokers', env: env('INVOKERS'), description: 'How many invokers; calls are routed as a stock controller does.', valueName: 'N', min: 1, max: 10_000, integer: true, defaultValue: 1 }),
  pageCache: numberOption({ flag: 'page-cache', env: env('PAGE_CACHE'), description: 'MB of model files that the page cache of each host holds: a load then reads what is not there from the disk, at 1 GB/s; 0: loads take the same wherever files are.', valueName: 'MB', min: 0, max: 10_000_000, defaultValue: 0 }),
  readAhead: numberOption({ flag: 'read-ahead', env: env('READ_AHEAD'), description: 'With --page-cache: MB a second at which our scheduler reads files ahead of loads; 0: not at all.', valueName: 'MB', min: 0, max: 100_000, defaultValue: usualWeighing.readAheadBytesPerSecond / bytesPerMb }),
  functions: numberOption({ flag: 'functions', env: env('FUNCTIONS'), description: 'Functions of a synthetic trace.', valueName: 'N', min: 1, max: 100_000, integer: true, defaultValue: 8 }),
  minutes: numberOption({ flag: 'minutes', env: env('MINUTES'), description: 'Length of a synthetic trace.', valueName: 'N', min: 1, max: 20_160, integer: true, defaultValue: 60 }),
  perMinute: numberOption({ flag: 'per-minute', env: env('PER_MINUTE'), description: 'Calls per minute of a synthetic trace, mean over the functions.', valueName: 'N', min: 0.001, max: 60_000, defaultValue: 2 }),
  skew: numberOption({ flag: 'skew', env: env('SKEW'), description: 'Zipf exponent of popularity in a synthetic trace.', valueName: 'N', min: 0, max: 3, defaultValue: 1 }),
  sample: numberOption({ flag: 'sample', env: env('SAMPLE'), description: 'Share of the calls that are replayed of a trace that has only the totals of a day.', valueName: 'N', min: 0.000_001, max: 1, defaultValue: 1 }),
  wishes: textOption({ flag: 'wishes', env: env('WISHES'), description: 'What functions ask of the scheduler, by name: a JSON file such as {"resnet50": {"preload-pin": 1}}, with the annotations of docs/actions.md.', valueName: 'FILE' }),
  byClass: switchOption({ flag: 'by-class', env: env('BY_CLASS'), description: 'Also prints the hits of predictable, normal and bursty functions apart.', defaultValue: false }),
  out: textOption({ flag: 'out', env: env('OUT'), description: 'File for all figures of all runs, as JSON.', valueName: 'FILE' }),
  report: textOption({ flag: 'report', env: env('REPORT'), description: 'File for a report with charts: one HTML page that needs nothing else.', valueName: 'FILE' }),
};
export type CompareOptions = ReturnType<typeof parseOptions<typeof compareTable>>['values'];

const usage = `Usage: npm run lab -- compare [options]

Replays a trace under one policy after the other on virtual time, and holds them against each other.`;

/** Throws AppError BAD_OPTION. */
export function parseCompareOptions(argv: readonly string[], environment: Env): CompareOptions {
  return parseOptions({ table: compareTable, argv, env: environment }).values;
}

/** Streams and the machine's clock, or a test's. */
export interface LabOutput {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Milliseconds, for events per second. */
  readonly clock: () => number;
}

/** Runs the command and returns the exit code. Throws AppError for bad options and traces. */
export async function runLabCommand([name, ...argv]: readonly string[], environment: Env, output: LabOutput): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || (name === 'compare' && isHelpRequested(argv))) {
    output.stdout.write(helpText(compareTable, usage));
    return 0;
  }
  if (name !== 'compare') throw new AppError('BAD_OPTION', `There is no lab command '${name}'.`, 'It is compare.');
  await compare(parseCompareOptions(argv, environment), output);
  return 0;
}

async function compare(options: CompareOptions, output: LabOutput): Promise<void> {
  const costs: CostSet = options.costs === 'published' ? publishedCosts() : measuredCosts(await readProfile(shippedProfileFile));
  const chosen = policiesNamed(options.policies);
  const memory = (options.memory ?? ['25%', '50%', '100%']).map((text) => memorySizeOf(text, costs));
  const plain = await traceOf(options, costs);
  const trace = options.wishes === undefined ? plain : withWishes(plain, await readWishesFile(options.wishes));
  const input: CompareInput = {
    trace,
    costs,
    policies: chosen,
    memory,
    seeds: Array.from({ length: options.seeds }, (_, index) => index + 1),
    keepAliveMs: options.keepAlive === 0 ? undefined : options.keepAlive * 1000,
    invokerCount: options.invokers,
    pageCacheBytes: options.pageCache === 0 ? undefined : options.pageCache * bytesPerMb,
    readAheadBytesPerSecond: options.readAhead * bytesPerMb,
    onProgress: (text) => output.stderr.write(`${text}\n`),
    clock: output.clock,
  };
  const rows = comparePolicies(input);
  const events = rows.reduce((sum, row) => sum + row.events, 0);
  const tookMs = rows.reduce((sum, row) => sum + row.tookMs, 0);
  const header = [
    trace.title,
    `costs ${costs.name}; ${options.seeds} seeds (they change ${trace.seeded}); ${options.invokers} invoker${options.invokers === 1 ? '' : 's'}; keep-alive ${options.keepAlive === 0 ? 'of each policy its own' : `${options.keepAlive} s`}`,
    ...(options.pageCache === 0 ? [] : [`page cache of ${options.pageCache} MB on each host; files read ahead ${options.readAhead === 0 ? 'by nobody' : `at ${options.readAhead} MB/s by ours`}`]),
  ];
  const byClass = options.byClass ? [regularityTable(rows), regularityNote] : [];
  output.stdout.write(`${[...header, comparisonTable(rows), comparisonNotes, ...byClass, `${events} events in ${(tookMs / 1000).toFixed(1)} s, ${Math.round((1000 * events) / Math.max(1, tookMs))} a second`].join('\n')}\n`);
  if (options.report !== undefined) {
    // The first of the sizes; ours where it takes part.
    const policy = chosen.find(({ name }) => name === 'ours') ?? chosen[0];
    const size = memory[0];
    const isShown = policy !== undefined && size !== undefined && options.invokers === 1;
    const example = isShown ? { title: `${policy.name}, ${'share' in size ? `${size.share * 100} %` : `${size.bytes / bytesPerMib} MB`} of memory, seed 1`, recording: recordRun(input, policy, size) } : undefined;
    await writeFile(options.report, comparisonReport({ title: 'Policies held against each other', notes: header, command: `npm run lab -- compare${commandText(options)}`, seeds: input.seeds, rows, example }));
    output.stderr.write(`Written to ${options.report}\n`);
  }
  if (options.out !== undefined) {
    const { out, report: _report, ...settings } = options;
    await writeFile(out, `${JSON.stringify({ formatVersion: 1, trace: trace.title, settings, rows }, null, 1)}\n`);
    output.stderr.write(`Written to ${out}\n`);
  }
}

/** The options as they would be typed, but for what they write or print: the report has it all. */
function commandText(options: CompareOptions): string {
  const given = Object.entries(options).filter(([key, value]) => value !== undefined && !['out', 'report', 'byClass'].includes(key));
  return given.map(([key, value]) => ` --${compareTable[key as keyof typeof compareTable].flag} ${Array.isArray(value) ? value.join(',') : String(value)}`).join('');
}

function policiesNamed(names: readonly string[] | undefined): readonly PolicyDefinition[] {
  if (names === undefined) return policies;
  return names.map((name) => {
    const found = policies.find((policy) => policy.name === name);
    if (found === undefined) throw new AppError('BAD_OPTION', `There is no policy '${name}'.`, `Take of ${policies.map((policy) => policy.name).join(', ')}.`);
    return found;
  });
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
