// How OpenWhisk's JSON leaves things out: an empty Option is missing when it writes, and null is read as missing too.
import { z } from 'zod';

function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

/** An object schema for which a field that is null is a field that is missing; unknown fields are dropped. */
export function wireObject<Shape extends z.ZodRawShape>(shape: Shape): z.ZodPreprocess<z.ZodObject<Shape>> {
  return z.preprocess(withoutNulls, z.object(shape));
}
