// `npm run trace -- info|select|synth`: the options of each, what it prints, what it writes.
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { choiceOption, helpText, isHelpRequested, numberOption, parseOptions, textOption, type OptionDefinition, type OptionTable } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';
import { openTrace } from './open-trace.ts';
import { regularityClasses } from './regularity.ts';
import { azure2019Lines, selectFunctions } from './select-functions.ts';
import { azure2021Lines, syntheticClasses, syntheticInvocations } from './synthetic-trace.ts';
import { traceInfoOf } from './trace-info.ts';

/** Where results go: a process's standard output, or a test's list. */
export interface TextSink {
  write(text: string): unknown;
}

type Env = Readonly<Record<string, string | undefined>>;

const number = (flag: string, description: string, valueName: string, limits: { min: number; max: number; integer?: boolean; defaultValue: number }): OptionDefinition<number> =>
  numberOption({ flag, env: `INSTAINFER_TRACE_${flag.toUpperCase().replaceAll('-', '_')}`, description, valueName, ...limits });
const seed = number('seed', 'Seed of everything that is drawn.', 'N', { min: 0, max: 2 ** 32 - 1, integer: true, defaultValue: 1 });
const trace = textOption({ flag: 'trace', env: 'INSTAINFER_TRACE_FILE', description: 'The trace: Azure Functions 2019 or 2021, OpenWhisk activations, or an output.log.', valueName: 'FILE' });
const out = textOption({ flag: 'out', env: 'INSTAINFER_TRACE_OUT', description: 'File to write instead of standard output.', valueName: 'FILE' });

const infoTable = { trace };
const selectTable = {
  trace,
  class: choiceOption({ flag: 'class', env: 'INSTAINFER_TRACE_CLASS', description: 'How regular the calls are, by the CV of the gaps: below 1, 1 to 4, above 4.', choices: [...regularityClasses, 'any'] as const, defaultValue: 'normal' }),
  from: number('from', 'First minute.', 'N', { min: 1, max: 1440, integer: true, defaultValue: 1 }),
  minutes: number('minutes', 'How many minutes.', 'N', { min: 1, max: 1440, integer: true, defaultValue: 5 }),
  count: number('count', 'How many functions.', 'N', { min: 1, max: 100_000, integer: true, defaultValue: 8 }),
  leastGap: number('least-gap', 'Least mean gap between calls, in minutes.', 'N', { min: 0, max: 1440, defaultValue: 0.1 }),
  mostGap: number('most-gap', 'Largest mean gap between calls, in minutes.', 'N', { min: 0, max: 1440, defaultValue: 10 }),
  seed,
  out,
};
const synthTable = {
  class: choiceOption({ flag: 'class', env: 'INSTAINFER_TRACE_CLASS', description: 'The process that calls come from.', choices: syntheticClasses, defaultValue: 'mixed' }),
  functions: number('functions', 'How many functions.', 'N', { min: 1, max: 100_000, integer: true, defaultValue: 8 }),
  minutes: number('minutes', 'Length of the trace.', 'N', { min: 1, max: 20_160, integer: true, defaultValue: 30 }),
  perMinute: number('per-minute', 'Calls per minute, mean over the functions.', 'N', { min: 0.001, max: 60_000, defaultValue: 2 }),
  skew: number('skew', 'Zipf exponent of popularity: 0 for all functions alike.', 'N', { min: 0, max: 3, defaultValue: 1 }),
  seed,
  out,
};

const usage = `Usage: npm run trace -- info|select|synth [options]

  info     says what is in a trace
  select   cuts some minutes of some functions out of a day of Azure Functions 2019; writes the same schema
  synth    makes a trace of a class of arrivals; writes the Azure Functions 2021 schema

npm run trace -- info --help lists the options of info, and so on.
`;

/** Runs the command and returns the exit code. Throws AppError for bad options and traces. */
export async function runTraceCommand([name, ...argv]: readonly string[], env: Env, stdout: TextSink): Promise<number> {
  switch (name) {
    case 'info':
      return info(argv, env, stdout);
    case 'select':
      return select(argv, env, stdout);
    case 'synth':
      return synth(argv, env, stdout);
    case undefined:
    case '--help':
    case '-h':
      stdout.write(usage);
      return 0;
    default:
      throw new AppError('BAD_OPTION', `There is no trace command '${name}'.`, 'It is one of info, select, synth.');
  }
}

function askedForHelp(argv: readonly string[], name: string, table: OptionTable, stdout: TextSink): boolean {
  if (!isHelpRequested(argv)) return false;
  stdout.write(helpText(table, `Usage: npm run trace -- ${name} [options]`));
  return true;
}

function required(file: string | undefined): string {
  if (file === undefined) throw new AppError('BAD_OPTION', '--trace is missing.', 'Write --trace FILE.');
  return file;
}

async function info(argv: readonly string[], env: Env, stdout: TextSink): Promise<number> {
  if (askedForHelp(argv, 'info', infoTable, stdout)) return 0;
  const { values } = parseOptions({ table: infoTable, argv, env });
  stdout.write(`${JSON.stringify(await traceInfoOf(await openTrace(required(values.trace))), null, 2)}\n`);
  return 0;
}

async function select(argv: readonly string[], env: Env, stdout: TextSink): Promise<number> {
  if (askedForHelp(argv, 'select', selectTable, stdout)) return 0;
  const { values } = parseOptions({ table: selectTable, argv, env });
  const opened = await openTrace(required(values.trace));
  if (opened.kind !== 'counts') throw new AppError('BAD_TRACE', `select needs counts per minute, this is ${opened.schema}.`, 'Give an invocation file of the Azure Functions Trace 2019.');
  const functions = await selectFunctions(opened.functions, {
    fromMinute: values.from,
    minuteCount: values.minutes,
    regularity: values.class === 'any' ? undefined : values.class,
    leastGapMinutes: values.leastGap,
    mostGapMinutes: values.mostGap,
    count: values.count,
    seed: values.seed,
  });
  if (functions.length === 0) throw new AppError('BAD_TRACE', 'No function of the trace fits.', 'Ask for another class, other minutes or other gaps.');
  await writeLines(azure2019Lines(functions, functions[0]?.countsPerMinute.length ?? 0), values.out, stdout);
  return 0;
}

async function synth(argv: readonly string[], env: Env, stdout: TextSink): Promise<number> {
  if (askedForHelp(argv, 'synth', synthTable, stdout)) return 0;
  const { values } = parseOptions({ table: synthTable, argv, env });
  const invocations = syntheticInvocations({
    syntheticClass: values.class,
    functionCount: values.functions,
    durationMs: values.minutes * 60_000,
    meanPerMinute: values.perMinute,
    skew: values.skew,
    seed: values.seed,
  });
  await writeLines(azure2021Lines(invocations), values.out, stdout);
  return 0;
}

/** Waits for the file where it is slower than the lines come, so that a long trace is never in memory. */
async function writeLines(lines: Iterable<string>, file: string | undefined, stdout: TextSink): Promise<void> {
  if (file === undefined) {
    for (const line of lines) stdout.write(`${line}\n`);
    return;
  }
  const stream = createWriteStream(file);
  const opened = once(stream, 'open');
  await opened;
  for (const line of lines) if (!stream.write(`${line}\n`)) await once(stream, 'drain');
  stream.end();
  await once(stream, 'close');
}
