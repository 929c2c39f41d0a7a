// The least an invoker can do: reads activation messages with plain kafkajs and acknowledges each at once. What it takes is
// the floor under every invoker's figures.
import { Kafka, logLevel, Partitioners } from 'kafkajs';

const [broker = '', topic = '', answersTo = ''] = process.argv.slice(2);
const kafka = new Kafka({ brokers: [broker], clientId: 'echo', logLevel: logLevel.ERROR });
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false });
const consumer = kafka.consumer({ groupId: topic, allowAutoTopicCreation: false });
const instance = { instance: 0, userMemory: '1 B', instanceType: 'invoker', tags: [], dedicatedNamespaces: [] };

await Promise.all([producer.connect(), consumer.connect()]);
await consumer.subscribe({ topic, fromBeginning: true });
consumer.on(consumer.events.GROUP_JOIN, () => {
  process.send?.('ready');
});
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch, commitOffsetsIfNecessary }) => {
    // At most once, as an invoker: the place is moved first.
    await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition: batch.partition, offset: String(Number(batch.lastOffset()) + 1) }] }] });
    const messages = batch.messages.map(({ value }) => {
      const { transid, activationId } = JSON.parse(value?.toString() ?? '') as { transid: unknown; activationId: string };
      return { partition: 0, value: JSON.stringify({ transid, activationId, isSystemError: false, instance }) };
    });
    void producer.send({ topic: answersTo, acks: 1, messages });
  },
});
process.on('disconnect', () => {
  void Promise.all([consumer.disconnect(), producer.disconnect()]).then(() => process.exit(0));
});
