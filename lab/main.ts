// `npm run trace` and `npm run lab`: the process around the lab's commands.
import { describeError } from '../common/errors.ts';
import { runTraceCommand } from './traces/trace-command.ts';

const [mode, ...argv] = process.argv.slice(2);

async function main(): Promise<number> {
  if (mode === 'trace') return runTraceCommand(argv, process.env, process.stdout);
  throw new Error('usage: npm run trace -- info|select|synth [options]');
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = 1;
  },
);
