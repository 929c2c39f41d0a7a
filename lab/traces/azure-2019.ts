// Reads files of the Azure Functions 2019 invocation schema, line by line. It does not decide when within a minute an
// invocation happens (arrivals.ts) nor which action answers it (assign-actions.ts).
import { badTrace, fieldsOf, readLines } from './trace-file.ts';

/** One row of the trace. */
export interface TraceFunction {
  /** `owner/app/function`: HashFunction alone is not unique over applications. */
  readonly functionKey: string;
  readonly functionHash: string;
  readonly trigger: string;
  /** Invocations in minute 1, 2, …: index 0 is the first minute. */
  readonly countsPerMinute: readonly number[];
}

const leadingColumns = ['HashOwner', 'HashApp', 'HashFunction', 'Trigger'] as const;
const schemaText = `${leadingColumns.join(',')},1,2,…`;

/**
 * Yields the functions of a file in its order. Throws AppError BAD_TRACE with line and column where the file cannot be read,
 * is not text, or breaks the schema.
 */
export async function* readAzureTrace(file: string): AsyncGenerator<TraceFunction> {
  yield* parseAzureTrace(readLines(file), file);
}

/** As {@link readAzureTrace}, from lines that are there already; `file` is how errors call them. */
export async function* parseAzureTrace(
  lines: AsyncIterable<string> | Iterable<string>,
  file: string,
): AsyncGenerator<TraceFunction> {
  const lineOfFunction = new Map<string, number>();
  let minuteCount = 0;
  let lineNumber = 0;
  for await (const line of lines) {
    lineNumber += 1;
    if (lineNumber === 1) {
      minuteCount = parseHeader(line, file);
      continue;
    }
    if (line.trim() === '') continue;
    const traceFunction = parseRow({ line, lineNumber, minuteCount, file });
    const earlierLine = lineOfFunction.get(traceFunction.functionKey);
    if (earlierLine !== undefined) {
      const fix = 'Add the counts up in one line: a function is named by owner, app and function together.';
      throw badTrace(file, `line ${lineNumber}`, `the function of line ${earlierLine} again`, fix);
    }
    lineOfFunction.set(traceFunction.functionKey, lineNumber);
    yield traceFunction;
  }
  if (lineNumber === 0) throw badTrace(file, '', 'the file is empty', `Its first line has to be ${schemaText}.`);
  if (lineOfFunction.size === 0) throw badTrace(file, '', 'there is no function below the header', 'Add at least one row.');
}

/** Checks the header and returns the number of its minutes. */
function parseHeader(line: string, file: string): number {
  const fields = fieldsOf(line);
  const expectedAt = (index: number): string => leadingColumns[index] ?? String(index - leadingColumns.length + 1);
  const wrong = fields.findIndex((field, index) => field !== expectedAt(index));
  if (wrong >= 0) {
    const found = (fields[wrong] ?? '').slice(0, 40);
    const what = `the header says '${found}' instead of '${expectedAt(wrong)}'`;
    throw badTrace(file, `line 1, column ${wrong + 1}`, what, `The header has to be ${schemaText}.`);
  }
  if (fields.length <= leadingColumns.length) {
    throw badTrace(file, 'line 1', `the header ends after ${fields.length} columns`, `The header has to be ${schemaText}.`);
  }
  return fields.length - leadingColumns.length;
}

function parseRow(input: { line: string; lineNumber: number; minuteCount: number; file: string }): TraceFunction {
  const { lineNumber, minuteCount, file } = input;
  const fields = fieldsOf(input.line);
  const columnCount = leadingColumns.length + minuteCount;
  if (fields.length !== columnCount) {
    const what = `${fields.length} columns where the header has ${columnCount}`;
    throw badTrace(file, `line ${lineNumber}`, what, 'Every row needs a count for every minute; 0 is a count.');
  }
  const names = fields.slice(0, leadingColumns.length);
  const blank = names.indexOf('');
  if (blank >= 0) {
    const where = `line ${lineNumber}, column ${blank + 1}`;
    throw badTrace(file, where, `${leadingColumns[blank]} is blank`, 'Fill it in; any word will do.');
  }
  const [owner, app, functionHash = '', trigger = ''] = names;
  const countsPerMinute = fields.slice(leadingColumns.length).map((field, index) => {
    if (field === '0') return 0;
    if (/^\d{1,9}$/.test(field)) return Number(field);
    const where = `line ${lineNumber}, column ${leadingColumns.length + index + 1} (minute ${index + 1})`;
    const what = `'${field.slice(0, 40)}' is no count of invocations`;
    throw badTrace(file, where, what, 'A count is a whole number from 0 up, without sign, point or exponent.');
  });
  return { functionKey: `${owner}/${app}/${functionHash}`, functionHash, trigger, countsPerMinute };
}
