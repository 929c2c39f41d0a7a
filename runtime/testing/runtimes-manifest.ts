// The rules an OpenWhisk controller and invoker hold their runtimes manifest to when they start, as a schema.
import { z } from 'zod';

const imageSchema = z.object({ registry: z.string().optional(), prefix: z.string().optional(), name: z.string().min(1), tag: z.string().optional() });

/** Scala's durations, such as `2 minutes`. */
const durationSchema = z.string().regex(/^\d+ ?(?:ms|milliseconds?|s|seconds?|m|minutes?|h|hours?|d|days?)$/);
/** OpenWhisk's ByteSize, such as `512 MB`. */
const byteSizeSchema = z.string().regex(/^\s?\d+\s?(?:GB|MB|KB|B|G|M|K)\s?$/i);
const positive = z.number().int().positive();

const reactiveSchema = z
  .strictObject({ minCount: z.number().int().nonnegative(), maxCount: positive, ttl: durationSchema, threshold: positive, increment: positive })
  .refine(({ minCount, maxCount }) => minCount <= maxCount, 'minCount may not exceed maxCount')
  .refine(({ increment, maxCount }) => increment <= maxCount, 'increment may not exceed maxCount');

const runtimeSchema = z.object({
  /** Kinds of requests are lower-cased before they are looked up. */
  kind: z.string().regex(/^[a-z0-9]+:[a-z0-9._-]+$/),
  default: z.boolean().default(false),
  deprecated: z.boolean().default(false),
  image: imageSchema,
  attached: z.object({ attachmentName: z.string(), attachmentType: z.string() }).optional(),
  requireMain: z.boolean().optional(),
  sentinelledLogs: z.boolean().default(true),
  stemCells: z.array(z.strictObject({ initialCount: positive, memory: byteSizeSchema, reactive: reactiveSchema.optional() })).optional(),
});

const familySchema = z.array(runtimeSchema).refine((family) => family.length === 1 || family.filter((runtime) => runtime.default).length === 1, 'a family of several kinds has exactly one default');

export const runtimesManifestSchema = z.object({
  runtimes: z.record(z.string(), familySchema),
  blackboxes: z.array(imageSchema).default([]),
});
