// Scalars and identities that OpenWhisk's Kafka messages share: transaction ids, action names, instances, users.
// Wire facts: openwhisk/common/scala/.../core/entity and core/connector/Message.scala (Apache OpenWhisk 2.0.0).
import { z } from 'zod';

/**
 * `[id, startEpochMs]`, optionally followed by `true` (extra logging) and a parent id. Kept exactly as it came: the
 * controller recognises its health checks by equality with what it sent.
 */
export const transactionIdSchema = z.tuple([z.string(), z.number()], z.unknown());
export type TransactionId = z.infer<typeof transactionIdSchema>;

/** 32 lower-case hex digits. */
export const activationIdSchema = z.string().regex(/^[0-9a-f]{32}$/, 'an activation id is 32 hex digits');

/** `path` is `namespace` or `namespace/package`. */
export const actionNameSchema = z.object({
  path: z.string().min(1),
  name: z.string().min(1),
  version: z.string().optional(),
  binding: z.string().optional(),
});
export type WireActionName = z.infer<typeof actionNameSchema>;

export const controllerInstanceSchema = z.object({
  asString: z.string().regex(/^[a-zA-Z0-9._-]{1,128}$/),
  instanceType: z.literal('controller').default('controller'),
});
export type ControllerInstance = z.infer<typeof controllerInstanceSchema>;

/** `userMemory` is a size such as `2147483648 B`; tags and dedicatedNamespaces are required by readers. */
export const invokerInstanceSchema = z.object({
  instance: z.number().int().nonnegative(),
  userMemory: z.string(),
  instanceType: z.literal('invoker').default('invoker'),
  tags: z.array(z.string()).default([]),
  dedicatedNamespaces: z.array(z.string()).default([]),
  uniqueName: z.string().optional(),
  displayedName: z.string().optional(),
});
export type InvokerInstance = z.infer<typeof invokerInstanceSchema>;

/** Who invokes. `authkey` is a secret: never log it. */
export const userSchema = z.object({
  subject: z.string().min(5),
  namespace: z.object({ name: z.string().min(1), uuid: z.string() }),
  authkey: z.record(z.string(), z.unknown()),
  rights: z.array(z.string()).default([]),
  limits: z.record(z.string(), z.unknown()).default({}),
});
export type User = z.infer<typeof userSchema>;
