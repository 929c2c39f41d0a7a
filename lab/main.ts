// `npm run trace` and `npm run lab`: the process around the lab's commands.
import { performance } from 'node:perf_hooks';
import { describeError } from '../common/errors.ts';
import { runLabCommand } from './lab-command.ts';
import { runTraceCommand } from './traces/trace-command.ts';

const [mode, ...argv] = process.argv.slice(2);

async function main(): Promise<number> {
  if (mode === 'trace') return runTraceCommand(argv, process.env, process.stdout);
  if (mode === 'lab') return runLabCommand(argv, process.env, { stdout: process.stdout, stderr: process.stderr, clock: () => performance.now() });
  throw new Error('usage: npm run trace -- info|select|synth [options], or npm run lab -- compare [options]');
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
