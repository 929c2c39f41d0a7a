// Reads output.log, the rows that the demo and the simulation write: what was replayed once can be replayed again. Rows are
// in order of end, so they are read whole and put in order of arrival.
import { z } from 'zod';
import type { Invocation } from './invocation.ts';
import { badTrace, readLines } from './trace-file.ts';

/** More rows than this are refused: they are kept until all are read. */
const mostRows = 1_000_000;
const rowSchema = z.object({ action: z.string().min(1), arrival: z.number().nonnegative(), runMs: z.number().nonnegative(), status: z.string() });

/** Calls in order of arrival; those that failed have no duration. Throws AppError BAD_TRACE with the line of a wrong row. */
export async function readOutputLog(file: string): Promise<readonly Invocation[]> {
  const found: Invocation[] = [];
  let lineNumber = 0;
  for await (const line of readLines(file)) {
    lineNumber += 1;
    if (line.trim() === '') continue;
    const { action, arrival, runMs, status } = parseRow(line, lineNumber, file);
    found.push({ atMs: arrival, functionKey: action, durationMs: status === 'success' ? runMs : undefined });
    if (found.length > mostRows) throw badTrace(file, '', `more than ${mostRows} rows`, 'Cut it.');
  }
  if (found.length === 0) throw badTrace(file, '', 'there is no row in it', 'Give the output.log of a run.');
  return found.sort((left, right) => left.atMs - right.atMs);
}

function parseRow(line: string, lineNumber: number, file: string): z.infer<typeof rowSchema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw badTrace(file, `line ${lineNumber}`, 'this is no JSON', 'Give the output.log of a run.', cause);
  }
  const parsed = rowSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badTrace(file, `line ${lineNumber}`, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`, 'Give the output.log of a run.');
}
