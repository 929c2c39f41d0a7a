// Measured latencies of actions and containers: what a live run writes into summary.json and the simulator replays.
import { z } from 'zod';

/** Medians and samples of one action, in ms and bytes. `stock` and `mapped` are the two `--loading` forms. */
export const actionProfileSchema = z.object({
  /** /init with nothing resident, without loading. */
  initMs: z.number().nonnegative(),
  /** /init into a slot where the artifacts are resident. */
  adoptMs: z.number().nonnegative(),
  /** Loading on the path of a call. */
  loadMs: z.object({ stock: z.number().nonnegative(), mapped: z.number().nonnegative() }),
  /** A load ahead of time, request to ready, warm-up run included. */
  aheadLoadMs: z.number().nonnegative(),
  /** Steady runs; the simulator draws from them. */
  runSamplesMs: z.array(z.number().nonnegative()).min(1),
  /** What the first run after a load on the path takes beyond a steady one. */
  firstRunExtraMs: z.object({ stock: z.number().nonnegative(), mapped: z.number().nonnegative() }),
  residentBytes: z.number().nonnegative(),
});
export type ActionProfile = z.infer<typeof actionProfileSchema>;

export const profileSchema = z.object({
  formatVersion: z.literal(1),
  /** Where and when it was measured, for the report. */
  measuredOn: z.string(),
  /** Container created to ready for /init. */
  containerStartMs: z.number().nonnegative(),
  cleanMs: z.number().nonnegative(),
  /** Container asked to go to gone: an activation that waits for its memory waits that long. */
  removeMs: z.number().nonnegative(),
  offloadMs: z.number().nonnegative(),
  emptyContainerBytes: z.number().nonnegative(),
  actions: z.record(z.string(), actionProfileSchema),
});
export type Profile = z.infer<typeof profileSchema>;
