// `instainfer runtime`: the container's proxy as a process of its own, as the image starts it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { isHelpRequested } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';

const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');

/** Signals that end the runtime are its own business: it drains first. */
const passedOn = ['SIGTERM', 'SIGINT'] as const;

export async function runRuntime(argv: readonly string[]): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write('usage: instainfer runtime\n\nServes OpenWhisk\'s /init and /run, and /load, /offload, /clean, /status. Its settings are environment variables: docs/runtime.md.\n');
    return 0;
  }
  if (argv[0] !== undefined) throw new AppError('BAD_OPTION', `'${argv[0]}' is no option of the runtime.`, 'Its settings are environment variables: docs/runtime.md.');
  // A process of its own: it sets limits of its heap as it starts, and exits by itself.
  const child = spawn(process.execPath, ['--enable-source-maps', runtimeMain], { stdio: 'inherit' });
  const passOn = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  for (const signal of passedOn) process.on(signal, passOn);
  const [code] = (await once(child, 'exit')) as [number | null];
  for (const signal of passedOn) process.removeListener(signal, passOn);
  return code ?? 1;
}
