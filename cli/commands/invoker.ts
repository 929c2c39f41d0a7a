// `instainfer invoker`: an invoker under a stock OpenWhisk controller. It puts the parts together, says when it is ready,
// and ends them on a signal.
import path from 'node:path';
import { collectDefaultMetrics } from 'prom-client';
import type { ActionCatalog } from '../../common/action-document.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { kafkaBusOptionsOf } from '../../common/bus/kafka/settings.ts';
import { SystemClock, type Clock } from '../../common/clock.ts';
import { helpText, isHelpRequested } from '../../common/config.ts';
import { createLogger, type Logger } from '../../common/logger.ts';
import { createAdminServer, listen } from '../../invoker-plugin/admin-server.ts';
import { DockerDriver, stockDockerSettings } from '../../invoker-plugin/drivers/docker-driver.ts';
import { ProcessDriver } from '../../invoker-plugin/drivers/process-driver.ts';
import type { ContainerDriver } from '../../invoker-plugin/drivers/driver.ts';
import { Invoker } from '../../invoker-plugin/invoker.ts';
import { InvokerMetrics } from '../../invoker-plugin/metrics.ts';
import { noActivationStore, type ActivationStore } from '../../invoker-plugin/stores/activation-store.ts';
import { ControllerCatalog } from '../../invoker-plugin/stores/controller-catalog.ts';
import { CouchActivationStore } from '../../invoker-plugin/stores/couch-activation-store.ts';
import { CouchCatalog } from '../../invoker-plugin/stores/couch-catalog.ts';
import type { HttpTarget } from '../../invoker-plugin/stores/http-json.ts';
import { NamespaceBlocklist } from '../../invoker-plugin/stores/namespace-blocklist.ts';
import { exitCodes } from '../command.ts';
import { catalogCacheBytes, storeTimeoutMs } from '../couch-options.ts';
import { modelStoreUse } from '../model-store-use.ts';
import { signalled } from '../signalled.ts';
import { invokerTable, parseInvokerOptions, type InvokerCommandOptions } from '../invoker/options.ts';
import { openJournal } from '../invoker/journal-file.ts';
import { readManifest } from '../../runtime/model-store/manifest.ts';

const usage = 'usage: instainfer invoker --id N --kafka-brokers HOST:PORT [options]\n\nServes as an invoker under a stock OpenWhisk controller (docs/deploy.md).';

/** One invoker alone reads its topic: the successor of one that was killed need not wait for a stock session's half minute. */
const timing = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 3_000 };
const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');

export async function runInvoker(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(invokerTable, usage));
    return exitCodes.ok;
  }
  const options = parseInvokerOptions(argv, env);
  // An invoker is told of a store that is there; to notice that it is not with the first load would be late.
  if (options.modelStore !== undefined) await readManifest(options.modelStore);
  const logger = createLogger('invoker', options.logLevel);
  const clock = new SystemClock();
  const stopped = signalled();
  const bus = await KafkaBus.connect({ ...kafkaBusOptionsOf(options.kafka, `invoker${options.id}`, logger), timing });
  const { catalog, activationStore, blocklist } = storesOf(options, clock, logger);
  const metrics = new InvokerMetrics();
  const journal = options.journalFile === undefined ? undefined : openJournal(options.journalFile, options.scheduler, clock.now());
  const store = modelStoreUse(options.modelStore, clock, logger);
  const invoker = new Invoker({
    instance: options.id,
    uniqueName: options.uniqueName,
    displayedName: options.displayedName,
    bus,
    clock,
    logger,
    driver: driverOf(options),
    catalog,
    scheduler: options.scheduler,
    concurrencyMax: options.concurrencyMax,
    environment: containerEnvironmentOf(options),
    pauseGraceMs: options.pauseGraceMs,
    publishEvents: options.userEvents,
    forward: options.forward,
    mayWish: options.mayWish,
    intake: { mostInHand: options.mostInHand, kinds: options.kinds, stale: options.stale, parameterKeys: options.parameterKeys, isBlocked: (namespace) => blocklist?.has(namespace) ?? false },
    activationStore,
    storePolicy: options.storePolicy,
    graceMs: options.graceMs,
    estimate: store.estimate,
    fileReader: store.fileReader,
    onFinished: (finished) => {
      metrics.observeActivation(finished);
    },
    onStep: (event, commands, state) => {
      store.observe(commands);
      metrics.observeStep(event, commands, state);
      journal?.recorder.record(event, commands);
    },
  });
  metrics.watch(invoker, options.scheduler.poolMemoryBytes);
  collectDefaultMetrics({ register: metrics.registry });
  const server = createAdminServer({ invoker, credentials: options.adminCredentials, metrics: metrics.registry });
  try {
    const port = await listen(server, options.port, options.host);
    await blocklist?.start();
    await invoker.start();
    process.stdout.write(`${invoker.name} is ready: http://${options.host ?? 'localhost'}:${port}\n`);
    const signal = await stopped;
    logger.info({ signal, inHand: invoker.pendingCount }, 'the invoker ends');
    return exitCodes.ok;
  } finally {
    await invoker.stop();
    await store.close();
    blocklist?.stop();
    server.close();
    server.closeAllConnections();
    await bus.close();
    journal?.close();
  }
}

interface Stores {
  readonly catalog: ActionCatalog;
  readonly activationStore: ActivationStore;
  readonly blocklist: NamespaceBlocklist | undefined;
}

function storesOf(options: InvokerCommandOptions, clock: Clock, logger: Logger): Stores {
  const { couch: settings, apiHost } = options;
  const couch: HttpTarget | undefined = settings === undefined ? undefined : { baseUrl: settings.baseUrl, credentials: settings.credentials, timeoutMs: storeTimeoutMs };
  const catalog =
    options.catalog === 'couchdb' && couch !== undefined && settings !== undefined
      ? new CouchCatalog({ couch, database: settings.entities, cacheBytes: catalogCacheBytes })
      : new ControllerCatalog({ apiHost: apiHost ?? '', timeoutMs: storeTimeoutMs, cacheBytes: catalogCacheBytes });
  const activationStore =
    options.activationStore === 'couchdb' && couch !== undefined && settings !== undefined ? new CouchActivationStore({ couch, database: settings.activations, clock, logger }) : noActivationStore;
  const blocklist = couch === undefined || settings === undefined ? undefined : new NamespaceBlocklist({ couch, database: settings.subjects, clock, logger });
  return { catalog, activationStore, blocklist };
}

function driverOf({ containers, image, network, modelStore, id, uniqueName, scheduler }: InvokerCommandOptions): ContainerDriver {
  if (containers === 'docker') {
    const store = modelStore === undefined ? undefined : path.resolve(modelStore);
    return new DockerDriver({ ...stockDockerSettings, image, network, invoker: id, uniqueName: uniqueName ?? '', poolMemoryBytes: scheduler.poolMemoryBytes, modelStore: store });
  }
  return new ProcessDriver({ runtimeMain, startTimeoutMs: 60_000, graceMs: 2_000 });
}

function containerEnvironmentOf({ apiHost, modelStore }: InvokerCommandOptions): Record<string, string> {
  return {
    ...(apiHost === undefined ? {} : { __OW_API_HOST: apiHost }),
    ...(modelStore === undefined ? {} : { INSTAINFER_MODEL_STORE: path.resolve(modelStore) }),
  };
}
