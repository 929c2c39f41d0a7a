// The settings with which OpenWhisk's own parts create the topics of the sharding protocol, for whoever of us comes first.
// Wire facts: common/scala/src/main/resources/application.conf, whisk.kafka.topics (Apache OpenWhisk 2.0.0).
import type { TopicSettings } from '../bus/bus.ts';

/** `whisk.activation.kafka.payload.max` (1 MiB) plus `serdes-overhead`. */
export const maxActivationMessageBytes = 1_054_644;

const segments = { segmentBytes: 536_870_912, retentionBytes: 1_073_741_824 } as const;

export const openWhiskTopicSettings = {
  /** `invoker<N>`, created by the invoker at its start. */
  invoker: { ...segments, partitions: 1, retentionMs: 172_800_000, maxMessageBytes: maxActivationMessageBytes },
  /** `completed<C>`, created by the controller. */
  completed: { ...segments, partitions: 1, retentionMs: 3_600_000, maxMessageBytes: maxActivationMessageBytes },
  /** `health`, `cacheInvalidation` and `events`, created by the controller. */
  health: { ...segments, partitions: 1, retentionMs: 3_600_000 },
  cacheInvalidation: { ...segments, partitions: 1, retentionMs: 300_000 },
  events: { ...segments, partitions: 1, retentionMs: 3_600_000 },
} as const satisfies Record<string, TopicSettings>;

/** Our own topics of the newest word on each key: plans, residency. */
export const compactedTopicSettings = { partitions: 1, compacted: true } as const satisfies TopicSettings;
