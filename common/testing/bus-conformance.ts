// What every bus has to do, as a suite that takes a factory: the in-process bus and Kafka's run the same one.
import { strict as assert } from 'node:assert';
import { AppError } from '../errors.ts';
import type { Bus, BusRecord, Subscription } from '../bus/bus.ts';

/** Collects records and lets a test wait for a number of them. */
class Reader {
  readonly values: (string | null)[] = [];
  readonly records: BusRecord[] = [];
  private readonly waiters: { count: number; resolve: () => void }[] = [];

  readonly handle = (record: BusRecord): void => {
    this.values.push(record.value);
    this.records.push(record);
    for (const waiter of this.waiters) if (this.values.length >= waiter.count) waiter.resolve();
  };

  received(count: number): Promise<void> {
    if (this.values.length >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push({ count, resolve });
    });
  }
}

/** The group of a reader without one. */
const alone = undefined;

const unexpected = (error: unknown): never => {
  throw error;
};

/** Registers the suite; `topicName` gives each test a topic nobody used before. */
export function describeBus(name: string, createBus: () => Promise<Bus>): void {
  describe(`${name} as a bus`, () => {
    let bus: Bus;
    let topic: string;
    let count = 0;

    beforeEach(async () => {
      bus = await createBus();
      count += 1;
      topic = `conformance-${process.pid}-${Date.now()}-${count}`;
      await bus.ensureTopic(topic);
    });
    afterEach(() => bus.close());

    const read = (reader: Reader, group: string | undefined, from: 'earliest' | 'latest' = 'earliest'): Promise<Subscription> =>
      bus.subscribe({ topic, ...(group === undefined ? {} : { group }), from, handle: reader.handle, onError: unexpected });

    it('hands records over in the order they were published', async () => {
      const reader = new Reader();
      await read(reader, 'a');
      const values = Array.from({ length: 100 }, (_, index) => String(index));
      for (const value of values) await bus.publish(topic, value);
      await reader.received(100);
      assert.deepEqual(reader.values, values);
    });

    it('gives every group every record', async () => {
      const [first, second] = [new Reader(), new Reader()];
      await read(first, 'a');
      await read(second, 'b');
      await bus.publish(topic, 'x');
      await Promise.all([first.received(1), second.received(1)]);
      assert.deepEqual([first.values, second.values], [['x'], ['x']]);
    });

    it('gives a record to one member of a group only', async () => {
      const either = new Reader();
      await read(either, 'a');
      await read(either, 'a');
      const values = Array.from({ length: 20 }, (_, index) => String(index));
      for (const value of values) await bus.publish(topic, value);
      await either.received(20);
      assert.deepEqual(either.values.map(Number).sort((a, b) => a - b), values.map(Number));
    });

    it('gives a new group what the topic holds when it starts from the earliest', async () => {
      await bus.publish(topic, 'before');
      const reader = new Reader();
      await read(reader, 'late');
      await reader.received(1);
      assert.deepEqual(reader.values, ['before']);
    });

    it('gives a new group only what comes from now on when it starts from the latest', async () => {
      await bus.publish(topic, 'before');
      const reader = new Reader();
      await read(reader, 'late', 'latest');
      await bus.publish(topic, 'after');
      await reader.received(1);
      assert.deepEqual(reader.values, ['after']);
    });

    it('goes on where the group was after a subscription was closed', async () => {
      const first = new Reader();
      const subscription = await read(first, 'a');
      await bus.publish(topic, 'one');
      await first.received(1);
      await subscription.close();
      await bus.publish(topic, 'two');
      const second = new Reader();
      await read(second, 'a');
      await second.received(1);
      assert.deepEqual([first.values, second.values], [['one'], ['two']]);
    });

    it('reports a failed handler and goes on with the next record', async () => {
      const reader = new Reader();
      const errors: unknown[] = [];
      await bus.subscribe({
        topic,
        group: 'a',
        from: 'earliest',
        handle: (record) => {
          reader.handle(record);
          if (record.value === 'bad') throw new Error('cannot take this one');
        },
        onError: (error, record) => {
          errors.push([String(error), record.value]);
        },
      });
      await bus.publish(topic, 'bad');
      await bus.publish(topic, 'good');
      await reader.received(2);
      assert.deepEqual(errors, [['Error: cannot take this one', 'bad']]);
    });

    it('hands over the next record only when the handler is done with the one before', async () => {
      const order: string[] = [];
      const reader = new Reader();
      await bus.subscribe({
        topic,
        group: 'a',
        from: 'earliest',
        handle: async (record) => {
          order.push(`begin ${record.value}`);
          await new Promise((resolve) => setImmediate(resolve));
          order.push(`end ${record.value}`);
          reader.handle(record);
        },
        onError: unexpected,
      });
      await Promise.all([bus.publish(topic, '1'), bus.publish(topic, '2')]);
      await reader.received(2);
      assert.deepEqual(order, ['begin 1', 'end 1', 'begin 2', 'end 2']);
    });

    it('keeps the key of a record', async () => {
      const keys: (string | null)[] = [];
      const reader = new Reader();
      await bus.subscribe({
        topic,
        group: 'a',
        from: 'earliest',
        handle: (record) => {
          keys.push(record.key);
          reader.handle(record);
        },
        onError: unexpected,
      });
      await bus.publish(topic, 'x', 'guest/resnet18@0.0.1');
      await bus.publish(topic, 'y');
      await reader.received(2);
      assert.deepEqual(keys, ['guest/resnet18@0.0.1', null]);
    });

    it('stamps a record with its place and the time it was published', async () => {
      const reader = new Reader();
      const before = Date.now();
      await bus.publish(topic, 'x');
      await bus.publish(topic, 'y');
      await read(reader, 'a');
      await reader.received(2);
      assert.deepEqual(
        reader.records.map((record) => [record.topic, record.partition, record.offset]),
        [
          [topic, 0, 0],
          [topic, 0, 1],
        ],
      );
      for (const { publishedAt } of reader.records) assert.ok(publishedAt >= before && publishedAt <= Date.now(), String(publishedAt));
    });

    it('carries a null value: what the key stood for is gone', async () => {
      const reader = new Reader();
      await read(reader, 'a');
      await bus.publish(topic, 'here', 'key');
      await bus.publish(topic, null, 'key');
      await reader.received(2);
      assert.deepEqual(reader.values, ['here', null]);
    });

    it('gives a reader without a group the whole topic each time it starts', async () => {
      await bus.publish(topic, 'one');
      for (const values of [['one'], ['one', 'two']]) {
        const reader = new Reader();
        const subscription = await read(reader, alone);
        await reader.received(values.length);
        assert.deepEqual(reader.values, values);
        await subscription.close();
        await bus.publish(topic, 'two');
      }
    });

    it('gives two readers without a group the same records', async () => {
      const [first, second] = [new Reader(), new Reader()];
      await read(first, alone, 'latest');
      await read(second, alone, 'latest');
      await bus.publish(topic, 'x');
      await Promise.all([first.received(1), second.received(1)]);
      assert.deepEqual([first.values, second.values], [['x'], ['x']]);
    });

    it('hands nothing over to a paused reader, and all of it in order once it is resumed', async () => {
      const [paused, witness] = [new Reader(), new Reader()];
      const subscription = await read(paused, 'a');
      await read(witness, 'b');
      subscription.pause();
      for (const value of ['1', '2', '3']) await bus.publish(topic, value);
      await witness.received(3);
      assert.deepEqual(paused.values, []);
      subscription.resume();
      await paused.received(3);
      assert.deepEqual(paused.values, ['1', '2', '3']);
    });

    it('leaves what a paused reader did not take to the next reader of its group', async () => {
      const [paused, witness, next] = [new Reader(), new Reader(), new Reader()];
      const subscription = await read(paused, 'a');
      await read(witness, 'b');
      subscription.pause();
      for (const value of ['1', '2', '3']) await bus.publish(topic, value);
      await witness.received(3);
      await subscription.close();
      await read(next, 'a');
      await next.received(3);
      assert.deepEqual([paused.values, next.values], [[], ['1', '2', '3']]);
    });

    it('begins again at the last place that a reader kept which keeps it itself', async () => {
      const readFrom = (reader: Reader): Promise<Subscription> => bus.subscribe({ topic, group: 'a', from: 'earliest', placeKeptBy: 'reader', handle: reader.handle, onError: unexpected });
      const first = new Reader();
      const subscription = await readFrom(first);
      await bus.publish(topic, 'kept');
      await first.received(1);
      // The place is marked when the handler is done, a turn after it was called.
      await new Promise((resolve) => setImmediate(resolve));
      const keepPlace = subscription.markPlace();
      await bus.publish(topic, 'not kept');
      await first.received(2);
      await keepPlace();
      await subscription.close();
      const second = new Reader();
      await readFrom(second);
      await bus.publish(topic, 'new');
      await second.received(2);
      assert.deepEqual(second.values, ['not kept', 'new']);
    });

    it('knows how far behind a reader is', async () => {
      const reader = new Reader();
      const subscription = await read(reader, 'a');
      assert.equal(await subscription.lag(), 0);
      subscription.pause();
      for (const value of ['1', '2', '3']) await bus.publish(topic, value);
      assert.equal(await subscription.lag(), 3);
      subscription.resume();
      await reader.received(3);
      assert.equal(await subscription.lag(), 0);
    });

    it('refuses a record that is larger than its topic takes, and goes on with the next', async () => {
      const small = `${topic}-small`;
      await bus.ensureTopic(small, { maxMessageBytes: 10_000 });
      await assert.rejects(bus.publish(small, 'x'.repeat(20_000)), (error) => error instanceof AppError && error.code === 'MESSAGE_TOO_LARGE');
      const reader = new Reader();
      await bus.publish(small, 'fits');
      await bus.subscribe({ topic: small, group: 'a', from: 'earliest', handle: reader.handle, onError: unexpected });
      await reader.received(1);
      assert.deepEqual(reader.values, ['fits']);
    });

    it('leaves a topic that exists as it is', async () => {
      await bus.publish(topic, 'kept');
      await bus.ensureTopic(topic, { compacted: true });
      const reader = new Reader();
      await read(reader, 'a');
      await reader.received(1);
      assert.deepEqual(reader.values, ['kept']);
    });

    it('refuses to publish once it is closed', async () => {
      await bus.close();
      await assert.rejects(bus.publish(topic, 'x'), /closed/);
    });
  });
}
