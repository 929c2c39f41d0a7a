// Summaries as text for a terminal: one run, or the arms of a comparison side by side. It computes nothing of its own.
import CliTable from 'cli-table3';
import { startTypes } from '../../invoker-plugin/core/commands.ts';
import { armName } from '../arms.ts';
import { boundsNote, comparisonSentence, contributionsOf, msText, optionalMsText, percentText, ratioText, runSentence } from './comparison.ts';
import type { Distribution } from '../../common/statistics.ts';
import type { Comparison, Summary } from './summary-schema.ts';

const plainStyle = { head: [], border: [], compact: true };

/** A table whose first column is text and whose others are figures. */
function figureTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new CliTable({
    head: [...head],
    style: plainStyle,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

const dash = '–';
const signOf = (value: number): string => (value < 0 ? '−' : '');

/** Totals, phases and actions of one run, the sentence to quote and the note on its bounds. */
export function renderRun(summary: Summary): string {
  const { activations } = summary;
  const phases: [string, Distribution | null][] = [
    ['startup', summary.startupMs],
    ['  wait', summary.waitMs],
    ['  init', summary.initMs],
    ['  load', summary.loadMs],
    ['run', summary.runMs],
    ['end to end', summary.e2eMs],
    ['init + load of preloaded starts', summary.preloadedInitPlusLoadMs],
  ];
  const phaseTable = figureTable(
    ['', 'mean', 'p50', 'p90', 'p95', 'p99', 'max'],
    phases.map(([name, values]) => [name, ...(['mean', 'p50', 'p90', 'p95', 'p99', 'max'] as const).map((key) => optionalMsText(values?.[key]))]),
  );
  const actionTable = figureTable(
    ['action', 'activations', ...startTypes, 'startup mean', 'run p50', 'end to end p50', 'first/steady inference'],
    summary.actions.map((action) => [
      action.action,
      String(action.activations),
      ...startTypes.map((type) => String(action.byStartType[type] ?? 0)),
      optionalMsText(action.startupMs?.mean),
      optionalMsText(action.runMs?.p50),
      optionalMsText(action.e2eMs?.p50),
      action.firstInference === null ? dash : action.firstInference.ratio.toFixed(2),
    ]),
  );
  return [
    `${armName(summary.context.arm)}: ${activations.succeeded} of ${activations.expected} activations succeeded (${countsText(activations.byStatus)})`,
    `starts: ${countsText(activations.byStartType)}; warm or preloaded ${percentText(summary.warmOrPreloadedShare)}`,
    phaseTable,
    `Percentiles: ${summary.percentileMethod}. Successful activations only.`,
    actionTable,
    poolText(summary),
    boundsNote(summary),
    runSentence(summary),
  ].join('\n');
}

/** The arms side by side with their ratios to the first, what each part contributes, and the sentence to quote. */
export function renderComparison(comparison: Comparison): string {
  const first = comparison.arms[0];
  if (first === undefined) return 'no arms';
  const armTable = figureTable(
    ['arm', ...startTypes, 'failed', 'startup mean', 'ratio', 'p50', 'p99', 'end to end', 'ratio', 'GiB·s'],
    comparison.arms.map((arm) => [
      armName(arm.context.arm),
      ...startTypes.map((type) => String(arm.activations.byStartType[type] ?? 0)),
      String(arm.activations.expected - arm.activations.succeeded),
      optionalMsText(arm.startupMs?.mean),
      ratioText(first.startupMs?.mean, arm.startupMs?.mean),
      optionalMsText(arm.startupMs?.p50),
      optionalMsText(arm.startupMs?.p99),
      optionalMsText(arm.e2eMs?.mean),
      ratioText(first.e2eMs?.mean, arm.e2eMs?.mean),
      arm.pool.memoryGibSeconds.toFixed(0),
    ]),
  );
  const partTable = figureTable(
    ['part', 'takes off the mean startup', 'of the first arm'],
    contributionsOf(comparison).map(({ part, savedMs, shareOfFirst }) => [
      part,
      `${signOf(savedMs)}${msText(Math.abs(savedMs))}`,
      `${signOf(savedMs)}${percentText(Math.abs(shareOfFirst))}`,
    ]),
  );
  return [
    armTable,
    `Ratios are to the first arm. Percentiles: ${first.percentileMethod}.`,
    partTable,
    boundsNote(first),
    comparisonSentence(comparison),
  ].join('\n');
}

function poolText({ pool }: Summary): string {
  return [
    `containers: ${pool.containersCreated} created, at most ${pool.peakContainers} at once, ${pool.containerSeconds.toFixed(0)} s of their time, ${pool.memoryGibSeconds.toFixed(0)} GiB·s`,
    `loads ahead: ${countsText(pool.loadsByReason)}; ${pool.loadsSucceeded} done, failed: ${countsText(pool.loadsFailedByReason)}`,
    `off-loads: ${countsText(pool.offloadsByReason)}; removals: ${countsText(pool.containersRemovedByReason)}; evictions: ${pool.evictions}`,
  ].join('\n');
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return parts.length === 0 ? 'none' : parts.map(([name, count]) => `${count} ${name}`).join(', ');
}
