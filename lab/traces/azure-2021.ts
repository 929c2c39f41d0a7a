// Reads files of the Azure Functions 2021 schema: a row for each call, `app,func,end_timestamp,duration`, in order of end.
// The published description gives seconds; one line of it says milliseconds, so the unit is told from the figures.
import { inOrderOfArrival, type EndedInvocation, type Invocation } from './invocation.ts';
import { badTrace, parseTable, readLines, type TableRow } from './trace-file.ts';

/** The trace spans 14 days: no end in seconds is larger than this, and ends in ms are after half an hour. */
const largestSeconds = 14 * 86_400 + 86_400;
/** Rows that are looked at before the unit is settled. */
const rowsToTell = 1000;
/** Functions that run longer than an hour are not served by the platform the trace is from. */
const longestMs = 3_600_000;

/** Yields the calls in order of arrival. Bounded memory: those of one hour. Throws AppError BAD_TRACE where a row is wrong. */
export async function* readAzure2021(file: string): AsyncGenerator<Invocation> {
  yield* parseAzure2021(readLines(file), file);
}

/** As {@link readAzure2021}, from lines that are there already. */
export async function* parseAzure2021(lines: AsyncIterable<string> | Iterable<string>, file: string): AsyncGenerator<Invocation> {
  const rows = parseTable(lines, file, ['app', 'func', 'end_timestamp', 'duration']);
  yield* inOrderOfArrival(endedInvocations(rows, file), longestMs, ({ functionKey }) =>
    badTrace(file, '', `a call of ${functionKey.slice(0, 40)} comes an hour too late to be put in order`, 'Sort the rows by end_timestamp.'),
  );
}

async function* endedInvocations(rows: AsyncGenerator<TableRow>, file: string): AsyncGenerator<EndedInvocation> {
  const first: TableRow[] = [];
  let msPerUnit = 1000;
  let settled = false;
  for await (const row of rows) {
    if (settled) {
      yield endedInvocation(row, msPerUnit, file);
      continue;
    }
    first.push(row);
    if (first.length < rowsToTell) continue;
    settled = true;
    msPerUnit = msPerUnitOf(first);
    for (const early of first.splice(0)) yield endedInvocation(early, msPerUnit, file);
  }
  msPerUnit = settled ? msPerUnit : msPerUnitOf(first);
  for (const early of first) yield endedInvocation(early, msPerUnit, file);
}

function msPerUnitOf(rows: readonly TableRow[]): number {
  return rows.some((row) => row.number('end_timestamp') > largestSeconds) ? 1 : 1000;
}

function endedInvocation(row: TableRow, msPerUnit: number, file: string): EndedInvocation {
  const durationMs = row.number('duration') * msPerUnit;
  const endedAtMs = row.number('end_timestamp') * msPerUnit;
  if (durationMs < 0) throw badTrace(file, `line ${row.lineNumber}`, 'the duration is negative', 'Give 0 or more.');
  return { atMs: Math.max(0, endedAtMs - durationMs), endedAtMs, durationMs, functionKey: `${row.text('app')}/${row.text('func')}` };
}
