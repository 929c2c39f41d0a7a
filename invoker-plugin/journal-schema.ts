// Zod schemas of the scheduler's events, commands and settings, as a journal holds them. Strict: a field that a schema does
// not know would be lost on replay, so it is an error. The types are those of core/; the compiler holds both together.
import { z } from 'zod';
import { followForecastSchema, gapForecastSchema } from '../controller-plugin/protocol.ts';
import { failureReasons, startTypes, type SchedulerCommand } from './core/commands.ts';
import { prewarmPolicies, type SchedulerConfig } from './core/config.ts';
import { loadFailureReasons, readingOutcomes, type SchedulerEvent } from './core/events.ts';

const actionKey = z.string().min(1);
const containerId = z.string().min(1);
const activationId = z.string().min(1);
const bytes = z.number().nonnegative();
const ms = z.number().nonnegative();
const fileId = z.string().min(1);
const files = z.array(z.strictObject({ id: fileId, bytes }));

/** An event: its type and its time, with what is particular to it. */
function event<Type extends string, Shape extends z.ZodRawShape>(
  type: Type,
  shape: Shape,
): z.ZodObject<{ type: z.ZodLiteral<Type>; at: z.ZodNumber } & Shape, z.core.$strict> {
  return z.strictObject({ type: z.literal(type), at: z.number(), ...shape });
}

function command<Type extends string, Shape extends z.ZodRawShape>(
  type: Type,
  shape: Shape,
): z.ZodObject<{ type: z.ZodLiteral<Type> } & Shape, z.core.$strict> {
  return z.strictObject({ type: z.literal(type), ...shape });
}

export const schedulerEventSchema = z.discriminatedUnion('type', [
  event('actionDeployed', {
    actionKey,
    namespace: z.string(),
    memoryLimitBytes: bytes,
    declaresArtifacts: z.boolean(),
    estimatedLoadMs: ms,
    estimatedResidentBytes: bytes,
    wishes: z.strictObject({ pinnedPlaces: z.int().nonnegative(), priority: z.number().positive(), idleMs: ms.optional() }).optional(),
    concurrencyLimit: z.int().positive().optional(),
    files: files.optional(),
  }),
  event('actionRemoved', { actionKey }),
  event('planReceived', {
    actionKey,
    arrivalRatePerMs: z.number().nonnegative(),
    sampleCount: z.int().nonnegative(),
    lastArrivalAt: z.number(),
    preloadWindowMs: ms.optional(),
    offloadWindowMs: ms.optional(),
    prewarmWindowMs: ms.optional(),
    keepAliveWindowMs: ms.optional(),
    gaps: gapForecastSchema.optional(),
    follows: z.array(followForecastSchema).readonly().optional(),
    elsewhere: z.boolean().optional(),
  }),
  event('activationArrived', { activationId, actionKey }),
  event('containerStarted', { containerId, startMs: ms, usedBytes: bytes }),
  event('containerFound', { containerId, memoryLimitBytes: bytes, usedBytes: bytes }),
  event('activationInitialized', { activationId, containerId }),
  event('activationFinished', {
    activationId,
    containerId,
    containerUsable: z.boolean(),
    initMs: ms,
    loadMs: ms,
    runMs: ms,
    usedBytes: bytes.optional(),
    diskBytes: bytes.optional(),
  }),
  event('activationUnserved', { activationId, containerId }),
  event('loadSucceeded', { containerId, actionKey, loadMs: ms, residentBytes: bytes, usedBytes: bytes, diskBytes: bytes.optional() }),
  event('loadFailed', {
    containerId,
    actionKey,
    reason: z.enum(loadFailureReasons),
    predictedBytes: bytes.optional(),
    usedBytes: bytes.optional(),
  }),
  event('offloadCompleted', { containerId, actionKey, usedBytes: bytes }),
  event('containerCleaned', { containerId, usedBytes: bytes }),
  event('containerRemoved', { containerId, reason: z.enum(['requested', 'start-failed', 'crashed']) }),
  event('loadAsked', { actionKey }),
  event('offloadAsked', { containerId, actionKey }),
  event('hostMemory', { cacheableBytes: bytes }),
  event('readAheadEnded', { actionKey, outcome: z.enum(readingOutcomes), files, diskBytes: bytes.optional(), tookMs: ms }),
  event('ticked', {}),
]) satisfies z.ZodType<SchedulerEvent>;

export const schedulerCommandSchema = z.discriminatedUnion('type', [
  command('createContainer', {
    containerId,
    memoryLimitBytes: bytes,
    reason: z.enum(['activation', 'stem-cell', 'prewarm-window', 'pinned', 'worth-its-memory', 'reserve']),
  }),
  command('startActivation', {
    activationId,
    containerId,
    actionKey,
    startType: z.enum(startTypes),
    clean: z.enum(['none', 'retain', 'discard']),
    init: z.boolean(),
  }),
  command('load', {
    containerId,
    actionKey,
    reason: z.enum(['deployed', 'preload-window', 'predecessor-called', 'burst-replica', 'replaced-after-loss', 'pinned', 'asked']),
    after: actionKey.optional(),
  }),
  command('offload', {
    containerId,
    actionKey,
    reason: z.enum(['offload-window', 'evicted-for-value', 'action-removed', 'memory-pressure', 'idle-ttl', 'asked']),
  }),
  command('cleanContainer', { containerId, retain: z.boolean(), reason: z.enum(['keep-alive-over', 'evicted-for-value', 'idle-ttl']) }),
  command('removeContainer', {
    containerId,
    reason: z.enum(['keep-alive-over', 'idle-ttl', 'zygote-window-over', 'evicted-for-activation', 'unusable', 'surplus-stem-cell', 'not-worth-its-memory']),
  }),
  command('failActivation', {
    activationId,
    reason: z.enum(failureReasons),
    failedIn: containerId.optional(),
  }),
  command('readAhead', { actionKey, files: z.array(fileId), bytesPerSecond: z.number().positive(), reason: z.enum(['no-place', 'next-load']) }),
  command('stopReading', { actionKey, reason: z.enum(['call', 'load']) }),
]) satisfies z.ZodType<SchedulerCommand>;

export const schedulerConfigSchema = z.strictObject({
  poolMemoryBytes: bytes,
  prewarmPolicy: z.enum(prewarmPolicies),
  preload: z.boolean(),
  keepAliveMs: ms,
  zygoteWindowMs: ms,
  stemCellCount: z.int().nonnegative(),
  stemCellMemoryBytes: bytes,
  maxConcurrentLoads: z.int().nonnegative(),
  valueHorizonMs: ms,
  evictionHysteresis: z.number().nonnegative(),
  headroomShare: z.number().nonnegative(),
  /** Journals that were written before actions could wish anything do not have it. */
  mostPinnedShare: z.number().nonnegative().default(0),
  /** Nor those from before files were read ahead. */
  readAheadBytesPerSecond: z.number().nonnegative().default(0),
  /** Journals that were written before memory had a price do not have it. */
  memoryPriceMsPerGibSecond: z.number().nonnegative().default(0),
  maxQueuedActivations: z.int().nonnegative(),
}) satisfies z.ZodType<SchedulerConfig>;
