// `instainfer controller`: the Proactive Pre-loader beside stock controllers, as a process of its own. It puts the parts
// together, says when it is ready, and ends them on a signal.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics } from 'prom-client';
import type { ActionCatalog } from '../../common/action-document.ts';
import { kafkaBusOptionsOf } from '../../common/bus/kafka/settings.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { readConfigFile } from '../../common/config-file.ts';
import { helpText, isHelpRequested, parseOptions } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';
import { createLogger } from '../../common/logger.ts';
import { createPlannerMetrics } from '../../controller-plugin/planner-metrics.ts';
import { createPlannerServer } from '../../controller-plugin/planner-server.ts';
import { Preloader } from '../../controller-plugin/preloader.ts';
import { exitCodes } from '../command.ts';
import { couchCatalogOf } from '../couch-options.ts';
import { controllerTable } from '../controller/options.ts';

const usage = `usage: instainfer controller --kafka-brokers HOST:PORT [options]

Watches the topics of a stock OpenWhisk in consumer groups of its own and publishes when each action's models and libraries
should be loaded, and by which invoker. What it knows is on Kafka: it can be stopped, killed and started anew.`;

const millisecondsPerSecond = 1000;
/** The groups are its own: a successor of a planner that was killed need not wait for a stock session's half minute. */
const timing = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 3_000 };
/** Rounds of keeping that may fail before the planner says that it is not well. */
const failedRoundsUntilUnwell = 12;

/** Without a database: versions are in the activations, so that an action is planned for from its first call on. */
const noCatalog: ActionCatalog = { find: () => Promise.resolve(undefined), findLatest: () => Promise.resolve(undefined) };

export async function runController(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(controllerTable, usage));
    return exitCodes.ok;
  }
  const { values } = parseOptions({ table: controllerTable, argv, env, file: readConfigFile(argv, env) });
  if (values.loadProbability > values.offloadProbability) {
    throw new AppError('BAD_OPTION', '--load-probability has to be less than --offload-probability: what is loaded would be expendable at once.', 'Leave them out for 0.06 and 0.94.');
  }
  const signalled = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const logger = createLogger('controller', values.logLevel);
  const clock = new SystemClock();
  const keepEveryMs = values.keepEvery * millisecondsPerSecond;
  const bus = await KafkaBus.connect({ ...kafkaBusOptionsOf(values, 'instainfer-controller', logger), timing });
  const preloader = new Preloader({
    bus,
    clock,
    logger,
    catalog: couchCatalogOf(values) ?? noCatalog,
    invokers: [],
    arrivalsFrom: values.arrivals,
    keepHistoriesEveryMs: keepEveryMs,
    config: {
      loadProbability: values.loadProbability,
      offloadProbability: values.offloadProbability,
      planContainerWindows: values.containerWindows,
      mostActions: values.mostActions,
      placeActions: values.placement,
    },
  });
  const metrics = createPlannerMetrics(preloader);
  collectDefaultMetrics({ register: metrics });
  const server = createPlannerServer({ preloader, clock, metrics, longestUnkeptMs: failedRoundsUntilUnwell * keepEveryMs });
  try {
    server.listen({ port: values.port, host: values.host ?? 'localhost' });
    await once(server, 'listening').catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? new AppError('PORT_IN_USE', `Port ${values.port} is in use.`, 'Choose another one with --port, or 0 for any that is free.') : error;
    });
    await preloader.start();
    process.stdout.write(`the controller plugin is ready: http://${values.host ?? 'localhost'}:${(server.address() as AddressInfo).port}\n`);
    await signalled;
    return exitCodes.ok;
  } finally {
    await preloader.stop();
    server.close();
    server.closeAllConnections();
    await bus.close();
  }
}
