// Between the bytes of a record and a checked message. An unreadable record is a value with a reason, never a crash.
import { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';

export type Decoded<T> = { readonly ok: true; readonly message: DeepReadonly<T> } | { readonly ok: false; readonly reason: string };

/** Of each schema the text that was decoded last, and what came of it. */
const lastDecoded = new WeakMap<z.ZodType, { readonly text: string; readonly decoded: Decoded<unknown> }>();

/**
 * Parses a record's JSON and checks it against a message schema; unknown fields are dropped. A tombstone is no message.
 *
 * Where several parts of one process read a topic, they read each record one right after the other: it is parsed and checked
 * once, and they share the message. So nobody may change a message that was decoded.
 */
export function decode<T>(schema: z.ZodType<T>, record: string | null): Decoded<T> {
  if (record === null) return { ok: false, reason: 'a null value' };
  const last = lastDecoded.get(schema);
  if (last?.text === record) return last.decoded as Decoded<T>;
  const decoded = decodeText(schema, record);
  lastDecoded.set(schema, { text: record, decoded });
  return decoded;
}

function decodeText<T>(schema: z.ZodType<T>, record: string): Decoded<T> {
  let json: unknown;
  try {
    json = JSON.parse(record);
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, message: parsed.data as DeepReadonly<T> };
  const issue = parsed.error.issues[0];
  return { ok: false, reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}` };
}

/** Compact JSON; a field that is undefined is left out, as OpenWhisk leaves out an empty Option. */
export function encode(message: unknown): string {
  return JSON.stringify(message);
}
