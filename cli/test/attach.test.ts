// `instainfer attach` as a process beside a stock deployment: a real broker with the records of a stock controller, a real
// engine with a stem cell as a stock invoker starts it, and a database that knows one action.
import { strict as assert } from 'node:assert';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { createLogger } from '../../common/logger.ts';
import { invokerTopic } from '../../common/messages/activation-message.ts';
import { encode } from '../../common/messages/codec.ts';
import { healthTopic } from '../../common/messages/ping-message.ts';
import { openWhiskTopicSettings } from '../../common/messages/topics.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { testBroker } from '../../common/testing/kafka-for-tests.ts';
import { activationMessage, invokerInstance } from '../../controller-plugin/testing/stock-records.ts';
import { tinyModel } from '../../runtime/model-store/tiny-model.ts';
import type { StatusReply } from '../../runtime/protocol.ts';
import { DockerRuntime, requireEngine, testImage } from '../../runtime/testing/container-engine.ts';
import { zipBase64 } from '../../runtime/testing/zip.ts';

const run = promisify(execFile);
const main = path.resolve(import.meta.dirname, '../main.js');
const token = 'token-of-the-deployment';
const memoryMegabytes = 256;

/** CouchDB as far as an action with inline code needs it. */
async function databaseOf(name: string): Promise<Server> {
  const document = {
    _id: `guest/${name}`,
    _rev: '1-a',
    entityType: 'action',
    namespace: 'guest',
    name,
    version: '0.0.1',
    publish: false,
    updated: 0,
    exec: { kind: 'nodejs:instainfer', binary: true, code: await zipBase64({ 'index.js': 'exports.main = () => ({});', 'model.onnx': Buffer.from(tinyModel) }) },
    parameters: [],
    limits: { concurrency: 1, logs: 10, memory: memoryMegabytes, timeout: 60_000 },
    annotations: [{ key: 'preload', value: { models: [{ name: 'tiny', path: 'model.onnx' }], libraries: [] } }],
  };
  const server = createServer((request, response) => {
    const isThere = decodeURIComponent(request.url ?? '').startsWith(`/whisk_local_whisks/guest/${name}`);
    response.writeHead(isThere ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isThere ? document : { error: 'not_found' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('instainfer attach', function () {
  this.timeout(180_000);
  let engine: Docker;
  let broker: string;

  before(async function () {
    engine = await requireEngine(this);
    broker = await testBroker(this);
  });

  it('loads what a stock deployment calls into the stem cells of its invoker, with a planner of its own', async () => {
    const prefix = `attach-${process.pid}-${Date.now()}-`;
    const database = await databaseOf('called');
    const stock = await KafkaBus.connect({ brokers: [broker], clientId: 'attach-test', logger: createLogger('test', 'silent'), topicPrefix: prefix });
    const stemCell = await DockerRuntime.start(engine, { INSTAINFER_TOKEN: token }, { name: `wskattach${process.pid}x0_1_prewarm_nodejsinstainfer`, memoryBytes: memoryMegabytes * 2 ** 20 });
    let child: ChildProcess | undefined;
    try {
      await stock.ensureTopic(invokerTopic(0), openWhiskTopicSettings.invoker);
      await stock.ensureTopic(healthTopic, openWhiskTopicSettings.health);
      const { port } = database.address() as AddressInfo;
      const flags = ['--kafka-brokers', broker, '--kafka-topic-prefix', prefix, '--kafka-events-prefix', prefix, '--image', testImage, '--couch-host', '127.0.0.1', '--couch-port', String(port), '--log-level', 'silent'];
      child = spawn(process.execPath, [main, 'attach', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
      assert.ok(child.stdout !== null);
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      assert.equal(line, 'attached beside invoker0');
      let sent = 0;
      await eventually(
        async () => {
          await stock.publish(healthTopic, encode({ name: invokerInstance(0), isEnabled: true }));
          sent += 1;
          await stock.publish(invokerTopic(0), encode(activationMessage('called', Date.now(), sent, { revision: '1-a' })));
          const status = (await stemCell.call('GET', '/status', undefined, { authorization: `Bearer ${token}` })).json as StatusReply;
          return status.slots.some(({ action, state }) => action === 'guest/called' && state === 'resident');
        },
        'the action resident in the stem cell',
        90_000,
      );
      child.kill('SIGTERM');
      assert.deepEqual(await once(child, 'exit'), [0, null]);
    } finally {
      child?.kill('SIGKILL');
      database.close();
      await stemCell.remove();
      await stock.close();
    }
  });
});

describe('the command line of instainfer attach', () => {
  const attach = (...argv: string[]): Promise<{ stdout: string; stderr: string; code?: number }> => run(process.execPath, [main, 'attach', ...argv]).catch((error: unknown) => error as { stdout: string; stderr: string; code: number });

  it('says how it is used', async () => {
    assert.match((await attach('--help')).stdout, /usage: instainfer attach --id N/);
  });

  it('asks for the database of the actions', async () => {
    const { code, stderr } = await attach('--kafka-brokers', 'broker:9092');
    assert.equal(code, 2);
    assert.match(stderr, /--couch-host/);
  });
});
