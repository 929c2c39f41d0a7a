// The message a controller puts on an invoker's topic: run this action with these arguments.
// Wire facts: core/connector/Message.scala, ActivationMessage.
import { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';
import { actionKeyOf, type ActionKey } from '../action-identity.ts';
import { actionNameSchema, activationIdSchema, controllerInstanceSchema, transactionIdSchema, userSchema } from './identity.ts';
import { wireObject } from './wire-object.ts';

export const activationMessageSchema = wireObject({
  transid: transactionIdSchema,
  action: actionNameSchema,
  /** CouchDB revision of the action document: identifies the exact code; null for the health action. */
  revision: z.string().nullable().default(null),
  user: userSchema,
  activationId: activationIdSchema,
  rootControllerIndex: controllerInstanceSchema,
  /** Whether a caller waits for the result. */
  blocking: z.boolean(),
  /** Merged parameters and payload. */
  content: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]).optional(),
  /** Names of parameters that go to /init's environment instead of /run's value. */
  initArgs: z.array(z.string()).default([]),
  /** Encrypted parameters: name to scheme. */
  lockedArgs: z.record(z.string(), z.string()).default({}),
  cause: activationIdSchema.optional(),
  traceContext: z.record(z.string(), z.string()).optional(),
});
export type ActivationMessage = DeepReadonly<z.infer<typeof activationMessageSchema>>;

/** The topic on which invoker `instance` takes its work. */
export function invokerTopic(instance: number): string {
  return `invoker${instance}`;
}

/** Health checks of the controller carry this transaction id; they say nothing about users' arrivals. */
export function isHealthCheck(message: ActivationMessage): boolean {
  return message.transid[0] === 'sid_invokerHealth';
}

/** The key under which the schedulers know the action of a message. */
export function actionKeyOfMessage(message: ActivationMessage): ActionKey {
  const { action, revision, user } = message;
  return actionKeyOf(`${action.path}/${action.name}`, action.version, { revision, namespace: user.namespace.name });
}
