// A file that every step of a scheduler is written to.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import { JournalRecorder } from '../../invoker-plugin/journal.ts';

export interface OpenJournal {
  readonly recorder: JournalRecorder;
  readonly close: () => void;
}

/** Begins the file anew. @param startedAt epoch milliseconds */
export function openJournal(file: string, config: SchedulerConfig, startedAt: number): OpenJournal {
  const descriptor = openSync(file, 'w');
  const recorder = new JournalRecorder({ startedAt, config }, (line) => {
    writeSync(descriptor, line);
  });
  return {
    recorder,
    close: () => {
      closeSync(descriptor);
    },
  };
}
