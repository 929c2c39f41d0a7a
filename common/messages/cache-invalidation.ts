// What controllers tell each other when an entity is created, updated or deleted, on the `cacheInvalidation` topic.
// Wire facts: core/database/RemoteCacheInvalidation.scala.
import { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';

export const cacheInvalidationTopic = 'cacheInvalidation';

export const cacheInvalidationSchema = z.object({
  /** `namespace[/package]/name`. */
  key: z.object({ mainId: z.string().min(1) }),
  instanceId: z.string(),
});
export type CacheInvalidation = DeepReadonly<z.infer<typeof cacheInvalidationSchema>>;
