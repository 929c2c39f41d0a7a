// A run, or the arms of a comparison, as one HTML page: how startup was distributed, which container held what when, memory
// over time, and the figures. Live and simulated runs give the same page. It computes nothing of its own.
import { percentilesOf } from '../../common/statistics.ts';
import type { JournalEntry } from '../../invoker-plugin/journal.ts';
import { startupDistribution } from '../../lab/report/charts.ts';
import { figure, figureTable, legend, repetition, reportPage, runSection } from '../../lab/report/report-page.ts';
import { RunRecorder } from '../../lab/report/run-recording.ts';
import { armName } from '../arms.ts';
import { boundsNote, comparisonSentence, optionalMsText, percentText, runSentence } from './comparison.ts';
import { startupMsOf, type ActivationRow } from './rows.ts';
import type { Summary } from './summary-schema.ts';

export interface ReportedRun {
  readonly summary: Summary;
  readonly rows: readonly ActivationRow[];
  readonly journalEntries: readonly JournalEntry[];
  /** Of the replay, by the journal's clock. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** In the folder of a run's other files. */
export const reportFileName = 'report.html';

/** What was typed. */
export const commandText = (script: 'demo' | 'sim', argv: readonly string[]): string => (argv.length === 0 ? `npm run ${script}` : `npm run ${script} -- ${argv.join(' ')}`);

const ranks = 200;

function quantilesOf(rows: readonly ActivationRow[]): number[] {
  const startups = rows.filter(({ status }) => status === 'success').map(startupMsOf);
  return percentilesOf(startups, Array.from({ length: ranks + 1 }, (_, rank) => rank / ranks));
}

/** @param runs at least one; the last is shown closely @param command what to type for the same */
export function runReport(runs: readonly ReportedRun[], command: string): string {
  const last = runs.at(-1);
  if (last === undefined) throw new RangeError('a report needs a run');
  const { context } = last.summary;
  const names = runs.map(({ summary }) => armName(summary.context.arm));
  const recorder = new RunRecorder(last.startedAt);
  for (const { event, commands } of last.journalEntries) recorder.record(event, commands);
  const sentence = runs.length === 1 ? runSentence(last.summary) : comparisonSentence({ formatVersion: 1, arms: runs.map(({ summary }) => summary) });
  const rows = runs.map(({ summary: { startupMs, e2eMs, warmOrPreloadedShare, preloadedShare, activations, pool } }, index) => ({
    standsOut: runs.length > 1 && index === runs.length - 1,
    cells: [
      names[index] ?? '',
      `${activations.succeeded} of ${activations.expected}`,
      optionalMsText(startupMs?.mean),
      optionalMsText(startupMs?.p50),
      optionalMsText(startupMs?.p90),
      optionalMsText(startupMs?.p99),
      optionalMsText(e2eMs?.mean),
      percentText(warmOrPreloadedShare),
      percentText(preloadedShare),
      pool.memoryGibSeconds.toFixed(0),
    ],
  }));
  const traceNote = `${context.trace.file}: ${context.trace.invocations} calls of ${context.trace.functions} functions in ${context.trace.minutes} minutes${context.speed === 1 ? '' : `, at ${context.speed} times the speed`}; ${context.source === 'live' ? 'measured on' : 'latencies of'} ${context.measuredOn}.`;
  return reportPage(context.source === 'live' ? 'A replay on real containers' : 'A simulated replay', [sentence, traceNote, boundsNote(last.summary)], [
    `<h2>Startup, call by call</h2>${legend(names)}${figure(startupDistribution(runs.map((run, index) => ({ policy: names[index] ?? '', startupQuantilesMs: quantilesOf(run.rows) })), names, names.at(-1) ?? ''), 'Share of the calls whose startup took no longer; left and up is better.')}`,
    runSection(names.at(-1) ?? '', recorder.recording(last.endedAt)),
    `<h2>All figures</h2>${figureTable(['arm', 'succeeded', 'startup mean', 'p50', 'p90', 'p99', 'end to end mean', 'warm or preloaded', 'preloaded', 'memory GiB·s'], rows)}`,
    repetition(command),
  ]);
}
