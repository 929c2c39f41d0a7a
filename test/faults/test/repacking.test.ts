// An invoker that holds artifacts is killed, over a real broker and with real processes: the others load them when the planner
// has noticed, before any call comes.
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KafkaBus } from '../../../common/bus/kafka-bus.ts';
import { probeOrder } from '../../../common/home-invoker.ts';
import { cacheInvalidationTopic } from '../../../common/messages/cache-invalidation.ts';
import { encode } from '../../../common/messages/codec.ts';
import { compactedTopicSettings } from '../../../common/messages/topics.ts';
import { eventually } from '../../../common/testing/eventually.ts';
import { testBroker } from '../../../common/testing/kafka-for-tests.ts';
import { silentAfterMs } from '../../../controller-plugin/core/placement.ts';
import { residencySchema, residencyTopic, type Residency } from '../../../invoker-plugin/protocol.ts';
import { CouchStandIn } from '../../../invoker-plugin/testing/couch-stand-in.ts';
import { logger } from '../../../invoker-plugin/testing/stock-deployment.ts';
import { StockController, type StockAction } from '../../../invoker-plugin/testing/stock-controller.ts';
import { writeTinyStore } from '../../../runtime/testing/tiny-store.ts';
import { PartProcess } from '../part-process.ts';

const invokerIds = [0, 1, 2] as const;
const minuteMs = 60_000;

describe('artifacts of an invoker that is killed', function () {
  this.timeout(240_000);
  let broker: string;
  let storeDir: string;
  let bus: KafkaBus;
  let couch: CouchStandIn;
  let controller: StockController;
  let parts: PartProcess[];
  let residencies: Map<string, Residency>;

  before(async function () {
    broker = await testBroker(this);
    storeDir = mkdtempSync(path.join(tmpdir(), 'repacking-test-'));
    // A model that loads in no time is not worth loading ahead.
    writeTinyStore(storeDir, { models: [], heavyBytes: 16 * 1024 * 1024 });
  });
  after(() => {
    // Undefined where there is no broker on this machine.
    if ((storeDir as string | undefined) !== undefined) rmSync(storeDir, { recursive: true });
  });
  beforeEach(async () => {
    const prefix = `repacking-${process.pid}-${Date.now()}-`;
    parts = [];
    residencies = new Map();
    couch = new CouchStandIn();
    const { hostname, port } = new URL(await couch.start());
    const [user = '', password = ''] = couch.credentials.split(':');
    bus = await KafkaBus.connect({ brokers: [broker], clientId: 'repacking-test', logger, topicPrefix: prefix });
    controller = new StockController({ bus, id: '0' });
    await controller.start();
    await bus.ensureTopic(residencyTopic, compactedTopicSettings);
    await bus.subscribe({
      topic: residencyTopic,
      from: 'earliest',
      onError: () => undefined,
      handle: ({ key, value }) => {
        if (value === null) residencies.delete(key ?? '');
        else residencies.set(key ?? '', residencySchema.parse(JSON.parse(value)));
      },
    });
    const common = [
      '--kafka-brokers', broker, '--kafka-topic-prefix', prefix, '--kafka-events-prefix', prefix, '--port', '0', '--log-level', 'warn',
      '--couch-host', hostname, '--couch-port', port, '--couch-user', user, '--couch-password', password, '--couch-entities', 'whisks',
    ];
    const pool = ['--couch-activations', 'activations', '--containers', 'process', '--user-memory', '512m', '--stem-cells', '1', '--stem-cell-memory', '256m', '--model-store', storeDir, '--grace', '2'];
    const planner = new PartProcess(['controller', ...common, '--keep-every', '1']);
    parts = [...invokerIds.map((id) => new PartProcess(['invoker', '--id', String(id), ...common, ...pool])), planner];
    await Promise.all(parts.map((part) => part.start()));
    await controller.until(() => invokerIds.every((id) => controller.stateOf(id) === 'up'));
    const plannerKnows = async (): Promise<boolean> => {
      const metrics = await (await fetch(new URL('/metrics', planner.httpAddress))).text();
      return invokerIds.every((id) => metrics.includes(`instainfer_invoker_healthy{invoker="${id}"} 1`));
    };
    await eventually(plannerKnows, 'the planner knows the invokers', minuteMs);
  });
  afterEach(async () => {
    await Promise.all(parts.map((part) => part.end('SIGTERM')));
    await controller.stop();
    await bus.close();
    await couch.stop();
  });

  const deploy = async (name: string): Promise<StockAction> => {
    const limits = { timeout: 30_000, memory: 256, logs: 0, concurrency: 1 };
    const annotations = [{ key: 'provide-api-key', value: false }, { key: 'preload', value: { models: [{ name: 'heavy', store: 'heavy@1' }], libraries: [] } }];
    const code = `const { model } = require('instainfer'); exports.main = async () => { await model('heavy'); return {}; };`;
    const revision = couch.put('whisks', `guest/${name}`, { entityType: 'action', namespace: 'guest', name, version: '0.0.1', publish: false, updated: 1, exec: { kind: 'nodejs:instainfer', binary: false, code }, parameters: [], limits, annotations });
    await bus.publish(cacheInvalidationTopic, encode({ key: { mainId: `guest/${name}` }, instanceId: 'controller0' }));
    return { path: 'guest', name, version: '0.0.1', revision, memoryMegabytes: 256, timeoutMs: 30_000 };
  };
  const orderOf = (name: string): number[] => probeOrder('guest', `guest/${name}`, invokerIds.length);
  /** Invokers whose reports say that a call of the action would find its artifacts. */
  const holdersOf = (name: string): Set<number> => {
    const isOf = (key: string | null): boolean => key?.startsWith(`guest/${name}@`) === true;
    return new Set([...residencies.values()].filter(({ ownActionKey, resident }) => isOf(ownActionKey) || resident.some(({ actionKey }) => isOf(actionKey))).map(({ invoker }) => invoker));
  };

  for (const [what, calls] of [['has been deployed and never called', 0], ['is called every minute', 5]] as const) {
    it(`are loaded by the next invoker in the controllers' order once it has been silent for ten seconds, of an action that ${what}`, async () => {
      const [home = 0, next = 0] = orderOf('held');
      const action = await deploy('held');
      await eventually(() => holdersOf('held').has(home), 'the home invoker holds them', minuteMs);
      for (let ago = calls; ago > 0; ago -= 1) {
        const { invoker, completed } = controller.invoke(action, { startedAt: Date.now() - ago * minuteMs });
        assert.equal(invoker, home);
        assert.equal((await completed).record?.response.statusCode, 0);
      }
      assert.deepEqual([...holdersOf('held')], [home]);
      const killedAt = Date.now();
      await parts[home]?.end('SIGKILL');
      await eventually(() => holdersOf('held').has(next), 'the next one holds them', minuteMs);
      const tookMs = Date.now() - killedAt;
      assert.ok(tookMs >= silentAfterMs - 2000, `after ${tookMs} ms: before anybody could have noticed`);
      const isOverlooked = invokerIds.some((id) => id !== home && id !== next && holdersOf('held').has(id));
      assert.equal(isOverlooked, false, 'a further one loaded them, too');
      await controller.until(() => controller.stateOf(home) === 'down');
      const { invoker, completed } = controller.invoke(action);
      assert.equal(invoker, next);
      const { record } = await completed;
      assert.equal(record?.annotations.find(({ key }) => key === 'startType')?.value, 'preloaded');
    });
  }
});
