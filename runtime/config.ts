// The settings of the runtime proxy, read from the environment once: the only file that knows the variables' names.
import { z } from 'zod';
import { AppError } from '../common/errors.ts';
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

const optionalText = z.string().min(1).optional();
const variables = z.object({
  PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  HOST: optionalText,
  INSTAINFER_MODEL_STORE: optionalText,
  INSTAINFER_LOADING: z.enum(['mapped', 'stock']).default('mapped'),
  INSTAINFER_CACHE: z.enum(['warm', 'cold']).default('warm'),
  INSTAINFER_MEMORY_LIMIT_BYTES: z.coerce.number().int().positive().optional(),
  INSTAINFER_BLANK_SLOTS: z.coerce.number().int().min(0).max(1).default(1),
  INSTAINFER_PRELOAD: optionalText,
  INSTAINFER_GRACE_MS: z.coerce.number().int().nonnegative().default(10_000),
  INSTAINFER_TOKEN: optionalText,
  INSTAINFER_SLOT_USERS: z.enum(['auto', 'own', 'shared']).default('auto'),
  INSTAINFER_SLOT_UID_BASE: z.coerce.number().int().min(1).max(2 ** 31 - idsOfContainer).optional(),
  INSTAINFER_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('silent'),
});

/** What of the container's environment goes on to action code, besides `__OW_…`: nothing else does, secrets least of all. */
const passedOn = ['PATH', 'LANG', 'LC_ALL', 'TZ'];

/** @throws AppError BAD_OPTION naming the variable, the rule and the value found */
export function readConfig(env: NodeJS.ProcessEnv): RuntimeConfig {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(set);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const variable = String(issue?.path[0]);
    throw new AppError('BAD_OPTION', `${variable}=${env[variable] ?? ''}: ${issue?.message ?? 'not valid'}.`, `Correct or unset ${variable}.`);
  }
  const values = parsed.data;
  return Object.freeze({
    knative: isOnKnative(env) ? knativeConfigOf(env, values.INSTAINFER_PRELOAD) : undefined,
    port: values.PORT,
    host: values.HOST,
    modelStore: values.INSTAINFER_MODEL_STORE,
    loading: values.INSTAINFER_LOADING,
    cache: values.INSTAINFER_CACHE,
    memoryLimitBytes: values.INSTAINFER_MEMORY_LIMIT_BYTES,
    blankSlots: values.INSTAINFER_BLANK_SLOTS,
    concurrent: env['__OW_ALLOW_CONCURRENT']?.toLowerCase() === 'true',
    graceMs: values.INSTAINFER_GRACE_MS,
    token: values.INSTAINFER_TOKEN,
    slotUsers: values.INSTAINFER_SLOT_USERS,
    firstSlotUid: values.INSTAINFER_SLOT_UID_BASE,
    logLevel: values.INSTAINFER_LOG_LEVEL,
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
