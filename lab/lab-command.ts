// `npm run lab -- compare`: options in, table and JSON out.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { helpText, isHelpRequested } from '../common/config.ts';
import { AppError } from '../common/errors.ts';
import { comparePolicies, recordRun } from './compare.ts';
import { compareTable, labSetupOf, memorySizesOf, parseCompareOptions, type CompareOptions, type Env } from './compare-options.ts';
import { ComparisonProgress } from './comparison-progress.ts';
import { comparisonNotes, comparisonTable, regularityNote, regularityTable } from './comparison-text.ts';
import { comparisonReport } from './report/comparison-report.ts';
import { policies, policyNamed } from './policies/index.ts';
import { runsInThisThread, runsInThreads } from './runs/lab-runs.ts';
import type { TextSink } from './traces/trace-command.ts';

const bytesPerMib = 2 ** 20;
const bytesPerGib = 2 ** 30;

const usage = `Usage: npm run lab -- compare [options]

Replays a trace under one policy after the other on virtual time, and holds them against each other.`;

/** Streams and what is known of the process, or a test's. */
export interface LabOutput {
  readonly stdout: TextSink;
  readonly stderr: TextSink & { readonly isTTY?: boolean };
  /** Milliseconds, for progress and events per second. */
  readonly clock: () => number;
  /** The most memory that the process has held so far. */
  readonly peakMemoryBytes: () => number;
}

/** Those of this process. */
export const processOutput: LabOutput = {
  stdout: process.stdout,
  stderr: process.stderr,
  clock: () => performance.now(),
  peakMemoryBytes: () => process.resourceUsage().maxRSS * 1024,
};

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
  const chosen = options.policies === undefined ? policies : options.policies.map(policyNamed);
  const setup = await labSetupOf(options);
  const { trace, costs } = setup;
  const memory = memorySizesOf(options, costs);
  const seeds = Array.from({ length: options.seeds }, (_, index) => index + 1);
  const runCount = chosen.length * memory.length * seeds.length;
  const threads = Math.min(options.threads === 0 ? availableParallelism() : options.threads, runCount * options.invokers);
  // What is wrong with a trace's calls is said with a fix, which an error loses on its way out of a thread.
  if (threads > 1) trace.workload(seeds[0] ?? 1);
  const runs = threads > 1 ? runsInThreads(options, threads) : runsInThisThread(setup);
  const progress = new ComparisonProgress(output.stderr, output.clock, runCount === 1 ? 'one run' : `${runCount} runs`);
  const onProgress = (doneShare: number): void => {
    progress.report(doneShare);
  };
  const rows = await comparePolicies({ policies: chosen.map(({ name }) => name), memory, seeds, invokerCount: options.invokers, runs, onProgress }).finally(() => runs.close());
  const tookMs = progress.end();
  const events = rows.reduce((sum, row) => sum + row.events, 0);
  const header = [
    trace.title,
    `costs ${costs.name}; ${options.seeds} seeds (they change ${trace.seeded}); ${options.invokers} invoker${options.invokers === 1 ? '' : 's'}; keep-alive ${options.keepAlive === 0 ? 'of each policy its own' : `${options.keepAlive} s`}`,
    ...(options.pageCache === 0 ? [] : [`page cache of ${options.pageCache} MB on each host; files read ahead ${options.readAhead === 0 ? 'by nobody' : `at ${options.readAhead} MB/s by ours`}`]),
  ];
  const byClass = options.byClass ? [regularityTable(rows), regularityNote] : [];
  const speed = `${events} events in ${(tookMs / 1000).toFixed(1)} s, ${Math.round((1000 * events) / Math.max(1, tookMs))} a second, in ${threads === 1 ? 'one thread' : `${threads} threads`}, with ${(output.peakMemoryBytes() / bytesPerGib).toFixed(2)} GiB of memory at most`;
  output.stdout.write(`${[...header, comparisonTable(rows), comparisonNotes, ...byClass, speed].join('\n')}\n`);
  if (options.report !== undefined) {
    // The first of the sizes; ours where it takes part.
    const policy = chosen.find(({ name }) => name === 'ours') ?? chosen[0];
    const [size] = memory;
    const [seed] = seeds;
    const isShown = policy !== undefined && size !== undefined && seed !== undefined && options.invokers === 1;
    const example = isShown
      ? { title: `${policy.name}, ${'share' in size ? `${size.share * 100} %` : `${size.bytes / bytesPerMib} MB`} of memory, seed ${seed}`, recording: recordRun(setup, { policy: policy.name, memory: size, seed }) }
      : undefined;
    await writeFile(options.report, comparisonReport({ title: 'Policies held against each other', notes: header, command: `npm run lab -- compare${commandText(options)}`, seeds, rows, example }));
    output.stderr.write(`Written to ${options.report}\n`);
  }
  if (options.out !== undefined) {
    const { out, report: _report, threads: _threads, ...settings } = options;
    await writeFile(out, `${JSON.stringify({ formatVersion: 1, trace: trace.title, settings, rows }, null, 1)}\n`);
    output.stderr.write(`Written to ${out}\n`);
  }
}

/** The options as they would be typed, but for those that change no figure: the report has it all. */
function commandText(options: CompareOptions): string {
  const given = Object.entries(options).filter(([key, value]) => value !== undefined && !['out', 'report', 'byClass', 'threads'].includes(key));
  return given.map(([key, value]) => ` --${compareTable[key as keyof typeof compareTable].flag} ${Array.isArray(value) ? value.join(',') : String(value)}`).join('');
}
