// What the bus does while its broker goes away, its group changes or its reader is slow, on a broker of these tests' own.
import { strict as assert } from 'node:assert';
import type { KafkaBroker } from '../../scripts/kafka-broker/broker.ts';
import type { BusRecord, Subscription } from '../bus/bus.ts';
import { KafkaBus, type KafkaBusOptions } from '../bus/kafka-bus.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import { createLogger } from '../logger.ts';
import { collectGarbage } from '../testing/collect-garbage.ts';
import { ownBroker } from '../testing/kafka-for-tests.ts';

const logger = createLogger('test', process.env['INSTAINFER_LOG_LEVEL'] ?? 'silent');
const user = { username: 'invoker', password: 'a-password' };
const refusedWith = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code;

/** Remembers what it was handed and wakes who waits for it. */
class Taken {
  readonly values: string[] = [];
  private waiters: (() => void)[] = [];

  readonly handle = (record: BusRecord): void => {
    this.values.push(record.value ?? '');
    for (const wake of this.waiters.splice(0)) wake();
  };

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.waiters.push(resolve);
      });
    }
  }
}

describe('the Kafka bus under faults', function () {
  this.timeout(120_000);
  let broker: KafkaBroker;
  let buses: KafkaBus[];
  let topic: string;
  let count = 0;

  before(async function () {
    broker = await ownBroker(this, { sasl: user, ssl: true, properties: { 'group.min.session.timeout.ms': '1000' } });
  });
  after(() => broker?.remove());

  beforeEach(() => {
    buses = [];
    count += 1;
    topic = `faults-${count}`;
  });
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
  });

  const connect = async (options: Partial<KafkaBusOptions> = {}): Promise<KafkaBus> => {
    const bus = await KafkaBus.connect({ brokers: [broker.addresses.plain], clientId: 'test', logger, timing: { heartbeatIntervalMs: 200, sessionTimeoutMs: 10_000 }, ...options });
    buses.push(bus);
    return bus;
  };
  const read = (bus: KafkaBus, handle: (record: BusRecord) => Promise<void> | void, group: string | undefined = 'a'): Promise<Subscription> =>
    bus.subscribe({
      topic,
      ...(group === '' ? {} : { group }),
      from: 'earliest',
      handle,
      onError: (error) => {
        throw error;
      },
    });
  const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => String(from + index));

  for (const { title, signal } of [
    { title: 'is restarted', signal: 'SIGTERM' as const },
    { title: 'is killed and started again', signal: 'SIGKILL' as const },
  ]) {
    it(`loses nothing, repeats nothing and keeps the order when the broker ${title}`, async () => {
      const bus = await connect();
      await bus.ensureTopic(topic);
      const [inGroup, alone] = [new Taken(), new Taken()];
      const subscription = await read(bus, inGroup.handle);
      await read(bus, alone.handle, '');
      await Promise.all(numbers(0, 50).map((value) => bus.publish(topic, value)));
      await inGroup.until(() => inGroup.values.length === 50);
      await broker.stop(signal);
      const meanwhile = numbers(50, 100).map((value) => bus.publish(topic, value));
      await broker.start();
      await Promise.all(meanwhile);
      await Promise.all(numbers(100, 150).map((value) => bus.publish(topic, value)));
      await inGroup.until(() => inGroup.values.length >= 150);
      await alone.until(() => alone.values.length >= 150);
      assert.deepEqual(inGroup.values, numbers(0, 150));
      assert.deepEqual(alone.values, numbers(0, 150));
      assert.equal(await subscription.lag(), 0);
    });
  }

  it('closes within seconds although the broker is away', async () => {
    const bus = await connect();
    await bus.ensureTopic(topic);
    await read(bus, () => undefined);
    await broker.stop('SIGKILL');
    const begin = Date.now();
    await bus.close();
    const tookMs = Date.now() - begin;
    await broker.start();
    assert.ok(tookMs < 15_000, `${tookMs} ms`);
  });

  it('shares the partitions of a group when a second member comes, and takes them back when it leaves', async () => {
    const [first, second] = [await connect(), await connect()];
    await first.ensureTopic(topic, { partitions: 2 });
    const all = new Taken();
    const [ofFirst, ofSecond] = [new Set<number>(), new Set<number>()];
    await read(first, (record) => {
      ofFirst.add(record.partition);
      all.handle(record);
    });
    let published = 0;
    const publishSome = async (): Promise<void> => {
      await Promise.all(numbers(published, published + 20).map((value) => first.publish(topic, value, `key${value}`)));
      published += 20;
      await all.until(() => all.values.length >= published);
    };
    await publishSome();
    assert.deepEqual([...ofFirst].sort(), [0, 1]);
    const leaving = await read(second, (record) => {
      ofSecond.add(record.partition);
      all.handle(record);
    });
    while (ofSecond.size === 0) await publishSome();
    assert.equal(ofSecond.size, 1);
    await leaving.close();
    ofFirst.clear();
    await publishSome();
    assert.deepEqual([...ofFirst].sort(), [0, 1]);
    assert.deepEqual(all.values.map(Number).sort((a, b) => a - b), numbers(0, published).map(Number));
  });

  it('leaves a group at once, so that the next member need not wait for a session to end', async () => {
    const [first, second] = [await connect(), await connect()];
    await first.ensureTopic(topic);
    const taken = new Taken();
    const leaving = await read(first, taken.handle);
    await first.publish(topic, '0');
    await taken.until(() => taken.values.length === 1);
    await leaving.close();
    const begin = Date.now();
    await read(second, taken.handle);
    await first.publish(topic, '1');
    await taken.until(() => taken.values.length === 2);
    assert.ok(Date.now() - begin < 9_000, 'the session of the first member lasts 10 s');
  });

  it('keeps a slow reader in its group and the heap small while megabytes wait for it', async () => {
    const sessionTimeoutMs = 1_500;
    const bus = await connect({ timing: { heartbeatIntervalMs: 200, sessionTimeoutMs, fetchWaitMs: 100 } });
    await bus.ensureTopic(topic);
    const taken = new Taken();
    let letGo: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await read(bus, async (record) => {
      taken.handle(record);
      await blocked;
    });
    const heldBytes = (): number => {
      collectGarbage();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = heldBytes();
    const records = 100;
    for (let index = 0; index < records; index += 1) await bus.publish(topic, String(index).padStart(1_000_000, '0'));
    // The fault itself: a handler that takes longer than a member may be silent.
    await new Promise((resolve) => setTimeout(resolve, 2 * sessionTimeoutMs));
    const held = heldBytes() - before;
    letGo();
    await taken.until(() => taken.values.length === records);
    assert.deepEqual(taken.values.map(Number), numbers(0, records).map(Number));
    assert.ok(held < 64e6, `${Math.round(held / 1e6)} MB held of ${records} MB published`);
  });

  it('speaks with a broker that asks for a name and a password, also after it was restarted', async () => {
    const bus = await connect({ brokers: [broker.addresses.sasl], sasl: { mechanism: 'plain', ...user } });
    await bus.ensureTopic(topic);
    const taken = new Taken();
    await read(bus, taken.handle);
    await bus.publish(topic, '0');
    await taken.until(() => taken.values.length === 1);
    await broker.stop('SIGKILL');
    await broker.start();
    await bus.publish(topic, '1');
    await taken.until(() => taken.values.length === 2);
  });

  it('says that the broker refused a wrong password, and does not say the password', async () => {
    const attempt = KafkaBus.connect({ brokers: [broker.addresses.sasl], clientId: 'test', logger, sasl: { mechanism: 'plain', username: user.username, password: 'wrong-password' } });
    await assert.rejects(attempt, (error) => refusedWith('BROKER_REFUSED')(error) && !String(error).includes('wrong-password'));
  });

  it('speaks TLS with a broker whose certificate it was given', async () => {
    const bus = await connect({ brokers: [broker.addresses.ssl], tls: { ca: await broker.certificate() } });
    await bus.ensureTopic(topic);
    const taken = new Taken();
    await read(bus, taken.handle);
    await bus.publish(topic, 'x');
    await taken.until(() => taken.values.length === 1);
  });

  it('does not speak with a broker whose certificate nobody vouches for, unless told not to check', async () => {
    await assert.rejects(KafkaBus.connect({ brokers: [broker.addresses.ssl], clientId: 'test', logger, tls: {} }), refusedWith('BROKER_UNAVAILABLE'));
    await connect({ brokers: [broker.addresses.ssl], tls: { rejectUnauthorized: false } });
  });
});
