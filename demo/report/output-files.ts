// The files of a run: rows and journal are written as they come, so that an interrupted run keeps what it has; summaries and
// profiles appear whole or not at all.
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import type { ActivationRow } from './rows.ts';

/** The open files of one run. */
export interface RunFiles {
  readonly folder: string;
  /** Appends one line to output.log. */
  writeRow(row: ActivationRow): void;
  /** Appends to the journal of an invoker, the first one's unless told; the line brings its newline. */
  writeJournalLine(line: string, invoker?: number): void;
  /** Writes a value as JSON under a name of this folder, whole or not at all. */
  writeJson(name: string, value: unknown): void;
  /** Harmless when called again. */
  close(): void;
}

/**
 * Creates the folder and opens output.log and journal.jsonl in it, empty; with several invokers also journal-1.jsonl and so
 * on. Throws AppError BAD_OPTION where the folder cannot
 * be written, DISK_FULL where a write finds no space.
 */
export function openRunFiles(folder: string, invokers = 1): RunFiles {
  const open = (name: string): number => withoutSurprise(folder, () => openSync(path.join(folder, name), 'w'));
  withoutSurprise(folder, () => mkdirSync(folder, { recursive: true }));
  const rows = open('output.log');
  const journals = Array.from({ length: invokers }, (_, invoker) => open(invoker === 0 ? 'journal.jsonl' : `journal-${invoker}.jsonl`));
  let isOpen = true;
  return {
    folder,
    // Synchronous, some ten microseconds a line: the line is with the operating system before anything else happens.
    writeRow: (row) => {
      withoutSurprise(folder, () => writeWhole(rows, `${JSON.stringify(row)}\n`));
    },
    writeJournalLine: (line, invoker = 0) => {
      const journal = journals[invoker];
      if (journal !== undefined) withoutSurprise(folder, () => writeWhole(journal, line));
    },
    writeJson: (name, value) => {
      writeJsonFile(path.join(folder, name), value);
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      closeSync(rows);
      for (const journal of journals) closeSync(journal);
    },
  };
}

/** Writes indented JSON. Otherwise as {@link writeTextFile}. */
export function writeJsonFile(file: string, value: unknown): void {
  writeTextFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes a file beside its place and moves it there. Errors as {@link openRunFiles}. */
export function writeTextFile(file: string, text: string): void {
  const folder = path.dirname(file);
  const unfinished = `${file}.unfinished`;
  withoutSurprise(folder, () => {
    mkdirSync(folder, { recursive: true });
    try {
      writeFileSync(unfinished, text, { flush: true });
      renameSync(unfinished, file);
    } finally {
      rmSync(unfinished, { force: true });
    }
  });
}

/** writeSync may write less than it was given. */
function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}

function withoutSurprise<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new AppError('DISK_FULL', `No space is left for the results in ${folder}.`, 'Free some, or give another --out.', { cause });
    }
    throw new AppError('BAD_OPTION', `Results cannot be written to ${folder} (${code}).`, 'Give a folder you may write to as --out.', { cause });
  }
}
