// What the invoker plugin publishes: which artifacts are resident where, and what loading them costs, on a compacted
// topic keyed by `invoker/container`; a container that is gone is a null record.
import { z } from 'zod';
import type { DeepReadonly } from '../common/deep-readonly.ts';

/** Topic of the residency reports; compacted. */
export const residencyTopic = 'instainfer-residency';

export const residencySchema = z.object({
  formatVersion: z.literal(1),
  invoker: z.number().int().nonnegative(),
  /** Names one life of the invoker's process; what an earlier life reported is void. */
  life: z.string().default(''),
  containerId: z.string(),
  at: z.number(),
  /** Whether an activation would find it free. */
  idle: z.boolean().default(false),
  /** Activations of its own action that it would take at once; where it is not there, one exactly when it is idle. */
  ownSlots: z.number().int().nonnegative().optional(),
  /** The action the container is initialised for; its artifacts are there too. */
  ownActionKey: z.string().nullable(),
  /** Action keys whose artifacts are resident, with their private bytes. */
  resident: z.array(z.object({ actionKey: z.string(), residentBytes: z.number().nonnegative() })),
  usedBytes: z.number().nonnegative(),
  limitBytes: z.number().positive(),
});
export type Residency = DeepReadonly<z.infer<typeof residencySchema>>;
