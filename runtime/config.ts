// The settings of the runtime proxy, read from the environment once: the only file that knows the variables' names.
import { z } from 'zod';
import { AppError } from '../common/errors.ts';
import { idsOfContainer, type SlotUserMode } from './slots/slot-users.ts';

export interface RuntimeConfig {
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

function actionEnvironmentOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (passedOn.includes(name) || name.startsWith('__OW_'))) passed[name] = value;
  }
  return passed;
}
