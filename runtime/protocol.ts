// The HTTP contract of the runtime container beyond OpenWhisk's own /init and /run: what /load, /offload, /clean and
// /status take and answer. The proxy and whoever drives it import this file; it holds no behaviour.
import { z } from 'zod';
import { artifactCount } from './artifact-count.ts';

/** A model that an action declares: a file in its archive (`path`) or an entry of the shared model store (`store`, `name` or `name@version`). */
export const modelArtifactSchema = z
  .object({
    name: z.string().min(1).max(200),
    path: z.string().min(1).max(1000).optional(),
    store: z.string().min(1).max(200).optional(),
  })
  .refine((model) => (model.path === undefined) !== (model.store === undefined), {
    message: 'a model needs exactly one of "path" (a file in the action archive) and "store" (a name in the model store)',
  });
export type ModelArtifact = z.infer<typeof modelArtifactSchema>;

/** Several networks that work together, such as Stable Diffusion: a folder in the archive (`path`) or one of the model store. */
export type PipelineArtifact = ModelArtifact;

/** What an action wants resident before it runs: the value of its `preload` annotation and of `instainfer.json` in its archive. */
export const artifactsSchema = z.object({
  models: z.array(modelArtifactSchema).max(64).default([]),
  libraries: z.array(z.string().min(1).max(214)).max(64).default([]),
  pipelines: z.array(modelArtifactSchema).max(8).optional(),
});
export type Artifacts = z.infer<typeof artifactsSchema>;

/** What a `preload` annotation wants, whatever it is: one that cannot be read wants nothing. */
export function declaredBy(annotation: unknown): Artifacts {
  const artifacts = artifactsSchema.safeParse(annotation);
  return artifacts.success ? artifacts.data : { models: [], libraries: [] };
}

/** Whether it wants anything at all. */
export const declaresArtifacts = (annotation: unknown): boolean => artifactCount(declaredBy(annotation)) > 0;

/** The `value` of OpenWhisk's `POST /init`. The stock harness sends `env: null` and no name. */
export const initValueSchema = z.object({
  name: z.string().optional(),
  main: z.string().optional(),
  code: z.string().nullish(),
  binary: z.boolean().optional(),
  env: z.record(z.string(), z.unknown()).nullish(),
  /** Ours: what tells two pieces of code of one version apart; a slot serves its own revision only. */
  revision: z.string().optional(),
});
export type InitValue = z.infer<typeof initValueSchema>;

/** `POST /load`: make the artifacts of one action resident in a slot of this container. */
export const loadRequestSchema = z.object({
  value: z.object({
    /** Qualified name, such as `guest/resnet50`. */
    action: z.string().min(1).max(1000),
    version: z.string().default('0.0.1'),
    revision: z.string().optional(),
    /** The invoking namespace: whose slot it is. */
    namespace: z.string().min(1).max(300),
    artifacts: artifactsSchema,
    /** The action's /init value: needed when a model is a file of the archive. */
    code: initValueSchema.optional(),
    /** Refused with 409 once the container is initialised: for who loads into containers that another invoker uses. */
    stemCellOnly: z.boolean().optional(),
    /** The load is given up after so many milliseconds. */
    deadlineMs: z.number().positive().optional(),
  }),
});
export type LoadRequest = z.input<typeof loadRequestSchema>;

export interface LoadedArtifact {
  name: string;
  kind: 'model' | 'library' | 'pipeline';
  loadMs: number;
  bytes: number;
  /** Of a pipeline: its networks, those that are given up for now included. */
  parts?: LoadedPart[];
}
export interface LoadedPart {
  /** Such as `unet`. */
  name: string;
  resident: boolean;
  /** What the last load of it took. */
  loadMs: number;
  /** Private memory; 0 when it is not resident. */
  bytes: number;
  /** Files behind it, which processes share where they are mapped. */
  fileBytes: number;
}
export interface LoadReply {
  ok: true;
  action: string;
  /** Request to ready, warm-up run included. */
  loadMs: number;
  /**
   * What the load had fetched from the disk, pages of mapped files included (`read_bytes` of /proc/PID/io): about nothing where
   * the files were in the page cache. Absent where the kernel does not count it.
   */
  diskBytes?: number;
  /** Private (anonymous) memory of the slot. */
  residentBytes: number;
  artifacts: LoadedArtifact[];
  memory: MemoryReport;
}

/** `POST /offload`: one action's slot, parts of the pipelines in it (`stable-diffusion/unet`), or all slots that are not active. */
export const offloadRequestSchema = z.object({
  value: z.union([
    z.object({ action: z.string().min(1).max(1000), version: z.string().default('0.0.1'), revision: z.string().optional(), parts: z.array(z.string().min(1).max(300)).min(1).max(64).optional() }),
    z.object({ all: z.literal(true) }),
  ]),
});
export type OffloadRequest = z.input<typeof offloadRequestSchema>;
export interface OffloadReply {
  ok: true;
  freedBytes: number;
  tookMs: number;
  memory: MemoryReport;
}

/**
 * `POST /clean`: back to a stem cell. With `retain`, the slot of the former action stays, frozen, and only the same
 * action of the same namespace can wake it again; without, nothing of the former action is left.
 */
export const cleanRequestSchema = z.object({
  value: z.object({ retain: z.boolean().default(false) }).default({ retain: false }),
});
export interface CleanReply {
  ok: true;
  tookMs: number;
}

/** Private (anonymous) bytes of the container's processes against its limit. */
export interface MemoryReport {
  limitBytes: number;
  usedBytes: number;
  freeBytes: number;
}

/** `stopped`: the initialisation failed or the action's process has ended; only /clean leads out of it. */
export type ContainerState = 'stem' | 'initialised' | 'running' | 'stopped' | 'draining';
export interface SlotReport {
  action: string;
  version: string;
  namespace: string;
  state: 'loading' | 'resident' | 'retained' | 'active' | 'releasing';
  residentBytes: number;
  ageMs: number;
  artifacts: LoadedArtifact[];
}
export interface StatusReply {
  state: ContainerState;
  version: string;
  /** The initialised action, `namespace/name`, or null in a stem cell. */
  action: string | null;
  namespace: string | null;
  /** `own`: every slot runs under a user id of its own; `shared`: all run as the proxy's user, which keeps nothing apart. */
  slotUsers: 'own' | 'shared';
  blankSlotReady: boolean;
  slots: SlotReport[];
  memory: MemoryReport;
}

/** Error body of the routes above: `error` says what is wrong, with the numbers where it is about memory. */
export interface ExtensionErrorReply {
  error: string;
  code: 'busy' | 'cancelled' | 'deadline' | 'memory' | 'artifact' | 'bad-request' | 'forbidden' | 'draining' | 'unavailable';
  predictedBytes?: number;
  memory?: MemoryReport;
}

export { serverTimingHeader } from './server-timing.ts';
