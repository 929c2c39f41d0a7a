// The Kafka broker of a test run: the one that INSTAINFER_TEST_KAFKA names, the one that `scripts/kafka up` started, or
// one of the run's own when the program is cached. Where there is none, the tests that need it are skipped and say so.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { answers, KafkaBroker, type BrokerOptions } from '../../scripts/kafka-broker/broker.ts';
import { jarsAreCached } from '../../scripts/kafka-broker/distribution.ts';
import { readRunningBroker } from '../../scripts/kafka-broker/state.ts';

const advice = 'no Kafka broker: run scripts/kafka up, or scripts/kafka fetch for brokers of the tests\' own';

/** Starting a JVM on a busy machine. */
export const brokerStartTimeoutMs = 180_000;

let shared: Promise<string | undefined> | undefined;
let sharedBroker: KafkaBroker | undefined;

// A hook of the whole run: a broker that nobody stops would keep the run from ending.
after(async function () {
  this.timeout(60_000);
  await sharedBroker?.stop();
});

async function findBroker(): Promise<string | undefined> {
  const named = process.env['INSTAINFER_TEST_KAFKA'];
  if (named !== undefined && named !== '') return named;
  const running = readRunningBroker();
  if (running !== undefined && (await answers(running.address))) return running.address;
  if (!jarsAreCached()) return undefined;
  sharedBroker = await startBroker({});
  return sharedBroker.addresses.plain;
}

/** `host:port` of a broker that all tests of this run share; to be called in a `before` hook, which skips its suite without one. */
export async function testBroker(context: Mocha.Context): Promise<string> {
  context.timeout(brokerStartTimeoutMs);
  shared ??= findBroker();
  const address = await shared;
  if (address !== undefined) return address;
  process.stdout.write(`  ${advice}\n`);
  return context.skip();
}

/** A broker of the caller's own, to be stopped and killed; skips the suite when the program is not cached. */
export async function ownBroker(context: Mocha.Context, options: Omit<BrokerOptions, 'folder'>): Promise<KafkaBroker> {
  context.timeout(brokerStartTimeoutMs);
  if (jarsAreCached()) return startBroker(options);
  process.stdout.write(`  ${advice}\n`);
  return context.skip();
}

function startBroker(options: Omit<BrokerOptions, 'folder'>): Promise<KafkaBroker> {
  const folder = mkdtempSync(path.join(tmpdir(), 'instainfer-kafka-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return KafkaBroker.start({ ...options, folder });
}
