// Two `instainfer invoker` processes under a stand-in of a stock controller over a real broker: activations follow the
// artifacts, and none is lost or run twice when an invoker pauses, is cut off or dies.
import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { basicAuthorization } from '../../common/basic-authorization.ts';
import type { Subscription } from '../../common/bus/bus.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { probeOrder } from '../../common/home-invoker.ts';
import { createLogger } from '../../common/logger.ts';
import { compactedTopicSettings } from '../../common/messages/topics.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { testBroker } from '../../common/testing/kafka-for-tests.ts';
import { NetworkNamespace, whyNoNetworkNamespace } from '../../common/testing/network-namespace.ts';
import { forwardRecordSchema, forwardTopic, forwardTopicSettings, standingTopic } from '../../invoker-plugin/forwarding/messages.ts';
import { residencySchema, residencyTopic, type Residency } from '../../invoker-plugin/protocol.ts';
import { CouchStandIn } from '../../invoker-plugin/testing/couch-stand-in.ts';
import { StockController, type Completed, type StockAction } from '../../invoker-plugin/testing/stock-controller.ts';

const main = path.resolve(import.meta.dirname, '../main.js');
const adminCredentials = 'invoker.user:invoker.pass';

interface InvokerProcess {
  readonly child: ChildProcess;
  readonly url: string;
}

describe('two instainfer invoker processes', function () {
  this.timeout(180_000);
  let address: string;
  let prefix: string;
  let bus: KafkaBus;
  let couch: CouchStandIn;
  let couchPort: string;
  let controller: StockController;
  let namespace: NetworkNamespace | undefined;
  let children: ChildProcess[];
  /** The last report of each container, and the claims on each activation that was offered, in their order. */
  let residencies: Map<string | null, Residency>;
  let claims: Map<string, string[]>;

  before(async function () {
    address = await testBroker(this);
  });
  beforeEach(async () => {
    prefix = `several-${process.pid}-${Date.now()}-`;
    children = [];
    residencies = new Map();
    claims = new Map();
    namespace = undefined;
    couch = new CouchStandIn();
    couchPort = new URL(await couch.start()).port;
    bus = await KafkaBus.connect({ brokers: [address], clientId: 'several-test', logger: createLogger('test', 'silent'), topicPrefix: prefix, timing: { heartbeatIntervalMs: 300 } });
    controller = new StockController({ bus, id: '0' });
    await controller.start();
    const onError = (error: unknown): never => {
      throw error;
    };
    await bus.ensureTopic(residencyTopic, compactedTopicSettings);
    await bus.ensureTopic(forwardTopic, forwardTopicSettings);
    await bus.subscribe({
      topic: residencyTopic,
      from: 'earliest',
      onError,
      handle: ({ key, value }) => {
        if (value === null) residencies.delete(key);
        else residencies.set(key, residencySchema.parse(JSON.parse(value)));
      },
    });
    await bus.subscribe({
      topic: forwardTopic,
      from: 'earliest',
      onError,
      handle: ({ value }) => {
        const message = forwardRecordSchema.parse(JSON.parse(value ?? ''));
        if ('claim' in message) claims.set(message.activationId, [...(claims.get(message.activationId) ?? []), message.claim]);
      },
    });
  });
  afterEach(async () => {
    for (const child of children) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    await namespace?.remove();
    await controller.stop();
    await bus.close();
    await couch.stop();
  });

  /** Starts `instainfer` and resolves with what it says it listens on. */
  const start = async (command: string, options: Readonly<Record<string, string>>, where?: NetworkNamespace): Promise<InvokerProcess> => {
    const args = [main, command, ...Object.entries(options).flatMap(([flag, value]) => [`--${flag}`, value])];
    const stdio: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit'] };
    const child = where === undefined ? spawn(process.execPath, args, stdio) : where.spawn(process.execPath, args, stdio);
    children.push(child);
    assert.ok(child.stdout !== null);
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /ready: (http:\S+)/.exec(line)?.[1];
      if (url !== undefined) return { child, url };
    }
    throw new Error(`instainfer ${command} ended before it was ready`);
  };
  const startInvoker = async (id: number, where?: NetworkNamespace): Promise<InvokerProcess> => {
    const options = {
      id: String(id), 'kafka-brokers': address, 'kafka-topic-prefix': prefix, 'kafka-events-prefix': prefix, containers: 'process', 'couch-host': '127.0.0.1', 'couch-port': couchPort,
      'couch-user': 'whisk', 'couch-password': 'secret', 'couch-entities': 'whisks', 'couch-activations': 'activations', 'user-memory': '1g', policy: 'none', 'stem-cells': '0', port: '0', host: '127.0.0.1', grace: '2', 'log-level': process.env['INSTAINFER_LOG_LEVEL'] ?? 'silent',
    };
    const started = await start('invoker', options, where);
    await controller.until(() => controller.stateOf(id) === 'up');
    return started;
  };

  const deploy = (name: string): StockAction => {
    const limits = { timeout: 20_000, memory: 256, logs: 0, concurrency: 1 };
    const revision = couch.put('whisks', `guest/${name}`, {
      entityType: 'action', namespace: 'guest', name, version: '0.0.1', publish: false, updated: 1,
      exec: { kind: 'nodejs:instainfer', binary: false, code: 'let calls = 0; function main() { calls += 1; return { calls } }' }, parameters: [], limits, annotations: [{ key: 'provide-api-key', value: false }],
    });
    return { path: 'guest', name, version: '0.0.1', revision, memoryMegabytes: 256, timeoutMs: 20_000 };
  };
  const storedCount = (activationId: string): number => couch.documentsOf('activations').filter(({ activationId: id }) => id === activationId).length;
  const run = (action: StockAction): Promise<Completed> => controller.invoke(action).completed;
  const callsOf = (completed: Completed): unknown => (completed.record?.response as { result?: { calls?: number } } | undefined)?.result?.calls;
  const askAdmin = async ({ url }: InvokerProcess, what: string): Promise<void> => {
    await fetch(`${url}/${what}`, { method: 'POST', headers: { authorization: basicAuthorization(adminCredentials) } });
  };

  /** Both invokers, and an action that is warm at the one that is not its home. */
  const startPair = async (): Promise<{ home: number; other: number; processes: InvokerProcess[]; action: StockAction }> => {
    const action = deploy('hello');
    const [home = 0, other = 0] = probeOrder('guest', 'guest/hello', 2);
    const processes: InvokerProcess[] = [];
    for (const id of [0, 1]) processes.push(await startInvoker(id, id === other ? namespace : undefined));
    await askAdmin(processes[home]!, 'disable');
    await controller.until(() => controller.stateOf(home) === 'down');
    const warmedUp = await run(action);
    assert.deepEqual([warmedUp.invoker, callsOf(warmedUp)], [other, 1]);
    await askAdmin(processes[home]!, 'enable');
    await controller.until(() => controller.stateOf(home) === 'up');
    await eventually(() => [...residencies.values()].some(({ invoker, idle, ownActionKey }) => invoker === other && idle && ownActionKey?.startsWith('guest/hello') === true), 'the other invoker says that it is idle');
    return { home, other, processes, action };
  };
  /** Resolves with the next sign of life that the invokers give each other. */
  const saysHowItStands = async (invoker: number): Promise<void> => {
    let subscription: Subscription | undefined;
    await new Promise<void>((resolve, reject) => {
      void bus
        .subscribe({
          topic: standingTopic,
          from: 'latest',
          onError: reject,
          handle: ({ key }) => {
            if (key === String(invoker)) resolve();
          },
        })
        .then((found) => {
          subscription = found;
        }, reject);
    });
    await subscription?.close();
  };
  /** Each ended once, at the invoker that the controller chose, with one record. */
  const assertEndedOnce = async (all: readonly Completed[], home: number): Promise<void> => {
    for (const completed of all) {
      assert.deepEqual([completed.isForced, completed.isSystemError, completed.invoker], [false, false, home], JSON.stringify(completed));
      const freeing = completed.acknowledgements.flatMap((ack) => ('instance' in ack ? [ack.instance.instance] : []));
      assert.deepEqual(freeing, [home]);
      await eventually(() => storedCount(completed.activationId) === 1, 'the record is stored');
    }
    assert.deepEqual([controller.unexpected, controller.dropped], [[], []]);
  };

  it('run an activation where it is warm, and free the memory of the one that the controller chose', async () => {
    const { home, other, action } = await startPair();
    await saysHowItStands(other);
    const completed = await run(action);
    assert.equal(callsOf(completed), 2, 'it was served cold at home');
    assert.deepEqual(claims.get(completed.activationId), ['taken']);
    await assertEndedOnce([completed], home);
    assert.deepEqual(controller.invokers.map(({ freeMegabytes }) => freeMegabytes), [1024, 1024]);
  });

  it('lose nothing and run nothing twice when the one that is offered an activation pauses, comes back, and is killed', async () => {
    const { home, other, processes, action } = await startPair();
    await saysHowItStands(other);
    processes[other]!.child.kill('SIGSTOP');
    const whilePaused = await run(action);
    assert.equal(callsOf(whilePaused), 1, 'the home invoker ran it itself');
    processes[other]!.child.kill('SIGCONT');
    await eventually(() => controller.stateOf(other) === 'up', 'the other one is up again', 60_000);
    const afterwards = await run(action);
    assert.equal(callsOf(afterwards), 2, 'it is warm at home by now');
    processes[other]!.child.kill('SIGKILL');
    const afterDeath = await run(action);
    await assertEndedOnce([whilePaused, afterwards, afterDeath], home);
    assert.equal(claims.get(whilePaused.activationId)?.[0], 'reclaimed');
  });

  it('lose nothing when one is cut off from the broker: what was offered is run at home, what was sent to it waits for it', async function () {
    const reason = whyNoNetworkNamespace();
    if (reason !== undefined) {
      process.stdout.write(`      skipped: ${reason}\n`);
      this.skip();
    }
    namespace = await NetworkNamespace.create([Number(address.split(':')[1]), Number(couchPort)]);
    const { home, other, action } = await startPair();
    await saysHowItStands(other);
    namespace.pullCable();
    const offered = await run(action);
    assert.equal(callsOf(offered), 1, 'the home invoker ran it itself');
    assert.equal(claims.get(offered.activationId)?.[0], 'reclaimed');
    // The controller has not noticed yet and sends work to the one that is cut off: its own action, at home there.
    const away = Array.from({ length: 20 }, (_, index) => deploy(`away${index}`)).find(({ name }) => probeOrder('guest', `guest/${name}`, 2)[0] === other);
    assert.ok(away !== undefined && controller.stateOf(other) === 'up');
    const waiting = run(away);
    await controller.until(() => controller.stateOf(other) === 'down');
    namespace.plugCable();
    const waited = await waiting;
    await assertEndedOnce([offered], home);
    await assertEndedOnce([waited], other);
  });
});
