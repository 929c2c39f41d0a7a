// What the controller plugin publishes: one plan for each action, on a compacted topic keyed by the action key.
import { z } from 'zod';
import type { DeepReadonly } from '../common/deep-readonly.ts';

/** Topic of the plans; compacted, keyed by action key. */
export const planTopic = 'instainfer-plans';

/** A mixture of exponential gaps and, for a regular action, of gaps around a period (common/gap-forecast.ts). */
export const gapForecastSchema = z.object({
  regimes: z.array(z.tuple([z.number().nonnegative(), z.number().positive()]).readonly()).max(16).readonly(),
  regular: z.object({ weight: z.number().nonnegative(), periodMs: z.number().positive(), spreadMs: z.number().positive() }).optional(),
});

/** A call of another action that is likely to be followed (common/follow-forecast.ts). */
export const followForecastSchema = z.object({
  actionKey: z.string(),
  at: z.number(),
  probability: z.number().min(0).max(1),
  medianDelayMs: z.number().positive(),
  spread: z.number().positive(),
});

/**
 * What the Proactive Pre-loader believes of one action. All windows are durations that start at `lastArrivalAt`, except
 * `keepAliveWindowMs`, which starts when a container falls idle. An absent window means: not known yet, use the default.
 */
export const planSchema = z.object({
  formatVersion: z.literal(1),
  actionKey: z.string(),
  /** Arrival rate λ, per millisecond; 0 before two arrivals were seen. */
  arrivalRatePerMs: z.number().nonnegative(),
  /** Arrivals that the rate rests on. */
  sampleCount: z.number().int().nonnegative(),
  /** Epoch milliseconds of the last arrival, or of the deployment before the first one. */
  lastArrivalAt: z.number(),
  preloadWindowMs: z.number().nonnegative().optional(),
  offloadWindowMs: z.number().nonnegative().optional(),
  prewarmWindowMs: z.number().nonnegative().optional(),
  keepAliveWindowMs: z.number().nonnegative().optional(),
  /** How long it will be silent after `lastArrivalAt`. */
  gaps: gapForecastSchema.optional(),
  /** Calls of other actions, wherever they came, later than `lastArrivalAt`, that its next one tends to follow. */
  follows: z.array(followForecastSchema).max(16).readonly().optional(),
  /** Ids of the invokers that should prepare for the action; the others need not. Absent: every one of them. */
  invokers: z.array(z.number().int().nonnegative()).readonly().optional(),
});
export type Plan = DeepReadonly<z.infer<typeof planSchema>>;
