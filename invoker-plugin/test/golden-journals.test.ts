// Journals of live runs on real containers, replayed: the scheduler decides from events alone, and today as it did then.
// Whoever changes its decisions records them anew in the same commit, with the options that stand below, and says why:
//   npm run demo -- --small OPTIONS --out DIR && cp DIR/journal.jsonl invoker-plugin/test/golden/NAME
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseJournal } from '../journal.ts';
import { replayJournal } from '../replay-journal.ts';

const folder = path.resolve(import.meta.dirname, '../../../invoker-plugin/test/golden');

const journals = [
  {
    name: 'live-pagurus.jsonl',
    options: '--speed 10 --memory 6144 --keep-alive 1 --zygote-window 1 --stem-cells 1',
    commands: ['createContainer', 'startActivation', 'load', 'cleanContainer', 'removeContainer'],
  },
] as const;

describe('journals of live runs', () => {
  for (const { name, options, commands } of journals) {
    const lines = (): string[] => readFileSync(path.join(folder, name), 'utf8').split('\n');

    it(`replay to the same commands: ${name} (${options})`, () => {
      assert.deepEqual(replayJournal(lines()), []);
    });

    it(`hold every kind of command they are kept for: ${name}`, () => {
      const seen = new Set(parseJournal(lines()).entries.flatMap((entry) => entry.commands.map(({ type }) => type)));
      assert.deepEqual(commands.filter((type) => !seen.has(type)), []);
    });
  }
});
