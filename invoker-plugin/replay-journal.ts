// Replays a journal through the scheduler: the same events have to give the same commands. What differs tells where a
// decision depends on something that is not an event, or that the decisions have changed since the journal was recorded.
import { isDeepStrictEqual } from 'node:util';
import type { SchedulerCommand } from './core/commands.ts';
import { createState } from './core/state.ts';
import { step } from './core/step.ts';
import { parseJournal } from './journal.ts';

/** One step that decided otherwise. */
export interface JournalDifference {
  readonly seq: number;
  readonly recorded: readonly SchedulerCommand[];
  readonly replayed: readonly SchedulerCommand[];
}

/** More differences than this are not collected: after the first, the states are no longer the same. */
export const maxDifferences = 20;

/** The steps whose commands differ, none for a faithful journal. Throws AppError BAD_JOURNAL as parseJournal does. */
export function replayJournal(lines: Iterable<string>): JournalDifference[] {
  const { header, entries } = parseJournal(lines);
  const differences: JournalDifference[] = [];
  let state = createState();
  for (const { seq, event, commands } of entries) {
    const result = step(state, event, header.config);
    state = result.state;
    if (isDeepStrictEqual(result.commands, commands)) continue;
    differences.push({ seq, recorded: commands, replayed: result.commands });
    if (differences.length === maxDifferences) break;
  }
  return differences;
}
