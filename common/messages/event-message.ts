// OpenWhisk's user events on the `events` topic. Wire facts: core/connector/Message.scala, EventMessage.
import { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';
import type { WhiskActivation } from './acknowledgement.ts';
import { wireObject } from './wire-object.ts';

export const eventsTopic = 'events';

export const activationEventSchema = wireObject({
  source: z.string(),
  eventType: z.literal('Activation'),
  subject: z.string(),
  namespace: z.string(),
  userId: z.string(),
  timestamp: z.number(),
  body: wireObject({
    name: z.string(),
    activationId: z.string(),
    statusCode: z.number(),
    duration: z.number(),
    waitTime: z.number(),
    initTime: z.number(),
    kind: z.string(),
    conductor: z.boolean().default(false),
    memory: z.number().default(0),
    size: z.number().optional(),
    causedBy: z.string().optional(),
    /** The HTTP status that the action asked for in its result. */
    userDefinedStatusCode: z.number().optional(),
  }),
});
export type ActivationEvent = DeepReadonly<z.infer<typeof activationEventSchema>>;

export const metricEventSchema = wireObject({
  source: z.string(),
  eventType: z.literal('Metric'),
  subject: z.string(),
  namespace: z.string(),
  userId: z.string(),
  timestamp: z.number(),
  body: wireObject({ metricName: z.string(), metricValue: z.number() }),
});
export type MetricEvent = DeepReadonly<z.infer<typeof metricEventSchema>>;
export const eventMessageSchema = z.union([activationEventSchema, metricEventSchema]);
export type EventMessage = DeepReadonly<z.infer<typeof eventMessageSchema>>;

/** Of a result that asks for a status at its top or in its `error`; what is no number asks for 400. */
function userDefinedStatusCodeOf(result: unknown): number | undefined {
  const fieldOf = (value: unknown, field: string): unknown => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined);
  const wanted = fieldOf(fieldOf(result, 'error'), 'statusCode') ?? fieldOf(result, 'statusCode');
  if (wanted === undefined) return undefined;
  const statusCode = typeof wanted === 'string' && wanted.trim() !== '' ? Number(wanted) : wanted;
  return typeof statusCode === 'number' && Number.isInteger(statusCode) ? statusCode : 400;
}

/** The event of a finished activation, or undefined when the record lacks the `path` or `kind` annotation it needs. */
export function activationEventOf(activation: WhiskActivation, source: string, userId: string): ActivationEvent | undefined {
  const annotation = (key: string): unknown => activation.annotations.find((entry) => entry.key === key)?.value;
  const [path, kind] = [annotation('path'), annotation('kind')];
  if (typeof path !== 'string' || typeof kind !== 'string') return undefined;
  const limits = annotation('limits') as { memory?: number } | undefined;
  const causedBy = annotation('causedBy');
  const userDefinedStatusCode = userDefinedStatusCodeOf(activation.response.result);
  return {
    source,
    eventType: 'Activation',
    subject: activation.subject,
    namespace: activation.namespace,
    userId,
    timestamp: activation.end,
    body: {
      name: path,
      activationId: activation.activationId,
      statusCode: activation.response.statusCode,
      duration: activation.duration ?? 0,
      waitTime: Number(annotation('waitTime') ?? 0),
      initTime: Number(annotation('initTime') ?? 0),
      kind,
      conductor: annotation('conductor') === true,
      memory: limits?.memory ?? 0,
      ...(activation.response.size === undefined ? {} : { size: activation.response.size }),
      ...(typeof causedBy === 'string' ? { causedBy } : {}),
      ...(userDefinedStatusCode === undefined ? {} : { userDefinedStatusCode }),
    },
  };
}
