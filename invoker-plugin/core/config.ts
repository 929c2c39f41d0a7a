// What an operator can set of the scheduler, in base units and with nothing optional.

export const prewarmPolicies = ['none', 'stemcell', 'pagurus'] as const;
/** `none`: keep-alive only. `stemcell`: stock stem cells. `pagurus`: stem cells, and idle containers become zygotes. */
export type PrewarmPolicy = (typeof prewarmPolicies)[number];

export interface SchedulerConfig {
  /** Memory of the pool; the limits of all containers together never exceed it. */
  readonly poolMemoryBytes: number;
  readonly prewarmPolicy: PrewarmPolicy;
  /** Whether artifacts are loaded ahead at all. */
  readonly preload: boolean;
  /** How long an idle container is kept for its own action, where no plan says otherwise. */
  readonly keepAliveMs: number;
  /** How long a zygote (or stem cell above the count) is kept after that. */
  readonly zygoteWindowMs: number;
  /** Stem cells kept ready under `stemcell` and `pagurus`. */
  readonly stemCellCount: number;
  /** Memory limit of a stem cell; a stem cell serves only actions of exactly this limit (OpenWhisk's rule). */
  readonly stemCellMemoryBytes: number;
  /** Loads ahead of time that may run at once on this host. */
  readonly maxConcurrentLoads: number;
  /** Horizon over which an arrival counts towards a resident artifact's value. */
  readonly valueHorizonMs: number;
  /** What comes in must be worth at least this many times what it evicts. */
  readonly evictionHysteresis: number;
  /** Memory of a container that loads ahead leave free for activations, as a share of its limit. */
  readonly headroomShare: number;
  /** Share of the pool that pinned places may take together. */
  readonly mostPinnedShare: number;
  /** How fast model files are read ahead of loads; 0: not at all. */
  readonly readAheadBytesPerSecond: number;
  /** What a GiB of containers held for a second has to save, in ms of startup, with pre-loading; 0: what is free of the pool costs nothing. */
  readonly memoryPriceMsPerGibSecond: number;
  /** Activations that may wait; the next one fails. */
  readonly maxQueuedActivations: number;
}

/** How loads ahead are weighed wherever nobody sets it otherwise: live, in the demo and in the lab. */
export const usualWeighing = { valueHorizonMs: 60_000, evictionHysteresis: 1.2, headroomShare: 0.1, mostPinnedShare: 0.25, readAheadBytesPerSecond: 100e6, memoryPriceMsPerGibSecond: 1 } as const satisfies Partial<SchedulerConfig>;
