// What the controller plugin publishes: one plan for each action, on a compacted topic keyed by the action key.
import { z } from 'zod';

/** Topic of the plans; compacted, keyed by action key. */
export const planTopic = 'instainfer-plans';

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
  /** Ids of the invokers that should prepare for the action; the others need not. Absent: every one of them. */
  invokers: z.array(z.number().int().nonnegative()).readonly().optional(),
});
export type Plan = z.infer<typeof planSchema>;
