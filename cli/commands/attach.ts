// `instainfer attach`: pre-loading beside a stock invoker, as a process of its own on the invoker's host. It puts the parts
// together, says when it is ready, and ends them on a signal.
import { once } from 'node:events';
import Docker from 'dockerode';
import type { ActionCatalog } from '../../common/action-document.ts';
import type { Bus } from '../../common/bus/bus.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { kafkaBusOptionsOf } from '../../common/bus/kafka/settings.ts';
import { SystemClock, type Clock } from '../../common/clock.ts';
import { readConfigFile } from '../../common/config-file.ts';
import { helpText, isHelpRequested, parseOptions, type OptionValues } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';
import { createLogger, type Logger } from '../../common/logger.ts';
import { defaultPreloaderConfig } from '../../controller-plugin/core/config.ts';
import { Preloader } from '../../controller-plugin/preloader.ts';
import { mayWishOf } from '../../invoker-plugin/action-wishes.ts';
import { Attachment, borrowingSchedulerConfig } from '../../invoker-plugin/attach/attachment.ts';
import { attachTable } from '../attach/options.ts';
import { exitCodes } from '../command.ts';
import { couchCatalogOf } from '../couch-options.ts';
import { bytesPerMb } from '../scheduling-options.ts';
import { modelStoreUse } from '../model-store-use.ts';

const usage = `usage: instainfer attach --id N --kafka-brokers HOST:PORT --couch-host HOST [options]

Loads models and libraries ahead of calls into the stem cells of a stock OpenWhisk invoker, on that invoker's host
(docs/deploy.md). It starts, removes and initialises no container, and touches none that is initialised.`;

const kind = 'nodejs:instainfer';
const defaultImage = 'instainfer/action-nodejs-instainfer:latest';
const millisecondsPerSecond = 1000;
const keepHistoriesEveryMs = 5000;
/** A successor of a process that was killed need not wait for a stock session's half minute. */
const timing = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 3_000 };

type AttachOptions = OptionValues<typeof attachTable>;

export async function runAttach(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(attachTable, usage));
    return exitCodes.ok;
  }
  const { values } = parseOptions({ table: attachTable, argv, env, file: readConfigFile(argv, env) });
  const catalog = catalogOf(values);
  const signalled = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const logger = createLogger('attach', values.logLevel);
  const clock = new SystemClock();
  const bus = await KafkaBus.connect({ ...kafkaBusOptionsOf(values, `instainfer-attach${values.id}`, logger), timing });
  const planner = values.plans === 'own' ? plannerOf({ bus, clock, logger, catalog }) : undefined;
  const store = modelStoreUse(values.modelStore, clock, logger);
  const attachment = new Attachment({
    invoker: values.id,
    bus,
    clock,
    logger,
    engine: new Docker(),
    catalog,
    image: values.image ?? defaultImage,
    kind,
    pollMs: values.poll * millisecondsPerSecond,
    scheduler: { ...borrowingSchedulerConfig, maxConcurrentLoads: values.concurrentLoads, mostPinnedShare: values.mostPinnedMemory, readAheadBytesPerSecond: values.readAhead * bytesPerMb },
    mayWish: mayWishOf(values.wishesFrom ?? []),
    estimate: store.estimate,
    fileReader: store.fileReader,
    onStep: (_event, commands) => {
      store.observe(commands);
    },
  });
  try {
    await attachment.start();
    await planner?.start();
    process.stdout.write(`attached beside invoker${values.id}\n`);
    await signalled;
    return exitCodes.ok;
  } finally {
    await planner?.stop();
    await attachment.stop();
    await store.close();
    await bus.close();
  }
}

/** The planner of a deployment that has none: it reads the stock topics in groups of its own. */
function plannerOf(parts: { readonly bus: Bus; readonly clock: Clock; readonly logger: Logger; readonly catalog: ActionCatalog }): Preloader {
  return new Preloader({ ...parts, invokers: [], keepHistoriesEveryMs, config: { ...defaultPreloaderConfig, placeActions: true } });
}

/** @throws AppError BAD_OPTION */
function catalogOf(values: AttachOptions): ActionCatalog {
  const catalog = couchCatalogOf(values);
  if (catalog !== undefined) return catalog;
  throw new AppError('BAD_OPTION', 'What an action declares is in its document, and there is no database to read it from.', 'Give --couch-host, or CONFIG_whisk_couchdb_host as the invoker has it.');
}
