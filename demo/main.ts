// The demo's command line: `live` replays the trace on real containers, `sim` on virtual time.
import { describeError } from '../common/errors.ts';
import { runDemo } from './live/run-demo.ts';
import { runSimCommand } from './sim/run-sim.ts';

const [mode, ...argv] = process.argv.slice(2);

async function main(): Promise<number> {
  if (mode === 'live') return runDemo(argv, process.env);
  if (mode === 'sim') return runSimCommand(argv, process.env, { stdout: process.stdout, stderr: process.stderr });
  throw new Error('usage: npm run demo -- [options], or npm run sim -- [options]; --help lists them');
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
