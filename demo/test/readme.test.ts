import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { demoTable, simTable } from '../options.ts';
import { optionsMarkdown } from '../testing/options-markdown.ts';

const readme = readFileSync(path.resolve(import.meta.dirname, '../../../demo/README.md'), 'utf8');
const sectionOf = (heading: string): string => {
  const [, after = ''] = readme.split(`## ${heading}\n`);
  const lines = after.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const last = lines.findIndex((line, index) => index > first && !line.startsWith('|'));
  return lines.slice(first, last).join('\n');
};

describe('demo/README.md', () => {
  for (const [heading, table] of [['Options of the demo', demoTable], ['Options of the simulation', simTable]] as const) {
    it(`lists the ${heading.toLowerCase()} as they are`, () => {
      const shared = heading.endsWith('simulation') ? new Set(Object.keys(demoTable)) : new Set<string>();
      const shown = Object.fromEntries(Object.entries(table).filter(([key]) => !shared.has(key)));
      assert.equal(sectionOf(heading), optionsMarkdown(shown));
    });
  }
});
