// The journal of a run: every event the scheduler was told and the commands it answered with, as JSON lines behind a header.
// It defines the format and reads it back; where the lines go is up to whoever passes `writeLine`.
import { z } from 'zod';
import { AppError } from '../common/errors.ts';
import type { SchedulerCommand } from './core/commands.ts';
import type { SchedulerConfig } from './core/config.ts';
import type { SchedulerEvent } from './core/events.ts';
import { schedulerCommandSchema, schedulerConfigSchema, schedulerEventSchema } from './journal-schema.ts';

const headerSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** Epoch milliseconds. */
  startedAt: z.number(),
  config: schedulerConfigSchema,
});
const entrySchema = z.strictObject({
  seq: z.int().positive(),
  event: schedulerEventSchema,
  commands: z.array(schedulerCommandSchema),
});

/** First line of a journal. */
export interface JournalHeader {
  readonly formatVersion: 1;
  readonly startedAt: number;
  readonly config: SchedulerConfig;
}

/** One step: `seq` counts from 1. */
export interface JournalEntry {
  readonly seq: number;
  readonly event: SchedulerEvent;
  readonly commands: readonly SchedulerCommand[];
}

/** Numbers the steps of one run and hands each, as a line with its newline, to `writeLine`. */
export class JournalRecorder {
  readonly #writeLine: (line: string) => void;
  #seq = 0;

  constructor(header: Omit<JournalHeader, 'formatVersion'>, writeLine: (line: string) => void) {
    this.#writeLine = writeLine;
    this.#writeLine(`${JSON.stringify({ formatVersion: 1, ...header })}\n`);
  }

  record(event: SchedulerEvent, commands: readonly SchedulerCommand[]): JournalEntry {
    this.#seq += 1;
    const entry: JournalEntry = { seq: this.#seq, event, commands };
    this.#writeLine(`${JSON.stringify(entry)}\n`);
    return entry;
  }
}

export interface ParsedJournal {
  readonly header: JournalHeader;
  readonly entries: readonly JournalEntry[];
}

/**
 * Reads a journal back; blank lines at the end are ignored. Throws AppError BAD_JOURNAL with the line where it is cut,
 * out of order or breaks the format.
 */
export function parseJournal(lines: Iterable<string>): ParsedJournal {
  let header: JournalHeader | undefined;
  const entries: JournalEntry[] = [];
  let lineNumber = 0;
  for (const line of lines) {
    lineNumber += 1;
    if (line.trim() === '') continue;
    if (header === undefined) {
      header = parseLine(headerSchema, line, lineNumber);
      continue;
    }
    const entry = parseLine(entrySchema, line, lineNumber);
    if (entry.seq !== entries.length + 1) {
      throw badJournal(lineNumber, `seq is ${entry.seq} where ${entries.length + 1} follows`);
    }
    entries.push(entry);
  }
  if (header === undefined) throw new AppError('BAD_JOURNAL', 'The journal is empty.', 'Record one: the demo writes journal.jsonl.');
  return { header, entries };
}

function parseLine<T>(schema: z.ZodType<T>, line: string, lineNumber: number): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw badJournal(lineNumber, 'no JSON (a run that was killed may leave half a line)', cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badJournal(lineNumber, `${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'invalid'}`);
}

function badJournal(lineNumber: number, what: string, cause?: unknown): AppError {
  const fix = 'Use a journal.jsonl as this version of the demo writes it, or remove the line if it is the last one.';
  return new AppError('BAD_JOURNAL', `Journal line ${lineNumber}: ${what}.`, fix, { cause });
}
