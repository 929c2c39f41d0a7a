// `npm run faults`: kills every part of the system at random moments of a replay, and says what became of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { helpText, isHelpRequested, numberOption, parseOptions } from '../../common/config.ts';
import { describeError } from '../../common/errors.ts';
import { writeTinyStore } from '../../runtime/testing/tiny-store.ts';
import { KafkaBroker } from '../../scripts/kafka-broker/broker.ts';
import { ensureJars } from '../../scripts/kafka-broker/distribution.ts';
import { runFaults } from './fault-run.ts';

const table = {
  rounds: numberOption({ flag: 'rounds', env: 'INSTAINFER_FAULT_ROUNDS', description: 'How many parts are killed, one after the other.', valueName: 'N', min: 1, max: 1000, integer: true, defaultValue: 50 }),
  seed: numberOption({ flag: 'seed', env: 'INSTAINFER_FAULT_SEED', description: 'Seed of what is killed when, and of the calls.', valueName: 'N', min: 0, max: 2 ** 32 - 1, integer: true, defaultValue: 1 }),
};

async function main(argv: readonly string[]): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(table, 'usage: npm run faults -- [options]\n\nKills the broker, invokers, the planner and containers at random moments of a replay.'));
    return 0;
  }
  const { rounds, seed } = parseOptions({ table, argv, env: process.env }).values;
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  const home = mkdtempSync(path.join(tmpdir(), 'instainfer-faults-'));
  await ensureJars();
  const broker = await KafkaBroker.start({ folder: path.join(home, 'broker') });
  try {
    const storeDir = path.join(home, 'models');
    writeTinyStore(storeDir, { models: ['one', 'two', 'three', 'four'] });
    const report = await runFaults({
      broker,
      rounds,
      seed,
      storeDir,
      signal: stopped.signal,
      onRound: ({ round, victim, healMs, recoverMs, warmShare }) => {
        process.stdout.write(`round ${round}: ${victim} killed, up again after ${(healMs / 1000).toFixed(1)} s, ${Math.round(warmShare * 100)} % warm or pre-loaded ${(recoverMs / 1000).toFixed(1)} s later\n`);
      },
    });
    const { activations, succeeded, failed, forced, refused, baselineWarmShare, violations } = report;
    process.stdout.write(`${activations} activations: ${succeeded} succeeded, ${failed} failed, ${forced} completed by force; ${refused} calls refused while no invoker was up; ${Math.round(baselineWarmShare * 100)} % warm or pre-loaded before the first fault\n`);
    process.stdout.write(violations.length === 0 ? 'Nothing is amiss.\n' : `${violations.length} amiss:\n${violations.map((one) => `  ${one}\n`).join('')}`);
    return violations.length === 0 ? 0 : 1;
  } finally {
    await broker.remove();
    rmSync(home, { recursive: true, force: true });
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = 1;
  },
);
