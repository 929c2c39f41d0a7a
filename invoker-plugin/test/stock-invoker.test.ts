import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { testBroker } from '../../common/testing/kafka-for-tests.ts';
import { logger } from '../testing/stock-deployment.ts';
import { describeStockInvoker } from '../testing/stock-invoker-suite.ts';

describeStockInvoker('in one process', async () => {
  const bus = new MemoryBus();
  return Promise.resolve({ controllerBus: bus, invokerBus: bus, close: () => bus.close() });
});

describeStockInvoker('over Kafka', async function () {
  const brokers = [await testBroker(this)];
  // Topics of its own on a broker that others use too.
  const topicPrefix = `stock-invoker-${process.pid}-${Date.now()}-`;
  const [controllerBus, invokerBus] = await Promise.all(['controller', 'invoker'].map((clientId) => KafkaBus.connect({ brokers, clientId, logger, topicPrefix, timing: { heartbeatIntervalMs: 300 } })));
  if (controllerBus === undefined || invokerBus === undefined) throw new Error('two connections were asked for');
  return {
    controllerBus,
    invokerBus,
    close: async () => {
      await Promise.all([controllerBus.close(), invokerBus.close()]);
    },
  };
});
