// The heartbeat an invoker sends on the `health` topic every second. Wire facts: core/connector/Message.scala.
import { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';
import { invokerInstanceSchema } from './identity.ts';
import { wireObject } from './wire-object.ts';

export const healthTopic = 'health';

export const pingMessageSchema = wireObject({ name: invokerInstanceSchema, isEnabled: z.boolean().default(true) });
export type PingMessage = DeepReadonly<z.infer<typeof pingMessageSchema>>;
