// What an invoker answers on a controller's `completed` topic: the result, the freed slot, or both at once.
// Wire facts: core/connector/Message.scala, AcknowledgementMessage and WhiskActivation.
import { z } from 'zod';
import { activationIdSchema, invokerInstanceSchema, transactionIdSchema } from './identity.ts';

/** Status codes of an activation: 0 success, 1 application error, 2 action developer error, 3 whisk internal error. */
export const activationStatusTexts = ['success', 'application error', 'action developer error', 'whisk internal error'] as const;
export type ActivationStatusText = (typeof activationStatusTexts)[number];

export const activationResponseSchema = z.object({
  statusCode: z.number().int().min(0).max(3),
  result: z.unknown().optional(),
  size: z.number().int().nonnegative().optional(),
});
export type ActivationResponse = z.infer<typeof activationResponseSchema>;

export const annotationSchema = z.object({ key: z.string(), value: z.unknown() });

/** An activation record. Readers require logs, version, publish and annotations. */
export const whiskActivationSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  subject: z.string(),
  activationId: activationIdSchema,
  /** Epoch milliseconds. */
  start: z.number(),
  end: z.number(),
  /** Includes init. */
  duration: z.number().optional(),
  cause: activationIdSchema.optional(),
  response: activationResponseSchema,
  logs: z.array(z.string()),
  version: z.string(),
  publish: z.boolean(),
  annotations: z.array(annotationSchema),
});
export type WhiskActivation = z.infer<typeof whiskActivationSchema>;

/** `response` is the whole record, or only its id when the record was too large or nobody waits (shrunk). */
const responseOrIdSchema = z.union([activationIdSchema, whiskActivationSchema]);

export const combinedSchema = z.object({
  transid: transactionIdSchema,
  response: responseOrIdSchema,
  isSystemError: z.boolean().default(false),
  instance: invokerInstanceSchema,
});
export const completionSchema = z.object({
  transid: transactionIdSchema,
  activationId: activationIdSchema,
  isSystemError: z.boolean().default(false),
  instance: invokerInstanceSchema,
});
export const resultSchema = z.object({ transid: transactionIdSchema, response: responseOrIdSchema });

/** The three kinds, told apart by their keys as the controller does: instance + response, instance only, response only. */
export const acknowledgementSchema = z.union([combinedSchema, completionSchema, resultSchema]);
export type Combined = z.infer<typeof combinedSchema>;
export type Completion = z.infer<typeof completionSchema>;
export type Result = z.infer<typeof resultSchema>;
export type Acknowledgement = z.infer<typeof acknowledgementSchema>;

/** The topic on which a controller reads its acknowledgements. */
export function completedTopic(controller: string): string {
  return `completed${controller}`;
}

/** Whether this acknowledgement frees the invoker's slot. */
export function freesSlot(ack: Acknowledgement): ack is Combined | Completion {
  return 'instance' in ack;
}

/** The activation an acknowledgement is about. */
export function activationIdOf(ack: Acknowledgement): string {
  if ('activationId' in ack) return ack.activationId;
  return typeof ack.response === 'string' ? ack.response : ack.response.activationId;
}

/** The smaller form of an acknowledgement with a result: the id in place of the record. */
export function shrink<A extends Combined | Result>(ack: A): A {
  return { ...ack, response: activationIdOf(ack) };
}
