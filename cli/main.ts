#!/usr/bin/env node
// The program `instainfer`: finds the command, runs it, and turns what it throws into one line and an exit code.
import { AppError, describeError } from '../common/errors.ts';
import { nearMatches } from '../common/near-matches.ts';
import { exitCodes, type Command } from './command.ts';
import { commands } from './commands/index.ts';

function usage(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'usage: instainfer COMMAND [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '  instainfer COMMAND --help lists the options of a command. Exit codes: 0 done, 1 failed, 2 wrong command line,',
    '  130 interrupted.',
    '',
  ].join('\n');
}

function find(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const near = nearMatches(name, commands.map((candidate) => candidate.name));
  throw new AppError('BAD_OPTION', `There is no command '${name}'.`, near.length === 0 ? 'instainfer --help lists the commands.' : `Did you mean ${near.join(' or ')}?`);
}

async function main([name, ...argv]: readonly string[]): Promise<number> {
  if (name === undefined) {
    process.stderr.write(usage());
    return exitCodes.badUsage;
  }
  if (name === '--help' || name === '-h') {
    process.stdout.write(usage());
    return exitCodes.ok;
  }
  return name === 'help' && argv[0] !== undefined ? find(argv[0]).run(['--help'], process.env) : find(name).run(argv, process.env);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof AppError && error.code === 'BAD_OPTION' ? exitCodes.badUsage : exitCodes.failed;
}
