// The settings of the runtime proxy, read from the environment once: the only file that knows the variables' names.
import { AppError } from '../common/errors.ts';
import type { OnnxRuntimeStart } from './slots/messages.ts';
import { idsOfContainer, type SlotUserMode } from './slots/slot-users.ts';

/** How the runtime serves an action over plain HTTP: OpenWhisk's variables for its runtimes on Knative. */
export interface KnativeConfig {
  /** Methods that the action's route takes. */
  readonly methods: readonly HttpMethod[];
  /** The code that the service is for; undefined: a request brings it. */
  readonly action: { readonly name: string; readonly main: string; readonly code: string; readonly binary: boolean } | undefined;
  readonly version: string;
  /** Whether that code wants bodies as they are. */
  readonly raw: boolean;
  readonly namespace: string;
  /** What is to be resident before the service is ready, as the value of a `preload` annotation. */
  readonly preload: string | undefined;
}
const httpMethods = ['get', 'post', 'put', 'delete', 'options'] as const;
export type HttpMethod = (typeof httpMethods)[number];

export interface RuntimeConfig {
  /** Undefined on OpenWhisk. */
  readonly knative: KnativeConfig | undefined;
  readonly port: number;
  readonly host: string | undefined;
  /** Root of the model store; without it, models come from action archives only. */
  readonly modelStore: string | undefined;
  /** `stock`: as an action on the stock Node.js runtime does it, for comparison. */
  readonly loading: 'mapped' | 'stock';
  /** `cold`: the page cache is emptied of a model's files before each load, for comparison. */
  readonly cache: 'warm' | 'cold';
  /** Undefined: the cgroup's limit, else the machine's memory. */
  readonly memoryLimitBytes: number | undefined;
  /** How many blank slots are kept ready: 0 or 1. */
  readonly blankSlots: number;
  readonly onnxRuntime: OnnxRuntimeStart;
  readonly concurrent: boolean;
  /** How long a shutdown waits for running activations. */
  readonly graceMs: number;
  /** Bearer token that the extension routes ask for. */
  readonly token: string | undefined;
  /** Whether slots have user ids of their own. */
  readonly slotUsers: SlotUserMode;
  /** The first of those ids; undefined: chosen so that no other container has the same. */
  readonly firstSlotUid: number | undefined;
  readonly logLevel: string;
  /** Variables of the container that actions see, such as `__OW_API_HOST`. */
  readonly actionEnvironment: Readonly<Record<string, string>>;
}

/** A rule for the text of a variable: its value, or undefined where the text breaks it; `rule` says it in words. */
interface Rule<T> {
  readonly rule: string;
  readonly parse: (text: string) => T | undefined;
}
const text: Rule<string> = { rule: 'a text', parse: (given) => given };
const oneOf = <T extends string>(...allowed: readonly T[]): Rule<T> => ({ rule: `one of ${allowed.join(', ')}`, parse: (given) => allowed.find((value) => value === given) });
const integer = (min: number, max = Number.MAX_SAFE_INTEGER): Rule<number> => ({
  rule: max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
  parse: (given) => (/^\s*-?\d+\s*$/.test(given) && Number(given) >= min && Number(given) <= max ? Number(given) : undefined),
});

/** What of the container's environment goes on to action code, besides `__OW_…`: nothing else does, secrets least of all. */
const passedOn = ['PATH', 'LANG', 'LC_ALL', 'TZ'];

/**
 * Checked by hand rather than with zod, which would be most of what the proxy loads before it listens.
 * @throws AppError BAD_OPTION naming the variable, the rule and the value found
 */
export function readConfig(env: NodeJS.ProcessEnv): RuntimeConfig {
  const read = <T>(variable: string, { rule, parse }: Rule<T>): T | undefined => {
    const given = env[variable];
    if (given === undefined || given === '') return undefined;
    const value = parse(given);
    if (value === undefined) throw new AppError('BAD_OPTION', `${variable}=${given}: it has to be ${rule}.`, `Correct or unset ${variable}.`);
    return value;
  };
  return Object.freeze({
    knative: isOnKnative(env) ? knativeConfigOf(env, read('INSTAINFER_PRELOAD', text)) : undefined,
    port: read('PORT', integer(0, 65535)) ?? 8080,
    host: read('HOST', text),
    modelStore: read('INSTAINFER_MODEL_STORE', text),
    loading: read('INSTAINFER_LOADING', oneOf('mapped', 'stock')) ?? 'mapped',
    cache: read('INSTAINFER_CACHE', oneOf('warm', 'cold')) ?? 'warm',
    memoryLimitBytes: read('INSTAINFER_MEMORY_LIMIT_BYTES', integer(1)),
    blankSlots: read('INSTAINFER_BLANK_SLOTS', integer(0, 1)) ?? 1,
    onnxRuntime: read('INSTAINFER_ONNX_RUNTIME', oneOf('ahead', 'on-demand')) ?? 'on-demand',
    concurrent: env['__OW_ALLOW_CONCURRENT']?.toLowerCase() === 'true',
    graceMs: read('INSTAINFER_GRACE_MS', integer(0)) ?? 10_000,
    token: read('INSTAINFER_TOKEN', text),
    slotUsers: read('INSTAINFER_SLOT_USERS', oneOf('auto', 'own', 'shared')) ?? 'auto',
    firstSlotUid: read('INSTAINFER_SLOT_UID_BASE', integer(1, 2 ** 31 - idsOfContainer)),
    logLevel: read('INSTAINFER_LOG_LEVEL', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')) ?? 'silent',
    actionEnvironment: actionEnvironmentOf(env),
  });
}

/** @throws AppError PLATFORM_UNSUPPORTED */
function isOnKnative({ __OW_RUNTIME_PLATFORM: platform = '' }: NodeJS.ProcessEnv): boolean {
  switch (platform.toLowerCase()) {
    case '':
    case 'openwhisk':
      return false;
    case 'knative':
      return true;
    default:
      throw new AppError('PLATFORM_UNSUPPORTED', `__OW_RUNTIME_PLATFORM=${platform}: there is no such platform.`, 'Take openwhisk (the default) or knative.');
  }
}

function knativeConfigOf(env: NodeJS.ProcessEnv, preload: string | undefined): KnativeConfig {
  const isOn = (name: string): boolean => env[name]?.toLowerCase() === 'true';
  const code = env['__OW_ACTION_CODE'] ?? '';
  return {
    methods: methodsOf(env['__OW_HTTP_METHODS']),
    action: code === '' ? undefined : { name: env['__OW_ACTION_NAME'] ?? '', main: env['__OW_ACTION_MAIN'] || 'main', code, binary: isOn('__OW_ACTION_BINARY') },
    version: env['__OW_ACTION_VERSION'] || '0.0.1',
    raw: isOn('__OW_ACTION_RAW'),
    namespace: env['__OW_NAMESPACE'] ?? '',
    preload,
  };
}

/** `[get, post]` in any case; POST where nothing is said or understood, as the stock runtime has it. */
function methodsOf(text = ''): HttpMethod[] {
  const named = /^\[(.*)\]$/.exec(text)?.[1]?.split(',').map((method) => method.trim().toLowerCase()) ?? [];
  const methods = httpMethods.filter((method) => named.includes(method));
  return methods.length === 0 ? ['post'] : methods;
}

function actionEnvironmentOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (passedOn.includes(name) || name.startsWith('__OW_'))) passed[name] = value;
  }
  return passed;
}
