// OpenWhisk's user events on the `events` topic. Wire facts: core/connector/Message.scala, EventMessage.
import { z } from 'zod';
import type { WhiskActivation } from './acknowledgement.ts';

export const eventsTopic = 'events';

export const activationEventSchema = z.object({
  source: z.string(),
  eventType: z.literal('Activation'),
  subject: z.string(),
  namespace: z.string(),
  userId: z.string(),
  timestamp: z.number(),
  body: z.object({
    name: z.string(),
    activationId: z.string(),
    statusCode: z.number(),
    duration: z.number(),
    waitTime: z.number(),
    initTime: z.number(),
    kind: z.string(),
    conductor: z.boolean(),
    memory: z.number(),
    size: z.number().optional(),
    causedBy: z.string().optional(),
  }),
});
export type ActivationEvent = z.infer<typeof activationEventSchema>;

export const metricEventSchema = z.object({
  source: z.string(),
  eventType: z.literal('Metric'),
  subject: z.string(),
  namespace: z.string(),
  userId: z.string(),
  timestamp: z.number(),
  body: z.object({ metricName: z.string(), metricValue: z.number() }),
});
export const eventMessageSchema = z.union([activationEventSchema, metricEventSchema]);
export type EventMessage = z.infer<typeof eventMessageSchema>;

/** The event of a finished activation, or undefined when the record lacks the `path` or `kind` annotation it needs. */
export function activationEventOf(activation: WhiskActivation, source: string, userId: string): ActivationEvent | undefined {
  const annotation = (key: string): unknown => activation.annotations.find((entry) => entry.key === key)?.value;
  const [path, kind] = [annotation('path'), annotation('kind')];
  if (typeof path !== 'string' || typeof kind !== 'string') return undefined;
  const limits = annotation('limits') as { memory?: number } | undefined;
  const causedBy = annotation('causedBy');
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
      conductor: false,
      memory: limits?.memory ?? 0,
      ...(activation.response.size === undefined ? {} : { size: activation.response.size }),
      ...(typeof causedBy === 'string' ? { causedBy } : {}),
    },
  };
}
