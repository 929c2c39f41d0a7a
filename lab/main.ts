// `npm run trace` and `npm run lab`: the process around the lab's commands.
import { describeError } from '../common/errors.ts';

const [mode, ...argv] = process.argv.slice(2);

/** Each command is loaded when it is called: a trace of any size is read in a small heap, which the charts of the other would fill. */
async function main(): Promise<number> {
  if (mode === 'trace') return (await import('./traces/trace-command.ts')).runTraceCommand(argv, process.env, process.stdout);
  if (mode === 'lab') {
    const { processOutput, runLabCommand } = await import('./lab-command.ts');
    return runLabCommand(argv, process.env, processOutput);
  }
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
