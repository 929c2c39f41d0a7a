// What an invoker answers on a controller's `completed` topic: the result, the freed slot, or both at once.
// Wire facts: core/connector/Message.scala, AcknowledgementMessage and WhiskActivation.
import { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';
import { activationIdSchema, invokerInstanceSchema, transactionIdSchema } from './identity.ts';
import { wireObject } from './wire-object.ts';

/** Status codes of an activation: 0 success, 1 application error, 2 action developer error, 3 whisk internal error. */
export const activationStatusTexts = ['success', 'application error', 'action developer error', 'whisk internal error'] as const;
export type ActivationStatusText = (typeof activationStatusTexts)[number];

export const activationResponseSchema = wireObject({
  statusCode: z.number().int().min(0).max(3),
  result: z.unknown().optional(),
  size: z.number().int().nonnegative().optional(),
});
export type ActivationResponse = DeepReadonly<z.infer<typeof activationResponseSchema>>;

/** A parameter or annotation: `init` marks what goes to /init only, `encryption` names the scheme of a locked value. */
export const parameterSchema = z.object({ key: z.string(), value: z.unknown(), init: z.boolean().optional(), encryption: z.string().optional() });

/** Epoch milliseconds; an ISO 8601 text is read too. */
const instantSchema = z.union([z.number(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))]);

/** An activation record. Readers require logs, version, publish and annotations. */
export const whiskActivationSchema = wireObject({
  namespace: z.string(),
  name: z.string(),
  subject: z.string(),
  activationId: activationIdSchema,
  /** Epoch milliseconds. */
  start: instantSchema,
  end: instantSchema,
  /** Includes init. */
  duration: z.number().optional(),
  cause: activationIdSchema.optional(),
  response: activationResponseSchema,
  logs: z.array(z.string()),
  version: z.string(),
  publish: z.boolean(),
  annotations: z.array(parameterSchema),
});
export type WhiskActivation = DeepReadonly<z.infer<typeof whiskActivationSchema>>;

/** `response` is the whole record, or only its id when the record was too large or nobody waits (shrunk). */
const responseOrIdSchema = z.union([activationIdSchema, whiskActivationSchema]);

export const combinedSchema = wireObject({
  transid: transactionIdSchema,
  response: responseOrIdSchema,
  isSystemError: z.boolean().default(false),
  instance: invokerInstanceSchema,
});
export const completionSchema = wireObject({
  transid: transactionIdSchema,
  activationId: activationIdSchema,
  isSystemError: z.boolean().default(false),
  instance: invokerInstanceSchema,
});
export const resultSchema = wireObject({ transid: transactionIdSchema, response: responseOrIdSchema });

/**
 * The three kinds, told apart by their keys as the controller does: instance + response, instance only, response only. By
 * the keys alone: a combined message whose instance is broken is unreadable and not a result.
 */
export const acknowledgementSchema: z.ZodType<Acknowledgement> = z.looseObject({}).transform((value, context): Acknowledgement => {
  const kind = 'instance' in value ? ('response' in value ? combinedSchema : completionSchema) : resultSchema;
  const parsed = kind.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message });
  return z.NEVER;
});
export type Combined = DeepReadonly<z.infer<typeof combinedSchema>>;
export type Completion = DeepReadonly<z.infer<typeof completionSchema>>;
export type Result = DeepReadonly<z.infer<typeof resultSchema>>;
export type Acknowledgement = Combined | Completion | Result;

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
