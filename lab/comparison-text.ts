// A comparison as text for a terminal. It computes nothing of its own.
import CliTable from 'cli-table3';
import type { ComparisonRow, EstimatedMeasure } from './compare.ts';
import { regularityClasses, type RegularityClass } from './traces/regularity.ts';

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

export const columns: readonly { readonly head: string; readonly measure: EstimatedMeasure; readonly text: (value: number) => string; readonly withInterval?: boolean }[] = [
  { head: 'startup mean ms', measure: 'startupMeanMs', text: ms, withInterval: true },
  { head: 'p50', measure: 'startupP50Ms', text: ms },
  { head: 'p90', measure: 'startupP90Ms', text: ms },
  { head: 'p99', measure: 'startupP99Ms', text: ms },
  { head: 'hits', measure: 'hitShare', text: percent },
  { head: 'loading removed', measure: 'loadRemovedShare', text: percent },
  { head: 'memory GiB·s', measure: 'memoryGibSeconds', text: (value) => value.toFixed(0) },
  { head: 'wasted', measure: 'wastedGibSeconds', text: (value) => value.toFixed(0) },
  { head: 'loads/call', measure: 'loadsPerActivation', text: (value) => value.toFixed(2) },
  { head: 'score', measure: 'scalerScore', text: (value) => value.toFixed(1) },
  { head: 'regret', measure: 'regret', text: percent, withInterval: true },
];

/** The memory of the pool, as it was asked for. */
export const memoryText = ({ memoryShare, poolMemoryBytes }: ComparisonRow): string => `${memoryShare === null ? '' : `${memoryShare * 100} % = `}${Math.round(poolMemoryBytes / 2 ** 20)} MB`;

/** The classes of regularity that occur. */
export function classesIn(rows: readonly ComparisonRow[]): readonly RegularityClass[] {
  return regularityClasses.filter((name) => rows.some(({ hitShareByRegularity }) => hitShareByRegularity[name] !== undefined));
}

/** Hit share of the functions of a class: mean ± half of the interval; empty where a row has none. */
export function classText({ hitShareByRegularity }: ComparisonRow, name: RegularityClass): string {
  const estimate = hitShareByRegularity[name];
  return estimate === undefined ? '' : `${percent(estimate.mean)} ± ${(100 * estimate.halfWidth).toFixed(1)}`;
}

/** Hit shares by the regularity of the functions that are called. */
export function regularityTable(rows: readonly ComparisonRow[]): string {
  const classes = classesIn(rows);
  const table = new CliTable({
    head: ['memory', 'policy', ...classes],
    style: { head: [], border: [], compact: true },
    colAligns: ['right', 'left', ...classes.map(() => 'right' as const)],
  });
  for (const row of rows) table.push([memoryText(row), row.policy, ...classes.map((name) => classText(row, name))]);
  return table.toString();
}

/** One table: the memory sizes one after the other, the policies in each. */
export function comparisonTable(rows: readonly ComparisonRow[]): string {
  const table = new CliTable({
    head: ['memory', 'policy', ...columns.map(({ head }) => head)],
    style: { head: [], border: [], compact: true },
    colAligns: ['right', 'left', ...columns.map(() => 'right' as const)],
  });
  for (const row of rows) {
    table.push([
      memoryText(row),
      row.policy,
      ...columns.map(({ measure, text, withInterval }) => {
        const { mean, halfWidth } = row.estimates[measure];
        return withInterval === true && row.runs.length > 1 ? `${text(mean)} ± ${text(halfWidth)}` : text(mean);
      }),
    ]);
  }
  return table.toString();
}

/** What stands below the table, for who reads it without the docs. */
export const comparisonNotes = [
  'Means over the seeds; ± is half of the 95 % confidence interval of the mean (Student). startup = wait + init + load. hits: warm or',
  'preloaded. loading removed: of what every call would load. wasted: memory of containers in which nothing ran. score: 50·(run GB·s /',
  'container GB·s + run / (startup + run)). regret: (startup − floor) / (all cold − floor); no policy can have less than the floor.',
].join('\n');

/** What the classes are. */
export const regularityNote = 'Hits by the coefficient of variation of the gaps between the calls of a function: predictable below 1, normal to 4, bursty above; functions called less than three times are left out.';
