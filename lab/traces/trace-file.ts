// What every reader of a trace file shares: opening it, its lines one at a time, its comma-separated fields, and the error
// that says where it is wrong. The public trace schemas have no commas or line breaks inside a field.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { AppError } from '../../common/errors.ts';

const byteOrderMark = '\uFEFF';

/** AppError BAD_TRACE; `where` is such as `line 3, column 2`, or empty for the file as a whole. */
export function badTrace(file: string, where: string, what: string, fix: string, cause?: unknown): AppError {
  return new AppError('BAD_TRACE', `Trace ${file}${where === '' ? '' : `, ${where}`}: ${what}.`, fix, { cause });
}

/** Throws AppError BAD_TRACE where the file cannot be opened or is not text. */
export async function refuseUnreadable(file: string): Promise<void> {
  try {
    const handle = await open(file);
    try {
      const head = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
      if (head.buffer.subarray(0, head.bytesRead).includes(0)) {
        throw badTrace(file, '', 'this is a binary file', 'Give the unpacked text file.');
      }
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw badTrace(file, '', `the file cannot be read (${reason})`, 'Check the path of --trace.', thrown);
  }
}

/** The lines of a text file, read as they are asked for; throws AppError BAD_TRACE where it cannot be read. */
export async function* readLines(file: string): AsyncGenerator<string> {
  await refuseUnreadable(file);
  const stream = createReadStream(file, { encoding: 'utf8' });
  try {
    yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  } finally {
    stream.destroy();
  }
}

/** The fields of a line, without a byte order mark and without the blanks and quotation marks around each. */
export function fieldsOf(line: string): string[] {
  const text = line.startsWith(byteOrderMark) ? line.slice(1) : line;
  const fields = text.split(',');
  return /["\s]/.test(text) ? fields.map((field) => field.trim().replace(/^"(.*)"$/, '$1')) : fields;
}

/** One row of a table with a header; columns are asked for by name, in any order. */
export interface TableRow {
  readonly lineNumber: number;
  text(column: string): string;
  /** A finite number; throws AppError BAD_TRACE with line and column otherwise. */
  number(column: string): number;
}

/**
 * Yields the rows of a table whose header has at least the named columns. Throws AppError BAD_TRACE where the header lacks
 * one or a row has another number of fields.
 */
export async function* parseTable(lines: AsyncIterable<string> | Iterable<string>, file: string, columns: readonly string[]): AsyncGenerator<TableRow> {
  let header: ReadonlyMap<string, number> | undefined;
  let lineNumber = 0;
  for await (const line of lines) {
    lineNumber += 1;
    if (header === undefined) {
      header = new Map(fieldsOf(line).map((name, index) => [name, index]));
      const missing = columns.find((column) => header?.has(column) !== true);
      if (missing !== undefined) throw badTrace(file, 'line 1', `the header has no column '${missing}'`, `It needs ${columns.join(', ')}.`);
      continue;
    }
    if (line.trim() !== '') yield tableRow(file, lineNumber, header, fieldsOf(line));
  }
  if (header === undefined) throw badTrace(file, '', 'the file is empty', `Its first line has to name the columns ${columns.join(', ')}.`);
}

function tableRow(file: string, lineNumber: number, header: ReadonlyMap<string, number>, fields: readonly string[]): TableRow {
  if (fields.length !== header.size) {
    throw badTrace(file, `line ${lineNumber}`, `${fields.length} columns where the header has ${header.size}`, 'Every row needs every column.');
  }
  const text = (column: string): string => fields[header.get(column) ?? -1] ?? '';
  return {
    lineNumber,
    text,
    number: (column) => {
      const found = text(column);
      const value = found === '' ? Number.NaN : Number(found);
      if (Number.isFinite(value)) return value;
      throw badTrace(file, `line ${lineNumber}, column ${(header.get(column) ?? 0) + 1}`, `${column} is '${found.slice(0, 40)}', which is no number`, 'Give a finite number.');
    },
  };
}
