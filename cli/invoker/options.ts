// The settings of `instainfer invoker`: the table of flags, and the compiled options in base units. Names of a stock
// deployment's environment are taken too, so that its env file can stay as it is.
import { bytesPerMegabyte } from '../../common/action-document.ts';
import { kafkaOptionTable, type KafkaSettings } from '../../common/bus/kafka/settings.ts';
import { readConfigFile, withConfigFile } from '../../common/config-file.ts';
import { choiceOption, listOption, numberOption, parseOptions, switchOption, textOption, type OptionDefinition } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';
import { mayWishOf, type MayWish } from '../../invoker-plugin/action-wishes.ts';
import { mostActivationsInHand } from '../../invoker-plugin/activation-intake.ts';
import { prewarmPolicies, usualWeighing, type SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import { bytesOfSize } from '../../common/messages/byte-size.ts';
import { parameterKeyOf, type ParameterKeys } from '../../invoker-plugin/locked-parameters.ts';
import { runtimeOfManifest } from '../../invoker-plugin/runtimes-manifest.ts';
import { storeLevels, type StorePolicy } from '../../invoker-plugin/stores/activation-store.ts';
import { couchDatabaseTable, couchOptionTable, couchTargetOf, databasesOf } from '../couch-options.ts';
import { bytesPerMb, concurrencyMaxOption, concurrentLoadsOption, memoryPriceOption, modelStoreOption, readAheadOption, wishOptions } from '../scheduling-options.ts';

/** The kind that containers are started for. */
const servedKind = 'nodejs:instainfer';

type Texts = Pick<OptionDefinition<unknown>, 'flag' | 'env' | 'description'> & { readonly envAliases?: readonly string[] };

/** A size in OpenWhisk's form. */
export function sizeOption(texts: Texts & { defaultText: string }): OptionDefinition<number> {
  const parse = (text: string): ReturnType<OptionDefinition<number>['parse']> => {
    const bytes = bytesOfSize(text);
    return bytes === undefined || bytes === 0 ? { ok: false, rule: 'a size such as 2048m or 4g' } : { ok: true, value: bytes };
  };
  return { ...texts, valueName: 'SIZE', isSwitch: false, defaultValue: bytesOfSize(texts.defaultText) ?? 0, parse };
}

const idOption: OptionDefinition<number | undefined> = {
  ...numberOption({ flag: 'id', env: 'INSTAINFER_INVOKER_ID', description: 'Number of this invoker: low and without gaps over all invokers. Needed, unless --unique-name ends with it.', valueName: 'N', min: 0, max: 65_535, integer: true, defaultValue: 0 }),
  defaultValue: undefined,
};

export const invokerTable = withConfigFile({
  id: idOption,
  uniqueName: textOption({ flag: 'unique-name', env: 'INSTAINFER_INVOKER_NAME', description: 'Its name beside the number, such as a host or pod name.', valueName: 'NAME' }),
  displayedName: textOption({ flag: 'displayed-name', env: 'INSTAINFER_INVOKER_DISPLAYED_NAME', description: 'A further name that controllers show.', valueName: 'NAME' }),
  ...kafkaOptionTable,
  userMemory: sizeOption({ flag: 'user-memory', env: 'INSTAINFER_USER_MEMORY', envAliases: ['CONFIG_whisk_containerPool_userMemory'], description: 'Memory of all containers together.', defaultText: '2048m' }),
  containers: choiceOption({ flag: 'containers', env: 'INSTAINFER_CONTAINERS', description: 'What a container is: a process of this machine (isolates nothing; for development), or a Docker container.', choices: ['process', 'docker'], defaultValue: 'docker' }),
  manifest: textOption({ flag: 'runtimes-manifest', env: 'INSTAINFER_RUNTIMES_MANIFEST', envAliases: ['RUNTIMES_MANIFEST'], description: "The deployment's runtimes manifest, the JSON text itself: image and stem cells of nodejs:instainfer, where the flags for them are not given.", valueName: 'JSON' }),
  image: textOption({ flag: 'image', env: 'INSTAINFER_IMAGE', description: 'Runtime image of Docker containers; by default what the manifest says, or instainfer/action-nodejs-instainfer:latest.', valueName: 'NAME' }),
  network: textOption({ flag: 'network', env: 'INSTAINFER_NETWORK', envAliases: ['CONFIG_whisk_containerFactory_containerArgs_network'], description: 'Docker network that they join; bridge where it is not given.', valueName: 'NAME' }),
  kinds: listOption({ flag: 'kinds', env: 'INSTAINFER_KINDS', description: 'Kinds that the runtime image serves, whole or as family:*; by default nodejs:*.', valueName: 'KIND,KIND' }),
  catalog: choiceOption({ flag: 'catalog', env: 'INSTAINFER_CATALOG', description: "Where the code of actions comes from: the entity database, or the controller's API with the caller's key.", choices: ['couchdb', 'controller'], defaultValue: 'couchdb' }),
  activationStore: choiceOption({ flag: 'activation-store', env: 'INSTAINFER_ACTIVATION_STORE', description: 'Where activation records go.', choices: ['couchdb', 'none'], defaultValue: 'couchdb' }),
  apiHost: textOption({ flag: 'api-host', env: 'INSTAINFER_API_HOST', description: "The controller's address for --catalog controller, and the __OW_API_HOST of containers; otherwise put together from WHISK_API_HOST_PROTO, _NAME and _PORT.", valueName: 'URL' }),
  ...couchOptionTable,
  ...couchDatabaseTable,
  storeBlocking: choiceOption({ flag: 'store-blocking', env: 'INSTAINFER_STORE_BLOCKING', envAliases: ['CONFIG_whisk_activation_storeBlockingResultLevel'], description: 'Which records of blocking activations are stored.', choices: storeLevels, defaultValue: 'STORE_ALWAYS' }),
  storeNonBlocking: choiceOption({ flag: 'store-non-blocking', env: 'INSTAINFER_STORE_NON_BLOCKING', envAliases: ['CONFIG_whisk_activation_storeNonBlockingResultLevel'], description: 'Which records of the others are stored.', choices: storeLevels, defaultValue: 'STORE_ALWAYS' }),
  userEvents: switchOption({ flag: 'user-events', env: 'INSTAINFER_USER_EVENTS', envAliases: ['CONFIG_whisk_userEvents_enabled'], description: 'Whether the deployment has user events turned on.', defaultValue: false }),
  concurrencyMax: concurrencyMaxOption,
  stale: choiceOption({ flag: 'stale', env: 'INSTAINFER_STALE', description: 'Activations that have waited on the topic for longer than any controller waits: run late, as a stock invoker does, or answered without being run.', choices: ['run', 'skip'], defaultValue: 'run' }),
  aes128Key: textOption({ flag: 'parameter-key-aes128', env: 'INSTAINFER_PARAMETER_KEY_AES128', envAliases: ['CONFIG_whisk_parameterStorage_aes128'], description: 'Key of encrypted parameters, base64, as the controller has it.', valueName: 'BASE64' }),
  aes256Key: textOption({ flag: 'parameter-key-aes256', env: 'INSTAINFER_PARAMETER_KEY_AES256', envAliases: ['CONFIG_whisk_parameterStorage_aes256'], description: 'The same for aes-256.', valueName: 'BASE64' }),
  policy: choiceOption({ flag: 'policy', env: 'INSTAINFER_POLICY', description: 'How containers are kept and shared: keep-alive only, stock stem cells, or stem cells and zygotes.', choices: prewarmPolicies, defaultValue: 'pagurus' }),
  preload: switchOption({ flag: 'preload', env: 'INSTAINFER_PRELOAD', description: 'Whether models and libraries are loaded into idle containers ahead of calls.', defaultValue: true }),
  stemCells: numberOption({ flag: 'stem-cells', env: 'INSTAINFER_STEM_CELLS', description: 'Stem cells kept ready under stemcell and pagurus.', valueName: 'N', min: 0, max: 256, integer: true, defaultValue: 1 }),
  stemCellMemory: sizeOption({ flag: 'stem-cell-memory', env: 'INSTAINFER_STEM_CELL_MEMORY', description: 'Memory limit of a stem cell: it serves actions of exactly this limit.', defaultText: '512m' }),
  keepAlive: numberOption({ flag: 'keep-alive', env: 'INSTAINFER_KEEP_ALIVE', description: 'Seconds that an idle container is kept for its own action.', valueName: 'S', min: 1, max: 86_400, defaultValue: 600 }),
  zygoteWindow: numberOption({ flag: 'zygote-window', env: 'INSTAINFER_ZYGOTE_WINDOW', description: 'Seconds that it is kept for any action after that, under pagurus.', valueName: 'S', min: 1, max: 86_400, defaultValue: 300 }),
  pauseGrace: numberOption({ flag: 'pause-grace', env: 'INSTAINFER_PAUSE_GRACE', description: 'Seconds after which an idle Docker container is paused, as a stock invoker does; 0 never pauses.', valueName: 'S', min: 0, max: 86_400, defaultValue: 10 }),
  forward: switchOption({ flag: 'forward', env: 'INSTAINFER_FORWARD', description: 'Whether an activation goes to the invoker that holds its artifacts, where that is another one of ours.', defaultValue: true }),
  ...wishOptions,
  concurrentLoads: concurrentLoadsOption,
  readAhead: readAheadOption,
  memoryPrice: memoryPriceOption,
  modelStore: modelStoreOption('Folder of the model store that process containers use.'),
  port: numberOption({ flag: 'port', env: 'INSTAINFER_INVOKER_PORT', envAliases: ['PORT'], description: 'Port of its HTTP server (/ping, /enable, /disable, /isEnabled, /metrics); 0 takes any that is free.', valueName: 'N', min: 0, max: 65_535, integer: true, defaultValue: 8080 }),
  host: textOption({ flag: 'host', env: 'INSTAINFER_INVOKER_HOST', description: 'Address the server listens on; all where it is not given.', valueName: 'ADDRESS' }),
  adminUser: textOption({ flag: 'admin-user', env: 'INSTAINFER_ADMIN_USER', envAliases: ['CONFIG_whisk_invoker_username'], description: 'User of /enable, /disable and /isEnabled; invoker.user where it is not given.', valueName: 'NAME' }),
  adminPassword: textOption({ flag: 'admin-password', env: 'INSTAINFER_ADMIN_PASSWORD', envAliases: ['CONFIG_whisk_invoker_password'], description: 'Its password; invoker.pass where it is not given.', valueName: 'TEXT' }),
  grace: numberOption({ flag: 'grace', env: 'INSTAINFER_GRACE', description: 'Seconds that SIGTERM lets activations finish.', valueName: 'S', min: 0, max: 3600, defaultValue: 30 }),
  journal: textOption({ flag: 'journal', env: 'INSTAINFER_JOURNAL', description: 'File for every event and decision of the scheduler.', valueName: 'FILE' }),
  logLevel: choiceOption({ flag: 'log-level', env: 'INSTAINFER_LOG_LEVEL', description: 'What is logged, on standard error, as JSON lines.', choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'], defaultValue: 'info' }),
});

export interface CouchSettings {
  readonly baseUrl: string;
  readonly credentials: string | undefined;
  readonly entities: string;
  readonly activations: string;
  readonly subjects: string;
}

/** What the command needs, in base units. */
export interface InvokerCommandOptions {
  readonly id: number;
  readonly uniqueName: string | undefined;
  readonly displayedName: string | undefined;
  readonly kafka: KafkaSettings;
  readonly containers: 'process' | 'docker';
  readonly image: string;
  readonly network: string;
  readonly kinds: readonly string[];
  readonly catalog: 'couchdb' | 'controller';
  readonly activationStore: 'couchdb' | 'none';
  readonly apiHost: string | undefined;
  /** Absent when nothing needs it. */
  readonly couch: CouchSettings | undefined;
  readonly storePolicy: StorePolicy;
  readonly userEvents: boolean;
  readonly mostInHand: number;
  readonly concurrencyMax: number;
  readonly stale: 'run' | 'skip';
  readonly parameterKeys: ParameterKeys;
  readonly scheduler: SchedulerConfig;
  /** Absent: never paused. */
  readonly pauseGraceMs: number | undefined;
  readonly forward: boolean;
  readonly mayWish: MayWish;
  readonly modelStore: string | undefined;
  readonly port: number;
  readonly host: string | undefined;
  readonly adminCredentials: string;
  readonly graceMs: number;
  readonly journalFile: string | undefined;
  readonly logLevel: string;
}

type Env = Readonly<Record<string, string | undefined>>;
type Values = ReturnType<typeof parseOptions<typeof invokerTable>>['values'];

/** @throws AppError BAD_OPTION, TOO_LITTLE_MEMORY */
export function parseInvokerOptions(argv: readonly string[], env: Env): InvokerCommandOptions {
  const { values, given } = parseOptions({ table: invokerTable, argv, env, file: readConfigFile(argv, env) });
  const runtime = values.manifest === undefined ? undefined : runtimeOfManifest(values.manifest, servedKind);
  const apiHost = values.apiHost ?? stockApiHostOf(env);
  if (values.catalog === 'controller' && apiHost === undefined) {
    throw new AppError('BAD_OPTION', '--catalog controller needs the address of the controller.', 'Give --api-host, such as https://openwhisk.example.');
  }
  return Object.freeze({
    id: idOf(values),
    uniqueName: values.uniqueName,
    displayedName: values.displayedName,
    kafka: values,
    containers: values.containers,
    image: values.image ?? runtime?.image ?? 'instainfer/action-nodejs-instainfer:latest',
    network: values.network ?? 'bridge',
    kinds: values.kinds ?? ['nodejs:*'],
    catalog: values.catalog,
    activationStore: values.activationStore,
    apiHost: apiHost?.replace(/\/+$/, ''),
    couch: couchOf(values),
    storePolicy: { blocking: values.storeBlocking, nonBlocking: values.storeNonBlocking },
    userEvents: values.userEvents,
    mostInHand: mostActivationsInHand(values.userMemory, values.concurrencyMax),
    concurrencyMax: values.concurrencyMax,
    stale: values.stale,
    parameterKeys: {
      ...(values.aes128Key === undefined ? {} : { 'aes-128': parameterKeyOf('aes-128', values.aes128Key) }),
      ...(values.aes256Key === undefined ? {} : { 'aes-256': parameterKeyOf('aes-256', values.aes256Key) }),
    },
    scheduler: schedulerOf(values, {
      count: given.has('stemCells') ? values.stemCells : (runtime?.stemCells?.count ?? values.stemCells),
      memoryBytes: given.has('stemCellMemory') ? values.stemCellMemory : (runtime?.stemCells?.memoryBytes ?? values.stemCellMemory),
    }),
    pauseGraceMs: values.containers === 'process' || values.pauseGrace === 0 ? undefined : values.pauseGrace * 1000,
    forward: values.forward,
    mayWish: mayWishOf(values.wishesFrom ?? []),
    modelStore: values.modelStore,
    port: values.port,
    host: values.host,
    adminCredentials: `${values.adminUser ?? 'invoker.user'}:${values.adminPassword ?? 'invoker.pass'}`,
    graceMs: values.grace * 1000,
    journalFile: values.journal,
    logLevel: values.logLevel,
  });
}

/** The number that was given, or the one at the end of the unique name, as pods of a stateful set have it. */
function idOf({ id, uniqueName }: Values): number {
  if (id !== undefined) return id;
  const ordinal = /(\d+)$/.exec(uniqueName ?? '')?.[1];
  if (ordinal !== undefined) return Number(ordinal);
  throw new AppError('BAD_OPTION', 'This invoker has no number.', 'Give --id N, from 0 upwards without gaps, or a --unique-name that ends with it.');
}

function couchOf(values: Values): CouchSettings | undefined {
  if (values.catalog !== 'couchdb' && values.activationStore !== 'couchdb') return undefined;
  const target = couchTargetOf(values);
  if (target === undefined) {
    throw new AppError('BAD_OPTION', 'CouchDB is to be used, but its host is not given.', 'Give --couch-host, or --catalog controller and --activation-store none.');
  }
  return {
    baseUrl: target.couch.baseUrl,
    credentials: target.couch.credentials,
    ...databasesOf(values),
  };
}

/** `<proto>://<host>:<port>` out of the stock environment. */
function stockApiHostOf(env: Env): string | undefined {
  const name = env['WHISK_API_HOST_NAME'];
  if (name === undefined || name === '') return undefined;
  const [proto, port] = [env['WHISK_API_HOST_PROTO'] ?? 'https', env['WHISK_API_HOST_PORT']];
  return `${proto}://${name}${port === undefined || port === '' ? '' : `:${port}`}`;
}

function schedulerOf(values: Values, stemCells: { readonly count: number; readonly memoryBytes: number }): SchedulerConfig {
  if (stemCells.memoryBytes > values.userMemory && values.policy !== 'none' && stemCells.count > 0) {
    throw new AppError('TOO_LITTLE_MEMORY', `A stem cell of ${megabytesText(stemCells.memoryBytes)} does not fit into ${megabytesText(values.userMemory)}.`, 'Raise --user-memory or lower --stem-cell-memory.');
  }
  return {
    poolMemoryBytes: values.userMemory,
    prewarmPolicy: values.policy,
    preload: values.preload,
    keepAliveMs: values.keepAlive * 1000,
    zygoteWindowMs: values.zygoteWindow * 1000,
    stemCellCount: stemCells.count,
    stemCellMemoryBytes: stemCells.memoryBytes,
    maxConcurrentLoads: values.concurrentLoads,
    ...usualWeighing,
    mostPinnedShare: values.mostPinnedMemory,
    readAheadBytesPerSecond: values.readAhead * bytesPerMb,
    memoryPriceMsPerGibSecond: values.memoryPrice,
    // The topic is held back long before; a message that came must never be refused for want of a place in a queue.
    maxQueuedActivations: 100_000,
  };
}

const megabytesText = (bytes: number): string => `${Math.round(bytes / bytesPerMegabyte)} MB`;
