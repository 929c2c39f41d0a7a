// What invokers say to each other: how they stand, which activations they offer each other, and who takes them.
import { z } from 'zod';
import type { DeepReadonly } from '../../common/deep-readonly.ts';
import { activationMessageSchema } from '../../common/messages/activation-message.ts';
import { activationIdSchema, invokerInstanceSchema } from '../../common/messages/identity.ts';

/** How each invoker stands; compacted, keyed by its number. A stopped one's record is deleted. */
export const standingTopic = 'instainfer-invokers';

export const standingSchema = z.object({
  formatVersion: z.literal(1),
  invoker: z.number().int().nonnegative(),
  /** Names one life of the invoker's process: what an earlier life reported is void. */
  life: z.string().min(1),
  /** Epoch ms, by the invoker's clock. */
  startedAt: z.number(),
  at: z.number(),
  /** Activations that wait for a container, and that are in one. */
  queued: z.number().int().nonnegative(),
  running: z.number().int().nonnegative(),
  /** Whether it takes activations that others offer. */
  takesOffers: z.boolean(),
});
export type Standing = DeepReadonly<z.infer<typeof standingSchema>>;

/**
 * Offers and what becomes of them: one topic with one partition, so that all invokers read them in the same order. The first
 * claim on an activation decides, and nobody acts on a claim of its own before it has read it there.
 */
export const forwardTopic = 'instainfer-forward';
/** An offer is worthless after seconds. */
export const forwardTopicSettings = { partitions: 1, retentionMs: 600_000 } as const;
/** Larger activations stay where they are: every invoker reads every offer. */
export const mostForwardedBytes = 128 * 1024;

/** The activation as its controller sent it, with a field that a stock invoker would pass over. */
export const offerSchema = activationMessageSchema.and(
  z.object({
    instainferForward: z.object({
      formatVersion: z.literal(1),
      /** Acknowledged in this one's name: it is the one whose memory the controller has booked. */
      origin: invokerInstanceSchema,
      receiver: z.number().int().nonnegative(),
      receiverLife: z.string(),
    }),
  }),
);
export type Offer = DeepReadonly<z.infer<typeof offerSchema>>;

export const claimKinds = ['taken', 'refused', 'reclaimed'] as const;
/** `taken`, `refused`: by the receiver. `reclaimed`: by the origin, which heard neither in time. */
export type ClaimKind = (typeof claimKinds)[number];
export const claimSchema = z.object({
  formatVersion: z.literal(1),
  claim: z.enum(claimKinds),
  activationId: activationIdSchema,
  invoker: z.number().int().nonnegative(),
  life: z.string(),
});
export type Claim = DeepReadonly<z.infer<typeof claimSchema>>;

export const forwardRecordSchema = z.union([claimSchema, offerSchema]);
