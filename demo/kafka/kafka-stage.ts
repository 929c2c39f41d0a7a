// The parts as OpenWhisk has them: invokers and the planner as processes of their own, and between them nothing but Kafka.
// This process is the controller: it chooses the invoker as a stock sharding controller does.
import { randomUUID } from 'node:crypto';
import { bytesPerMegabyte } from '../../common/action-document.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { createRandom } from '../../common/random.ts';
import { ShardingBalancer } from '../../controller-plugin/embedded/balancer.ts';
import { EmbeddedController } from '../../controller-plugin/embedded/controller.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { demoUser, type Stage, type StageOptions } from '../live/stage.ts';
import { Settling } from '../live/settling.ts';
import { PartProcess } from './part-process.ts';

export interface KafkaStageOptions extends StageOptions {
  readonly brokers: readonly string[];
  readonly invokers: number;
  readonly seed: number;
}

export async function kafkaStage(options: KafkaStageOptions): Promise<Stage> {
  const { clock, logger, scheduler, brokers, actions } = options;
  const ids = Array.from({ length: options.invokers }, (_, instance) => instance);
  const topicPrefix = `demo-${randomUUID().slice(0, 8)}-`;
  const logLevel = logger.level;
  const bus = await KafkaBus.connect({ brokers, clientId: 'controller0', logger, topicPrefix });
  const catalog = new MemoryCatalog();
  const balancer = new ShardingBalancer(ids.map(() => scheduler.poolMemoryBytes / bytesPerMegabyte), createRandom(options.seed, 'balancer'));
  const controller = new EmbeddedController({ bus, clock, logger, catalog, controllerId: '0', balancer, user: demoUser });
  const parts: PartProcess[] = [];
  const settling = new Settling(scheduler.preload ? actions.length : 0);

  const startInvoker = async (instance: number): Promise<void> => {
    const estimates = new Map(actions.map((action) => [action.qualifiedName, options.estimate(action)]));
    const task = { part: 'invoker', instance, brokers, topicPrefix, actions, estimates, scheduler, containers: options.containers, environment: options.environment, publishEvents: true, reports: true, logLevel } as const;
    const invoker = await PartProcess.start(task, (message) => {
      if (message.type === 'finished') options.onFinished({ ...message.activation, container: qualifiedId(instance, message.activation.container) });
      if (message.type !== 'step') return;
      settling.observe(ofInvoker(instance, message.event), message.commands.map((command) => ofInvoker(instance, command)));
      options.onStep({ invoker: instance, ...message });
    });
    parts.push(invoker);
  };

  return {
    controller,
    start: async () => {
      await controller.start();
      await Promise.all(ids.map(startInvoker));
      if (!scheduler.preload) return;
      const config = { ...options.preloader, placeActions: ids.length > 1 };
      parts.push(await PartProcess.start({ part: 'planner', invokers: ids, brokers, topicPrefix, actions, config, logLevel }, () => undefined));
    },
    settled: () => settling.settled(),
    close: async () => {
      await Promise.all(parts.map((part) => part.stop()));
      await controller.stop();
      await bus.removeTopics().catch(() => undefined);
      await bus.close();
    },
  };
}

/** The event or command of an invoker with a container id that is unique among invokers. */
export function ofInvoker<T extends object>(invoker: number, value: T): T {
  return 'containerId' in value ? { ...value, containerId: qualifiedId(invoker, String(value.containerId)) } : value;
}

/** Container ids are an invoker's own; with several of them, its number goes before. */
function qualifiedId(invoker: number, containerId: string): string {
  return containerId === '' ? '' : `${invoker}/${containerId}`;
}
