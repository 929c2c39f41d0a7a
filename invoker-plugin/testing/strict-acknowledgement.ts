// Reads acknowledgements and pings as the Scala controller does: a field that is required there and missing here makes
// the record unreadable, whatever its meaning would be. Kinds are told apart by their keys alone.
// Wire facts: spray-json's case class formats; core/connector/Message.scala, core/entity/{InstanceId,WhiskActivation}.scala.
import { z } from 'zod';

const transactionIdSchema = z.tuple([z.string(), z.number()], z.unknown());
const activationIdSchema = z.string().regex(/^[0-9a-f]{32}$/);
export const strictInstanceSchema = z.object({
  instance: z.number().int().nonnegative(),
  userMemory: z.string().regex(/^\s?\d+\s?(GB|MB|KB|B|G|M|K)\s?$/i),
  instanceType: z.literal('invoker'),
  tags: z.array(z.string()),
  dedicatedNamespaces: z.array(z.string()),
  uniqueName: z.string().nullish(),
  displayedName: z.string().nullish(),
});
const activationSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  subject: z.string().min(5),
  activationId: activationIdSchema,
  start: z.number().int(),
  end: z.number().int(),
  response: z.object({ statusCode: z.number().int().min(0).max(3), result: z.unknown(), size: z.number().int().optional() }),
  logs: z.array(z.string()),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  publish: z.boolean(),
  annotations: z.array(z.object({ key: z.string(), value: z.unknown() })),
  cause: activationIdSchema.nullish(),
  duration: z.number().int().nullish(),
});
export type StrictActivation = z.infer<typeof activationSchema>;
const responseSchema = z.union([activationIdSchema, activationSchema]);

const resultSchema = z.object({ transid: transactionIdSchema, response: responseSchema });
const completionSchema = z.object({ transid: transactionIdSchema, activationId: activationIdSchema, isSystemError: z.boolean().nullish(), instance: strictInstanceSchema });
const combinedSchema = z.object({ transid: transactionIdSchema, response: responseSchema, isSystemError: z.boolean().nullish(), instance: strictInstanceSchema });

export type StrictAcknowledgement =
  | ({ readonly kind: 'result' } & z.infer<typeof resultSchema>)
  | ({ readonly kind: 'completion' } & z.infer<typeof completionSchema>)
  | ({ readonly kind: 'combined' } & z.infer<typeof combinedSchema>);

/** @throws when the controller would log the record and drop it */
export function readStrictly(record: string): StrictAcknowledgement {
  const json = JSON.parse(record) as object;
  if ('instance' in json && 'response' in json) return { kind: 'combined', ...combinedSchema.parse(json) };
  if ('instance' in json) return { kind: 'completion', ...completionSchema.parse(json) };
  return { kind: 'result', ...resultSchema.parse(json) };
}

export const strictPingSchema = z.object({ name: strictInstanceSchema, isEnabled: z.boolean().nullish() });
