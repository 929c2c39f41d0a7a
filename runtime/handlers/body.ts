// Parses request bodies: bytes to a value of a schema.
import { z } from 'zod';
import { ExtensionError } from '../extension-error.ts';

/** The body as express.raw leaves it: undefined when the request had none. */
export const bytesOf = (body: unknown): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));

/** @throws ExtensionError bad-request saying which field is wrong */
export function parseBody<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  let json: unknown;
  try {
    const text = bytesOf(body).toString('utf8');
    json = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new ExtensionError('bad-request', 'The body is not JSON.');
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new ExtensionError('bad-request', z.prettifyError(parsed.error).replaceAll('\n', ' '));
  return parsed.data;
}
