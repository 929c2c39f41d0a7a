// Everything in this process: the bus, the planner and one invoker.
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { onlyInvoker } from '../../controller-plugin/embedded/balancer.ts';
import { EmbeddedController } from '../../controller-plugin/embedded/controller.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { Preloader } from '../../controller-plugin/preloader.ts';
import { embeddedServing, Invoker } from '../../invoker-plugin/invoker.ts';
import { demoContainers } from './containers.ts';
import { measuredActivation } from './replay.ts';
import { Settling } from './settling.ts';
import { demoUser, type Stage, type StageOptions } from './stage.ts';

const invokerId = 0;

export function embeddedStage(options: StageOptions): Stage {
  const { clock, logger, scheduler } = options;
  const bus = new MemoryBus();
  const catalog = new MemoryCatalog();
  const settling = new Settling(scheduler.preload ? options.actions.length : 0);
  const invoker = new Invoker({
    ...embeddedServing(scheduler.poolMemoryBytes),
    instance: invokerId,
    bus,
    clock,
    logger,
    ...demoContainers(options.containers, invokerId),
    catalog,
    scheduler,
    environment: options.environment,
    publishEvents: true,
    estimate: options.estimate,
    onFinished: (finished) => {
      options.onFinished(measuredActivation(finished, clock.now()));
    },
    onStep: (event, commands, state) => {
      settling.observe(event, commands);
      options.onStep({ invoker: invokerId, event, commands, containers: [...state.containers.values()] });
    },
  });
  const preloader = new Preloader({ bus, clock, logger, catalog, invokers: [invokerId], config: options.preloader });
  const controller = new EmbeddedController({ bus, clock, logger, catalog, controllerId: '0', balancer: onlyInvoker(invokerId), user: demoUser });
  return {
    controller,
    start: async () => {
      await controller.start();
      if (scheduler.preload) await preloader.start();
      await invoker.start();
    },
    settled: () => settling.settled(),
    close: async () => {
      await invoker.stop();
      await preloader.stop();
      await controller.stop();
      await bus.close();
    },
  };
}
