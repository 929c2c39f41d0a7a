// A part of the demo as a process of its own: an invoker or the planner, told over IPC which one it is. It ends when it is
// told to, and when its parent is gone.
import type { Bus } from '../../common/bus/bus.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import { createLogger, type Logger } from '../../common/logger.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { Preloader } from '../../controller-plugin/preloader.ts';
import { embeddedServing, Invoker } from '../../invoker-plugin/invoker.ts';
import { demoContainers } from '../live/containers.ts';
import { measuredActivation } from '../live/replay.ts';
import type { FromPart, InvokerTask, PlannerTask, ToPart } from './part-messages.ts';

const clock = new SystemClock();

interface Part {
  start(): Promise<void>;
  stop(): Promise<void>;
}

function tell(message: FromPart): void {
  if (process.connected) process.send?.(message);
}

function catalogOf({ actions }: InvokerTask | PlannerTask): MemoryCatalog {
  const catalog = new MemoryCatalog();
  for (const action of actions) catalog.put(action);
  return catalog;
}

function createInvoker(task: InvokerTask, bus: Bus, logger: Logger): Part {
  return new Invoker({
    ...embeddedServing(task.scheduler.poolMemoryBytes),
    instance: task.instance,
    bus,
    clock,
    logger,
    ...demoContainers(task.containers, task.instance),
    catalog: catalogOf(task),
    scheduler: task.scheduler,
    environment: task.environment,
    publishEvents: task.publishEvents,
    estimate: (action) => task.estimates.get(action.qualifiedName) ?? { loadMs: 0, residentBytes: 0 },
    // From the moment the controller sent it: the way over Kafka is part of the wait.
    onFinished: (finished) => {
      if (task.reports) tell({ type: 'finished', activation: measuredActivation({ ...finished, arrivedAt: finished.message.transid[1] }, clock.now()) });
    },
    onStep: (event, commands, state) => {
      if (task.reports) tell({ type: 'step', event, commands, containers: [...state.containers.values()] });
    },
  });
}

function createPlanner(task: PlannerTask, bus: Bus, logger: Logger): Part {
  return new Preloader({ bus, clock, logger, catalog: catalogOf(task), invokers: task.invokers, config: task.config });
}

async function startPart(task: InvokerTask | PlannerTask): Promise<Part> {
  const name = task.part === 'invoker' ? `invoker${task.instance}` : 'planner';
  const logger = createLogger(name, task.logLevel);
  const bus = await KafkaBus.connect({ brokers: task.brokers, clientId: name, logger, topicPrefix: task.topicPrefix });
  const part = task.part === 'invoker' ? createInvoker(task, bus, logger) : createPlanner(task, bus, logger);
  await part.start();
  return {
    start: () => Promise.resolve(),
    stop: async () => {
      await part.stop();
      await bus.close();
    },
  };
}

let starting: Promise<Part> | undefined;
let stopping: Promise<void> | undefined;

function stop(): void {
  stopping ??= (async () => {
    await (await starting)?.stop();
  })().then(
    () => process.exit(0),
    () => process.exit(1),
  );
}

process.on('message', (message: ToPart) => {
  if (message.type === 'stop') {
    stop();
    return;
  }
  starting = startPart(message.task);
  starting.then(
    () => {
      tell({ type: 'ready' });
    },
    (error: unknown) => {
      tell({ type: 'failed', reason: describeError(error) });
      process.exitCode = 1;
      process.disconnect();
    },
  );
});
process.on('disconnect', stop);
// Ctrl-C reaches the whole process group; the parent decides in which order its parts end.
process.on('SIGINT', () => undefined);
