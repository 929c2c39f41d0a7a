// A comparison as one HTML page that needs nothing else: no script, no network. It computes nothing of its own.
import type { ComparisonRow } from '../compare.ts';
import { classesIn, classText, columns, memoryText, regularityNote } from '../comparison-text.ts';
import { memorySweep, startupDistribution } from './charts.ts';
import { escaped, figure, figureTable, legend, repetition, reportPage, runSection } from './report-page.ts';
import type { RunRecording } from './run-recording.ts';

export interface ReportInput {
  readonly title: string;
  /** One sentence each. */
  readonly notes: readonly string[];
  /** What to type to get the same figures. */
  readonly command: string;
  readonly seeds: readonly number[];
  readonly rows: readonly ComparisonRow[];
  /** One run to look at closely; absent where runs were too many or on several invokers. */
  readonly example: { readonly title: string; readonly recording: RunRecording } | undefined;
}

/** The policy that the report is about. */
const highlighted = 'ours';

function table(rows: readonly ComparisonRow[]): string {
  return figureTable(
    ['memory', 'policy', ...columns.map((column) => column.head)],
    rows.map((row) => ({
      standsOut: row.policy === highlighted,
      cells: [
        memoryText(row),
        row.policy,
        ...columns.map(({ measure, text, withInterval }) => {
          const { mean, halfWidth } = row.estimates[measure];
          return withInterval === true && row.runs.length > 1 ? `${text(mean)} ± ${text(halfWidth)}` : text(mean);
        }),
      ],
    })),
  );
}

function regularityFigures(rows: readonly ComparisonRow[]): string {
  const classes = classesIn(rows);
  const cells = rows.map((row) => ({ standsOut: row.policy === highlighted, cells: [memoryText(row), row.policy, ...classes.map((name) => classText(row, name))] }));
  return `<p>${escaped(regularityNote)}</p>${figureTable(['memory', 'policy', ...classes], cells)}`;
}

/** The page. Everything from outside is escaped. */
export function comparisonReport({ title, notes, command, seeds, rows, example }: ReportInput): string {
  const policies = [...new Set(rows.map(({ policy }) => policy))];
  const sizes = [...new Set(rows.map(memoryText))];
  const distributions = sizes.map((size) => `<h3>${escaped(size)}</h3>${figure(startupDistribution(rows.filter((row) => memoryText(row) === size), policies, highlighted), 'Share of the calls whose startup took no longer; left and up is better.')}`);
  return reportPage(title, notes, [
    `<h2>Startup against memory</h2>${legend(policies)}${figure(memorySweep(rows, policies, highlighted), 'Means over the seeds; bars are 95 % confidence intervals.')}`,
    `<h2>Startup, call by call</h2>${legend(policies)}${distributions.join('')}`,
    ...(example === undefined ? [] : [runSection(example.title, example.recording)]),
    `<h2>All figures</h2>${table(rows)}`,
    `<h2>Hits by the regularity of calls</h2>${regularityFigures(rows)}`,
    repetition(command, `Seeds ${seeds.join(', ')}.`),
  ]);
}
