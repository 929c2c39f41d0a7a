// Measured latencies of actions and containers: what a live run writes into summary.json and the simulator replays.
import { z } from 'zod';

/** `stock`: plain ONNX files as `InferenceSession.create(path)` opens them. `mapped`: the measured mapped form. */
export const loadingForms = ['stock', 'mapped'] as const;
export type LoadingForm = (typeof loadingForms)[number];

const samplesSchema = z.array(z.number().nonnegative()).min(1);
/** Milliseconds for each loading form. */
const perFormSchema = z.object({ stock: z.number().nonnegative(), mapped: z.number().nonnegative() });

/** Medians and samples of one action, in ms and bytes. `stock` and `mapped` are the two `--loading` forms. */
export const actionProfileSchema = z.object({
  /** /init with nothing resident, without loading, in a container that waited; and in a new one, whose slot has yet to start. */
  initMs: perFormSchema,
  coldInitMs: perFormSchema,
  /** /init into a slot where the artifacts are resident. */
  adoptMs: z.number().nonnegative(),
  /** Loading on the path of a call. */
  loadMs: perFormSchema,
  /** A load ahead of time, request to ready, warm-up run included. */
  aheadLoadMs: z.number().nonnegative(),
  /** What a container says that such a load took, without the wait for a slot to load in; absent: all of it. */
  reportedLoadMs: z.number().nonnegative().optional(),
  /** Steady runs; the simulator draws from them. */
  runSamplesMs: z.object({ stock: samplesSchema, mapped: samplesSchema }),
  /** What the first run after a load on the path takes beyond a steady one. */
  firstRunExtraMs: perFormSchema,
  residentBytes: z.number().nonnegative(),
  /** What the scheduler was told at the deployment, before anything was measured: first decisions rest on it. */
  estimatedLoadMs: z.number().nonnegative(),
  estimatedResidentBytes: z.number().nonnegative(),
  /** Files that a load reads, as the scheduler was told; and what loads read of them from the disk. Absent: neither is known. */
  files: z.array(z.object({ id: z.string(), bytes: z.number().nonnegative() })).readonly().optional(),
  diskBytes: z.number().nonnegative().optional(),
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
