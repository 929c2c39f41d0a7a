// The settings of `instainfer standalone`: the table of flags, and what follows from them in base units.
import { homedir } from 'node:os';
import path from 'node:path';
import { bytesPerMegabyte } from '../../common/action-document.ts';
import { kafkaOptionTable } from '../../common/bus/kafka/settings.ts';
import { readConfigFile, withConfigFile } from '../../common/config-file.ts';
import { choiceOption, listOption, numberOption, parseOptions, switchOption, textOption, type OptionValues } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';
import { prewarmPolicies, usualWeighing, type SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import { mayWishOf, type MayWish } from '../../invoker-plugin/action-wishes.ts';
import { guestNamespace } from '../../standalone/namespaces.ts';
import type { LimitRules } from '../../standalone/api/entity-bodies.ts';
import { sizeOption } from '../invoker/options.ts';
import { bytesPerMb, concurrencyMaxOption, concurrentLoadsOption, memoryPriceOption, modelStoreOption, readAheadOption, wishOptions } from '../scheduling-options.ts';

const millisecondsPerDay = 86_400_000;

export const standaloneTable = withConfigFile({
  port: numberOption({ flag: 'port', env: 'INSTAINFER_PORT', description: 'Port of the API, the console and the metrics; 0 takes any that is free.', valueName: 'N', min: 0, max: 65_535, integer: true, defaultValue: 3233 }),
  host: textOption({ flag: 'host', env: 'INSTAINFER_HOST', description: 'Address it listens on; localhost where it is not given. The guest key is public: give namespaces of your own before you open it to others.', valueName: 'ADDRESS' }),
  data: textOption({ flag: 'data', env: 'INSTAINFER_DATA', description: 'Folder of actions and activations; ~/.instainfer/standalone where it is not given.', valueName: 'DIR' }),
  namespaces: listOption({ flag: 'namespaces', env: 'INSTAINFER_NAMESPACES', description: 'Namespaces beside guest, each with its key (guest=UUID:KEY gives guest another one).', valueName: 'NAME=UUID:KEY,NAME=UUID:KEY' }),
  keepDays: numberOption({ flag: 'keep-days', env: 'INSTAINFER_KEEP_DAYS', description: 'Days that a record of an activation is kept.', valueName: 'N', min: 0.001, max: 3650, defaultValue: 7 }),
  keepCount: numberOption({ flag: 'keep-count', env: 'INSTAINFER_KEEP_COUNT', description: 'Records of activations that are kept in each namespace.', valueName: 'N', min: 1, max: 10_000_000, integer: true, defaultValue: 100_000 }),
  userMemory: sizeOption({ flag: 'user-memory', env: 'INSTAINFER_USER_MEMORY', description: 'Memory of all containers together.', defaultText: '2048m' }),
  actionMemory: sizeOption({ flag: 'action-memory', env: 'INSTAINFER_ACTION_MEMORY', description: 'Memory limit of an action that names none, and of stem cells: a stem cell serves actions of exactly its limit.', defaultText: '512m' }),
  stemCells: numberOption({ flag: 'stem-cells', env: 'INSTAINFER_STEM_CELLS', description: 'Stem cells kept ready under stemcell and pagurus.', valueName: 'N', min: 0, max: 256, integer: true, defaultValue: 1 }),
  policy: choiceOption({ flag: 'policy', env: 'INSTAINFER_POLICY', description: 'How containers are kept and shared: keep-alive only, stock stem cells, or stem cells and zygotes.', choices: prewarmPolicies, defaultValue: 'pagurus' }),
  preload: switchOption({ flag: 'preload', env: 'INSTAINFER_PRELOAD', description: 'Whether models and libraries are loaded into idle containers ahead of calls.', defaultValue: true }),
  keepAlive: numberOption({ flag: 'keep-alive', env: 'INSTAINFER_KEEP_ALIVE', description: 'Seconds that an idle container is kept for its own action.', valueName: 'S', min: 1, max: 86_400, defaultValue: 600 }),
  zygoteWindow: numberOption({ flag: 'zygote-window', env: 'INSTAINFER_ZYGOTE_WINDOW', description: 'Seconds that it is kept for any action after that, under pagurus.', valueName: 'S', min: 1, max: 86_400, defaultValue: 300 }),
  ...wishOptions,
  wishesFrom: listOption({ ...wishOptions.wishesFrom, description: 'Namespaces whose actions may ask to be pinned, or for a priority above 1; * is all. Where it is not given, guest alone, and nobody where there are other namespaces.' }),
  concurrentLoads: concurrentLoadsOption,
  readAhead: readAheadOption,
  memoryPrice: memoryPriceOption,
  concurrencyMax: concurrencyMaxOption,
  containers: choiceOption({ flag: 'containers', env: 'INSTAINFER_CONTAINERS', description: 'What a container is: a process of this machine (isolates nothing; for your own code), or a Docker container.', choices: ['process', 'docker'], defaultValue: 'process' }),
  image: textOption({ flag: 'image', env: 'INSTAINFER_IMAGE', description: 'Runtime image of Docker containers; instainfer/action-nodejs-instainfer:latest where it is not given.', valueName: 'NAME' }),
  modelStore: modelStoreOption('Folder of the model store that actions load from.'),
  bus: choiceOption({ flag: 'bus', env: 'INSTAINFER_BUS', description: 'What the parts speak over: this process, or Kafka (then --kafka-brokers is needed).', choices: ['memory', 'kafka'], defaultValue: 'memory' }),
  ...kafkaOptionTable,
  grace: numberOption({ flag: 'grace', env: 'INSTAINFER_GRACE', description: 'Seconds that SIGTERM lets activations finish.', valueName: 'S', min: 0, max: 3600, defaultValue: 10 }),
  journal: textOption({ flag: 'journal', env: 'INSTAINFER_JOURNAL', description: 'File for every event and decision of the scheduler; instainfer explain reads it.', valueName: 'FILE' }),
  logLevel: choiceOption({ flag: 'log-level', env: 'INSTAINFER_LOG_LEVEL', description: 'What is logged, on standard error, as JSON lines.', choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'], defaultValue: 'warn' }),
});

export type StandaloneValues = OptionValues<typeof standaloneTable>;

/** @throws AppError BAD_OPTION, TOO_LITTLE_MEMORY */
export function parseStandaloneOptions(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): StandaloneValues {
  const { values } = parseOptions({ table: standaloneTable, argv, env, file: readConfigFile(argv, env) });
  if (values.actionMemory > values.userMemory) {
    throw new AppError('TOO_LITTLE_MEMORY', 'A container of --action-memory does not fit into --user-memory.', 'Raise --user-memory or lower --action-memory.');
  }
  return values;
}

export function dataFolderOf({ data }: StandaloneValues): string {
  return path.resolve(data ?? path.join(homedir(), '.instainfer', 'standalone'));
}

export function retentionOf({ keepDays, keepCount }: StandaloneValues): { readonly ageMs: number; readonly count: number } {
  return { ageMs: keepDays * millisecondsPerDay, count: keepCount };
}

export function limitRulesOf(values: StandaloneValues): LimitRules {
  const { actionMemory, userMemory, concurrencyMax } = values;
  return { defaultMemoryMegabytes: Math.floor(actionMemory / bytesPerMegabyte), mostMemoryMegabytes: Math.floor(userMemory / bytesPerMegabyte), mostConcurrency: concurrencyMax, mayWish: mayWishFrom(values) };
}

/** Whoever is alone takes nothing from others. */
export function mayWishFrom({ wishesFrom, namespaces = [] }: StandaloneValues): MayWish {
  const isAlone = namespaces.every((entry) => entry.startsWith(`${guestNamespace}=`));
  return mayWishOf(wishesFrom ?? (isAlone ? [guestNamespace] : []));
}

export function schedulerConfigOf(values: StandaloneValues): SchedulerConfig {
  return {
    poolMemoryBytes: values.userMemory,
    prewarmPolicy: values.policy,
    preload: values.preload,
    keepAliveMs: values.keepAlive * 1000,
    zygoteWindowMs: values.zygoteWindow * 1000,
    stemCellCount: values.stemCells,
    stemCellMemoryBytes: values.actionMemory,
    maxConcurrentLoads: values.concurrentLoads,
    ...usualWeighing,
    mostPinnedShare: values.mostPinnedMemory,
    readAheadBytesPerSecond: values.readAhead * bytesPerMb,
    memoryPriceMsPerGibSecond: values.memoryPrice,
    // Callers wait behind the topic, which is held back long before.
    maxQueuedActivations: 100_000,
  };
}
