// Command line of the packager: writes NAME.zip for each action and prints the commands that create them.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AppError, describeError } from '../common/errors.ts';
import { actionNames } from './action-names.ts';
import { createCommand, packageAction } from './package-action.ts';

const usage = `Usage: node build/actions/package-main.js [ACTION...] [--out DIR]

Writes an OpenWhisk zip action for each ACTION and prints the wsk command that creates it.

  ACTION      one of ${actionNames.join(', ')},
              or the path of a folder (one with a slash) with index.js, package.json and instainfer.json;
              none: all of them
  --out DIR   where the zips go (default: out/actions)
  --help      this text
`;

function readCommandLine(): { actions: readonly string[]; outDir: string } | 'help' {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { out: { type: 'string', default: 'out/actions' }, help: { type: 'boolean', short: 'h' } } });
  } catch (cause) {
    throw new AppError('BAD_OPTION', `${describeError(cause)}.`, 'See --help.', { cause });
  }
  if (parsed.values.help) return 'help';
  const known: readonly string[] = actionNames;
  for (const action of parsed.positionals) {
    if (!known.includes(action) && !action.includes('/')) {
      throw new AppError('BAD_OPTION', `There is no action "${action}".`, `Actions: ${actionNames.join(', ')}; for a folder of your own write ./${action}.`);
    }
  }
  return { actions: parsed.positionals.length > 0 ? parsed.positionals : known, outDir: parsed.values.out };
}

try {
  const commandLine = readCommandLine();
  if (commandLine === 'help') process.stdout.write(usage);
  else {
    await mkdir(commandLine.outDir, { recursive: true });
    for (const action of commandLine.actions) {
      const packaged = await packageAction(action);
      const zipFile = path.join(commandLine.outDir, `${packaged.name}.zip`);
      await writeFile(zipFile, packaged.zip);
      process.stdout.write(`${createCommand(packaged, zipFile)}\n`);
    }
  }
} catch (thrown) {
  process.stderr.write(`${describeError(thrown)}\n`);
  process.exitCode = thrown instanceof AppError && thrown.code === 'BAD_OPTION' ? 2 : 1;
}
