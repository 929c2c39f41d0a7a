// The format of summary.json, for one run and for a comparison. Scripts read it: a field never changes its meaning within a
// format version.
import { z } from 'zod';
import { startTypes } from '../../invoker-plugin/core/commands.ts';
import { prewarmPolicies } from '../../invoker-plugin/core/config.ts';
import { loadingForms } from '../../lab/simulation/profile.ts';
import { arrivalModes } from '../../lab/traces/arrivals.ts';

const count = z.int().nonnegative();
const countsByName = z.record(z.string(), count);

/** Null where there is no value to describe. Latencies are in ms. */
const distributionSchema = z
  .object({ count, mean: z.number(), p50: z.number(), p90: z.number(), p95: z.number(), p99: z.number(), max: z.number() })
  .nullable();

/** Where a summary comes from: everything that has to be equal for two of them to be comparable, and the arm. */
export const runContextSchema = z.object({
  source: z.enum(['live', 'simulated']),
  /** Machine of a live run; what the profile was measured on for a simulated one. */
  measuredOn: z.string(),
  arm: z.object({ policy: z.enum(prewarmPolicies), preload: z.boolean(), loading: z.enum(loadingForms) }),
  seed: z.number(),
  arrivals: z.enum(arrivalModes),
  speed: z.number(),
  cache: z.enum(['warm', 'cold']),
  smallModels: z.boolean(),
  poolMemoryMb: z.number(),
  containerMemoryMb: z.number(),
  keepAliveSeconds: z.number(),
  zygoteWindowSeconds: z.number(),
  stemCells: count,
  trace: z.object({ file: z.string(), minutes: count, functions: count, invocations: count }),
});
export type RunContext = z.infer<typeof runContextSchema>;

const actionSummarySchema = z.object({
  action: z.string(),
  activations: count,
  byStartType: countsByName,
  startupMs: distributionSchema,
  runMs: distributionSchema,
  e2eMs: distributionSchema,
  /** Median inference after a preloaded start, of warm starts, and their ratio; null where either is missing. */
  firstInference: z.object({ preloadedMs: z.number(), steadyMs: z.number(), ratio: z.number() }).nullable(),
});

export const summarySchema = z.object({
  formatVersion: z.literal(1),
  context: runContextSchema,
  percentileMethod: z.string(),
  activations: z.object({
    /** Arrivals of the replay; `completed` is smaller where the run was interrupted. */
    expected: count,
    completed: count,
    succeeded: count,
    byStatus: countsByName,
    byStartType: z.object(Object.fromEntries([...startTypes, 'none'].map((type) => [type, count]))),
  }),
  /** Shares of the successful activations, 0 to 1; null for none. */
  warmOrPreloadedShare: z.number().nullable(),
  preloadedShare: z.number().nullable(),
  /** Latencies of successful activations. startup = wait + init + load. */
  startupMs: distributionSchema,
  waitMs: distributionSchema,
  initMs: distributionSchema,
  loadMs: distributionSchema,
  runMs: distributionSchema,
  e2eMs: distributionSchema,
  /** What preloaded starts still pay after the container is theirs. */
  preloadedInitPlusLoadMs: distributionSchema,
  /** Median over the preloaded starts of their inference over the median one of the action's warm starts. */
  firstToSteadyInferenceRatio: z.number().nullable(),
  actions: z.array(actionSummarySchema),
  pool: z.object({
    containersCreated: count,
    peakContainers: count,
    containerSeconds: z.number(),
    memoryGibSeconds: z.number(),
    loadsByReason: countsByName,
    loadsSucceeded: count,
    loadsFailedByReason: countsByName,
    offloadsByReason: countsByName,
    containersRemovedByReason: countsByName,
    evictions: count,
  }),
});
export type Summary = z.infer<typeof summarySchema>;

/** summary.json of a comparison: the arms in order, the first being what the others are held against. */
export const comparisonSchema = z.object({ formatVersion: z.literal(1), arms: z.array(summarySchema).min(1) });
export type Comparison = z.infer<typeof comparisonSchema>;
