// `instainfer controller` as a process beside a real broker: it survives being stopped and killed, and plans around an
// invoker that falls silent.
import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { probeOrder } from '../../common/home-invoker.ts';
import { createLogger } from '../../common/logger.ts';
import { invokerTopic } from '../../common/messages/activation-message.ts';
import { encode } from '../../common/messages/codec.ts';
import { cacheInvalidationTopic } from '../../common/messages/cache-invalidation.ts';
import { healthTopic } from '../../common/messages/ping-message.ts';
import { openWhiskTopicSettings } from '../../common/messages/topics.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { testBroker } from '../../common/testing/kafka-for-tests.ts';
import { planSchema, planTopic } from '../../controller-plugin/protocol.ts';
import { activationMessage, invokerInstance } from '../../controller-plugin/testing/stock-records.ts';
import { CouchStandIn } from '../../invoker-plugin/testing/couch-stand-in.ts';

const main = path.resolve(import.meta.dirname, '../main.js');

interface Rates {
  readonly actions: readonly { readonly actionKey: string; readonly arrivals: number; readonly ratePerMs: number; readonly invokers?: readonly number[] }[];
}

describe('instainfer controller', function () {
  this.timeout(120_000);
  let address: string;
  let prefix: string;
  let stock: KafkaBus;
  let children: ChildProcess[];

  before(async function () {
    address = await testBroker(this);
  });
  beforeEach(async () => {
    prefix = `controller-${process.pid}-${Date.now()}-`;
    children = [];
    stock = await KafkaBus.connect({ brokers: [address], clientId: 'controller-test', logger: createLogger('test', 'silent'), topicPrefix: prefix });
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stock.close();
  });

  /** Starts the process; resolves with it and the address it says. */
  const start = async (...more: string[]): Promise<{ child: ChildProcess; url: string }> => {
    const child = spawn(process.execPath, [main, 'controller', '--kafka-brokers', address, '--kafka-topic-prefix', prefix, '--kafka-events-prefix', prefix, '--port', '0', '--keep-every', '1', '--log-level', 'silent', ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    assert.ok(child.stdout !== null);
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /ready: (http:\S+)/.exec(line)?.[1];
      if (url !== undefined) return { child, url };
    }
    throw new Error('it ended before it was ready');
  };
  const ratesOf = async (url: string): Promise<Rates['actions'][number] | undefined> => ((await (await fetch(`${url}/rates`)).json()) as Rates).actions[0];
  const ping = (invoker: number): Promise<void> => stock.publish(healthTopic, encode({ name: invokerInstance(invoker), isEnabled: true }));
  const startedAt = Date.now();
  const publish = async (from: number, to: number): Promise<void> => {
    for (let count = from; count < to; count += 1) await stock.publish(invokerTopic(0), encode(activationMessage('hello', startedAt - 3_600_000 + 1000 * count, count)));
    await ping(0);
  };

  it('knows after a stop and after a kill what it knew before, and counts what came meanwhile', async () => {
    await stock.ensureTopic(invokerTopic(0), openWhiskTopicSettings.invoker);
    const first = await start();
    await publish(0, 100);
    await eventually(async () => (await ratesOf(first.url))?.arrivals === 100, '100 arrivals are known', 30_000);
    first.child.kill('SIGTERM');
    assert.deepEqual(await once(first.child, 'exit'), [0, null]);

    const second = await start();
    assert.equal((await ratesOf(second.url))?.arrivals, 100);
    await publish(100, 200);
    await eventually(async () => (await ratesOf(second.url))?.arrivals === 200, '200 arrivals are known', 30_000);
    second.child.kill('SIGKILL');
    await once(second.child, 'exit');

    const third = await start();
    await publish(200, 300);
    await eventually(async () => (await ratesOf(third.url))?.arrivals === 300, '300 arrivals are known', 60_000);
    const metrics = await (await fetch(`${third.url}/metrics`)).text();
    assert.match(metrics, /instainfer_observer_lag_records\{topic="invoker0"\} 0/);
    assert.equal((await fetch(`${third.url}/healthz`)).status, 200);
  });

  it('plans an action that has been deployed before its first call, also when the database was away meanwhile', async () => {
    const couch = new CouchStandIn();
    const { hostname, port } = new URL(await couch.start());
    const [user = '', password = ''] = couch.credentials.split(':');
    const planned = new Set<string>();
    try {
      await stock.ensureTopic(planTopic, { compacted: true });
      await stock.ensureTopic(cacheInvalidationTopic, {});
      await stock.subscribe({ topic: planTopic, from: 'earliest', handle: ({ value }) => void planned.add(planSchema.parse(JSON.parse(value ?? '')).actionKey), onError: () => undefined });
      await start('--couch-host', hostname, '--couch-port', port, '--couch-user', user, '--couch-password', password);
      const deploy = async (name: string): Promise<void> => {
        couch.put('whisk_local_whisks', `guest/${name}`, { entityType: 'action', namespace: 'guest', name, version: '0.0.1', publish: false, updated: 0, exec: { kind: 'nodejs:instainfer', binary: false, code: 'function main() {}' }, parameters: [], limits: { concurrency: 1, logs: 10, memory: 256, timeout: 60_000 }, annotations: [] });
        await stock.publish(cacheInvalidationTopic, encode({ key: { mainId: `guest/${name}` }, instanceId: 'controller0' }));
      };
      couch.fault = () => 503;
      await deploy('unreadable');
      await eventually(() => couch.requests.length > 0, 'the planner has asked in vain', 30_000);
      couch.fault = undefined;
      await deploy('fresh');
      await eventually(() => [...planned].some((key) => key.startsWith('guest/fresh@')), 'a plan is published', 30_000);
      assert.ok(![...planned].some((key) => key.startsWith('guest/unreadable@')));
    } finally {
      await couch.stop();
    }
  });

  it('plans the actions of an invoker that has been silent for ten seconds elsewhere', async () => {
    const named: (readonly number[] | undefined)[] = [];
    await stock.ensureTopic(planTopic, { compacted: true });
    await stock.subscribe({ topic: planTopic, from: 'earliest', handle: ({ value }) => void named.push(planSchema.parse(JSON.parse(value ?? '')).invokers), onError: () => undefined });
    await stock.ensureTopic(invokerTopic(0), openWhiskTopicSettings.invoker);
    await start();
    // Of two invokers one is home; it goes silent, the other goes on.
    const [home = 0, next = 0] = probeOrder('guest', 'guest/hello', 2);
    const beat = setInterval(() => void ping(next), 1000);
    try {
      await Promise.all([ping(0), ping(1)]);
      await publish(0, 1);
      await eventually(async () => {
        await ping(home);
        return named.at(-1)?.includes(home) === true;
      }, 'the home invoker is named', 20_000);
      await eventually(() => named.at(-1)?.length === 1 && named.at(-1)?.[0] === next, 'the other one is named alone', 30_000);
    } finally {
      clearInterval(beat);
    }
  });
});
