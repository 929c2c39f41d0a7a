// `scripts/kafka up|down|status|fetch`: a broker that lives on after the command, until `down`.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError, describeError } from '../../common/errors.ts';
import { answers, KafkaBroker } from './broker.ts';
import { cacheFolder, ensureJars, jarsAreCached, kafkaVersion } from './distribution.ts';
import { imageIsThere, removeContainer, startContainer } from './docker-broker.ts';
import { forgetRunningBroker, readRunningBroker, writeRunningBroker } from './state.ts';

const usage = `usage: scripts/kafka COMMAND
  up      start a broker unless one is up, and print its address
  down    end it and remove its data
  status  print its address; exit status 1 when there is none
  fetch   only get the program, so that tests can start brokers of their own
`;

async function up(): Promise<string> {
  const running = readRunningBroker();
  if (running !== undefined && (await answers(running.address))) return running.address;
  if (running !== undefined) await down();
  await mkdir(cacheFolder, { recursive: true });
  if (!jarsAreCached() && (await imageIsThere())) {
    const { container, address } = await startContainer();
    writeRunningBroker({ address, runs: { container }, folder: '' });
    return address;
  }
  await ensureJars();
  const folder = path.join(cacheFolder, 'broker');
  await rm(folder, { recursive: true, force: true });
  const broker = await KafkaBroker.start({ folder, detached: true });
  if (broker.pid === undefined) throw new Error('the broker has no process');
  writeRunningBroker({ address: broker.addresses.plain, runs: { pid: broker.pid }, folder });
  return broker.addresses.plain;
}

async function down(): Promise<void> {
  const running = readRunningBroker();
  if (running === undefined) return;
  if ('container' in running.runs) await removeContainer(running.runs.container);
  else await endProcess(running.runs.pid);
  if (running.folder !== '') await rm(running.folder, { recursive: true, force: true });
  forgetRunningBroker();
}

/** SIGTERM, and SIGKILL for a process that takes longer than a broker's shutdown may. */
async function endProcess(pid: number): Promise<void> {
  const isAlive = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  if (isAlive()) process.kill(pid, 'SIGTERM');
  for (const deadline = Date.now() + 20_000; isAlive() && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 50));
  if (isAlive()) process.kill(pid, 'SIGKILL');
}

async function main(command: string | undefined): Promise<void> {
  switch (command) {
    case 'up':
      process.stdout.write(`${await up()}\n`);
      return;
    case 'down':
      return down();
    case 'fetch':
      return ensureJars();
    case 'status': {
      const running = readRunningBroker();
      if (running === undefined || !(await answers(running.address))) throw new AppError('BROKER_UNAVAILABLE', 'No broker is up.', 'Run scripts/kafka up.');
      process.stdout.write(`${running.address} (Kafka ${kafkaVersion})\n`);
      return;
    }
    default:
      process.stdout.write(usage);
      if (command !== '--help') process.exitCode = 1;
  }
}

main(process.argv[2]).catch((error: unknown) => {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
});
