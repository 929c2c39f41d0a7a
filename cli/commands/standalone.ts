// `instainfer standalone`: a whole OpenWhisk in this process, with pre-loading. It puts the parts together, says where it
// listens, and ends them on a signal.
import { createServer, type RequestListener } from 'node:http';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { collectDefaultMetrics } from 'prom-client';
import type { Bus } from '../../common/bus/bus.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { kafkaBusOptionsOf } from '../../common/bus/kafka/settings.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { helpText, isHelpRequested } from '../../common/config.ts';
import { createLogger, type Logger } from '../../common/logger.ts';
import { listen } from '../../invoker-plugin/admin-server.ts';
import { DockerDriver, stockDockerSettings } from '../../invoker-plugin/drivers/docker-driver.ts';
import type { ContainerDriver } from '../../invoker-plugin/drivers/driver.ts';
import { ProcessDriver } from '../../invoker-plugin/drivers/process-driver.ts';
import { standaloneMetrics } from '../../standalone/metrics.ts';
import { guestKey, Namespaces } from '../../standalone/namespaces.ts';
import { createStandaloneApp } from '../../standalone/server.ts';
import { StandaloneSystem } from '../../standalone/system.ts';
import { exitCodes } from '../command.ts';
import { openJournal } from '../invoker/journal-file.ts';
import { manifestFileName } from '../../runtime/model-store/manifest-file.ts';
import { modelStoreUse } from '../model-store-use.ts';
import { signalled } from '../signalled.ts';
import { dataFolderOf, limitRulesOf, mayWishFrom, parseStandaloneOptions, retentionOf, schedulerConfigOf, standaloneTable, type StandaloneValues } from '../standalone/options.ts';

const usage = `usage: instainfer standalone [options]

Serves the API of Apache OpenWhisk on this machine, with pre-loading behind it: wsk and the openwhisk package for JavaScript
work unchanged. Actions and activations are kept; nothing else is needed.`;

const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');
/** A stock invoker's grace period; what a process would gain by a pause is not worth it. */
const pauseGraceMs = { process: undefined, docker: 10_000 } as const;

export async function runStandalone(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(standaloneTable, usage));
    return exitCodes.ok;
  }
  const values = parseStandaloneOptions(argv, env);
  const namespaces = new Namespaces(values.namespaces);
  const stopped = signalled();
  const logger = createLogger('standalone', values.logLevel);
  const clock = new SystemClock();
  // It listens before the parts are there: containers have to be told the address that actions call back.
  let answer: RequestListener = (_request, response) => {
    response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' }).end('{"error":"The server is starting."}');
  };
  const server = createServer((request, response) => {
    answer(request, response);
  });
  const host = values.host ?? 'localhost';
  const port = await listen(server, values.port, host);
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const store = modelStoreUse(values.modelStore, clock, logger);
  let system: StandaloneSystem | undefined;
  let journal: ReturnType<typeof openJournal> | undefined;
  try {
    system = await StandaloneSystem.open({
      dataFolder: dataFolderOf(values),
      retention: retentionOf(values),
      namespaces,
      bus: await busOf(values, logger),
      clock,
      logger,
      driver: driverOf(values),
      scheduler: schedulerConfigOf(values),
      concurrencyMax: values.concurrencyMax,
      environment: { __OW_API_HOST: address, ...(values.modelStore === undefined ? {} : { INSTAINFER_MODEL_STORE: path.resolve(values.modelStore) }) },
      pauseGraceMs: pauseGraceMs[values.containers],
      estimate: store.estimate,
      fileReader: store.fileReader,
      mayWish: mayWishFrom(values),
      graceMs: values.grace * 1000,
    });
    if (values.journal !== undefined) {
      const opened = openJournal(values.journal, system.schedulerConfig, system.startedAt);
      journal = opened;
      system.onStep(({ event, commands }) => opened.recorder.record(event, commands));
    }
    system.onStep(({ commands }) => {
      store.observe(commands);
    });
    const metrics = standaloneMetrics(system);
    collectDefaultMetrics({ register: metrics });
    const app = createStandaloneApp({ system, namespaces, clock, logger, limits: limitRulesOf(values), metrics });
    await system.start();
    answer = app;
    if (values.modelStore !== undefined && !existsSync(path.join(values.modelStore, manifestFileName))) {
      process.stderr.write(`There is no model store at ${values.modelStore} yet; npm run models -- pull makes one there.\n`);
    }
    process.stdout.write(`InstaInfer standalone is ready: ${address}\n  console: ${address}/\n${wskHint(address, values)}`);
    await stopped;
    return exitCodes.ok;
  } finally {
    server.close();
    await system?.stop();
    await store.close();
    server.closeAllConnections();
    journal?.close();
  }
}

function wskHint(address: string, { namespaces = [] }: StandaloneValues): string {
  const isStock = !namespaces.some((entry) => entry.startsWith('guest='));
  return isStock ? `  wsk property set --apihost ${address} --auth ${guestKey}\n` : `  wsk property set --apihost ${address}\n`;
}

async function busOf(values: StandaloneValues, logger: Logger): Promise<Bus> {
  return values.bus === 'memory' ? new MemoryBus() : KafkaBus.connect(kafkaBusOptionsOf(values, 'instainfer-standalone', logger));
}

function driverOf({ containers, image, userMemory, modelStore, port }: StandaloneValues): ContainerDriver {
  if (containers === 'process') return new ProcessDriver({ runtimeMain, startTimeoutMs: 60_000, graceMs: 2_000 });
  return new DockerDriver({
    ...stockDockerSettings,
    image: image ?? 'instainfer/action-nodejs-instainfer:latest',
    invoker: 0,
    // Containers that an earlier life on this port left behind are this one's to remove.
    uniqueName: `standalone${port}x`,
    poolMemoryBytes: userMemory,
    modelStore: modelStore === undefined ? undefined : path.resolve(modelStore),
  });
}
