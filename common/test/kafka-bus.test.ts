import { strict as assert } from 'node:assert';
import kafkajs from 'kafkajs';
import { KafkaBus } from '../bus/kafka-bus.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import { createLogger } from '../logger.ts';
import { compactedTopicSettings, openWhiskTopicSettings } from '../messages/topics.ts';
import { describeBus } from '../testing/bus-conformance.ts';
import { testBroker } from '../testing/kafka-for-tests.ts';

const logger = createLogger('test', process.env['INSTAINFER_LOG_LEVEL'] ?? 'silent');
const refusedWith = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code;

describe('on a Kafka broker', () => {
  let address: string;
  let count = 0;

  before(async function () {
    address = await testBroker(this);
  });

  const connect = (prefix?: string): Promise<KafkaBus> =>
    KafkaBus.connect({ brokers: [address], clientId: 'test', logger, timing: { heartbeatIntervalMs: 300 }, ...(prefix === undefined ? {} : { topicPrefix: prefix }) });

  const newTopic = (): string => {
    count += 1;
    return `test-${process.pid}-${Date.now()}-${count}`;
  };

  describeBus('Kafka', () => connect());

  describe('the bus', () => {
    let bus: KafkaBus;
    before(async () => {
      bus = await connect();
    });
    after(() => bus.close());

    const configurationOf = async (topic: string): Promise<Record<string, string>> => {
      const admin = new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING }).admin();
      await admin.connect();
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }] });
      await admin.disconnect();
      return Object.fromEntries((resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]));
    };

    it('creates an invoker topic with the settings of a stock invoker', async () => {
      const topic = newTopic();
      await bus.ensureTopic(topic, openWhiskTopicSettings.invoker);
      const configuration = await configurationOf(topic);
      assert.deepEqual(
        ['segment.bytes', 'retention.bytes', 'retention.ms', 'max.message.bytes'].map((name) => configuration[name]),
        ['536870912', '1073741824', '172800000', '1054644'],
      );
    });

    it('creates a compacted topic, and does so once however many ask at the same time', async () => {
      const topic = newTopic();
      await Promise.all(Array.from({ length: 5 }, () => bus.ensureTopic(topic, compactedTopicSettings)));
      assert.equal((await configurationOf(topic))['cleanup.policy'], 'compact');
    });

    it('takes an activation message of the largest size and no larger one', async () => {
      const topic = newTopic();
      await bus.ensureTopic(topic, openWhiskTopicSettings.invoker);
      await bus.publish(topic, 'x'.repeat(1_048_576));
      await assert.rejects(bus.publish(topic, 'x'.repeat(1_060_000)), refusedWith('MESSAGE_TOO_LARGE'));
    });

    it('refuses only the one that is too large of many that are published at once', async () => {
      const topic = newTopic();
      await bus.ensureTopic(topic, { maxMessageBytes: 10_000 });
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => bus.publish(topic, 'x'.repeat(index === 7 ? 20_000 : 900))));
      assert.deepEqual(outcomes.map(({ status }) => status === 'rejected').indexOf(true), 7);
      assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 1);
    });

    it('says that a topic is missing, to who publishes and to who reads', async () => {
      const topic = newTopic();
      await assert.rejects(bus.publish(topic, 'x'), refusedWith('TOPIC_MISSING'));
      await assert.rejects(
        bus.subscribe({ topic, group: 'a', from: 'earliest', handle: () => undefined, onError: () => undefined }),
        refusedWith('TOPIC_MISSING'),
      );
    });

    it('puts its prefix before topics and groups, and its users never see it', async () => {
      const prefixed = await connect('tenant1-');
      const topic = newTopic();
      try {
        await prefixed.ensureTopic(topic);
        const received = new Promise<string>((resolve) => {
          void prefixed.subscribe({
            topic,
            group: 'a',
            from: 'earliest',
            handle: (record) => {
              resolve(record.topic);
            },
            onError: () => undefined,
          });
        });
        await bus.publish(`tenant1-${topic}`, 'x');
        assert.equal(await received, topic);
      } finally {
        await prefixed.close();
      }
    });

    it('keeps the records of a key in order on a topic of several partitions', async () => {
      const topic = newTopic();
      await bus.ensureTopic(topic, { partitions: 3 });
      const seen = new Map<string, number[]>();
      let total = 0;
      const all = new Promise<void>((resolve) => {
        void bus.subscribe({
          topic,
          from: 'earliest',
          handle: ({ key, value }) => {
            seen.set(key ?? '', [...(seen.get(key ?? '') ?? []), Number(value)]);
            total += 1;
            if (total === 60) resolve();
          },
          onError: () => undefined,
        });
      });
      await Promise.all(Array.from({ length: 60 }, (_, index) => bus.publish(topic, String(index), `key${index % 6}`)));
      await all;
      for (const values of seen.values()) assert.deepEqual(values, values.toSorted((a, b) => a - b));
      assert.equal(seen.size, 6);
    });
  });
});

describe('the Kafka bus', () => {
  it('says within seconds that no broker answers', async function () {
    this.timeout(30_000);
    await assert.rejects(KafkaBus.connect({ brokers: ['127.0.0.1:1'], clientId: 'test', logger }), refusedWith('BROKER_UNAVAILABLE'));
  });
});
