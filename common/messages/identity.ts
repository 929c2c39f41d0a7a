// Scalars and identities that OpenWhisk's Kafka messages share: transaction ids, action names, instances, users.
// Wire facts: openwhisk/common/scala/.../core/entity and core/connector/Message.scala (Apache OpenWhisk 2.0.0).
import { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';
import { wireObject } from './wire-object.ts';

/**
 * `[id, startEpochMs]`, optionally followed by `true` (extra logging) and a parent id. Kept exactly as it came: the
 * controller recognises its health checks by equality with what it sent. What is none is OpenWhisk's own stand-in, as there:
 * an activation does not fail for it.
 */
export const transactionIdSchema = z.tuple([z.string(), z.number()], z.unknown()).catch((): [string, number] => ['sid_unknown', Date.now()]);
export type TransactionId = DeepReadonly<z.infer<typeof transactionIdSchema>>;

/** 32 lower-case hex digits. */
export const activationIdSchema = z.string().regex(/^[0-9a-f]{32}$/, 'an activation id is 32 hex digits');

/** `path` is `namespace` or `namespace/package`. A bare string is an older writer's name without a version. */
export const actionNameSchema = z.preprocess(
  (value) => (typeof value === 'string' ? nameOfDocumentId(value) : value),
  wireObject({
    path: z.string().min(1),
    name: z.string().min(1),
    version: z.string().optional(),
    binding: z.string().optional(),
  }),
);

function nameOfDocumentId(id: string): { path: string; name: string } {
  const slash = id.lastIndexOf('/');
  return { path: id.slice(id.startsWith('/') ? 1 : 0, Math.max(0, slash)), name: id.slice(slash + 1) };
}
export type WireActionName = DeepReadonly<z.infer<typeof actionNameSchema>>;

export const controllerInstanceSchema = wireObject({
  asString: z.string().regex(/^[a-zA-Z0-9._-]{1,128}$/),
  instanceType: z.literal('controller').default('controller'),
});
export type ControllerInstance = DeepReadonly<z.infer<typeof controllerInstanceSchema>>;

/** `userMemory` is a size such as `2147483648 B`; tags and dedicatedNamespaces are required by readers. */
export const invokerInstanceSchema = wireObject({
  instance: z.number().int().nonnegative(),
  userMemory: z.string(),
  instanceType: z.literal('invoker').default('invoker'),
  tags: z.array(z.string()).default([]),
  dedicatedNamespaces: z.array(z.string()).default([]),
  uniqueName: z.string().optional(),
  displayedName: z.string().optional(),
  busyMemory: z.string().optional(),
});
export type InvokerInstance = DeepReadonly<z.infer<typeof invokerInstanceSchema>>;

/** Who invokes. `authkey` is a secret: never log it. */
export const userSchema = wireObject({
  subject: z.string().min(5),
  namespace: wireObject({ name: z.string().min(1), uuid: z.string() }),
  authkey: z.record(z.string(), z.unknown()),
  rights: z.array(z.string()).default([]),
  limits: z.record(z.string(), z.unknown()).default({}),
});
export type User = DeepReadonly<z.infer<typeof userSchema>>;
