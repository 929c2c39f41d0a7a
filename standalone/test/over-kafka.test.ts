// The same server with its messages on a real broker.
import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import openwhisk from 'openwhisk';
import { testBroker } from '../../common/testing/kafka-for-tests.ts';
import { guestKey } from '../namespaces.ts';
import { StandaloneProcess } from '../testing/standalone-process.ts';

describe('a standalone server over Kafka', function () {
  this.timeout(120_000);
  let address: string;
  let folder: string;
  let running: StandaloneProcess | undefined;

  before(async function () {
    address = await testBroker(this);
  });
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'over-kafka-'));
  });
  afterEach(async () => {
    await running?.end('SIGKILL');
    await rm(folder, { recursive: true });
  });

  it('runs what is sent, and again after it was killed and started anew', async () => {
    const prefix = `standalone-${randomUUID()}-`;
    const start = async (): Promise<openwhisk.Client> => {
      running = await StandaloneProcess.start(folder, ['--bus', 'kafka', '--kafka-brokers', address, '--kafka-topic-prefix', prefix, '--kafka-events-prefix', prefix, '--log-level', 'silent']);
      return openwhisk({ apihost: running.address, api_key: guestKey });
    };
    const before = await start();
    await before.actions.create({ name: 'echo', action: 'function main(p) { return p; }' });
    assert.deepEqual(await before.actions.invoke({ name: 'echo', blocking: true, result: true, params: { number: 1 } }), { number: 1 });
    await running?.end('SIGKILL');
    const after = await start();
    assert.deepEqual(await after.actions.invoke({ name: 'echo', blocking: true, result: true, params: { number: 2 } }), { number: 2 });
  });
});
