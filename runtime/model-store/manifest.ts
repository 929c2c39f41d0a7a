// The model store on disk: one folder with `manifest.json` and, for each model, its plain ONNX file and its loading
// form. This file is the schema and its reader; building is the zoo's work, opening is `open-model.ts`'s.
import path from 'node:path';
import { z } from 'zod';
import { AppError } from '../../common/errors.ts';
import { manifestFileName, readManifestFile } from './manifest-file.ts';

export { filesOfModel, findModel, manifestFileName, referenceOf } from './manifest-file.ts';

/** A file of the store: `path` is relative to the store's folder. */
export const storedFileSchema = z.object({
  path: z.string().min(1),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type StoredFile = z.infer<typeof storedFileSchema>;

/** One input tensor of the warm-up run: zeros of these dimensions unless `fill` says otherwise. */
export const sampleInputSchema = z.object({
  type: z.enum(['float32', 'int64', 'int32', 'bool']),
  dims: z.array(z.number().int().positive()),
  fill: z.number().default(0),
});
export type SampleInput = z.infer<typeof sampleInputSchema>;

/** ONNX Runtime session options of one way to open a file; keys as onnxruntime-node takes them, `extra` included. */
export const sessionOptionsSchema = z.record(z.string(), z.unknown());

/**
 * The loading form: files made off line for one ONNX Runtime version and one set of CPU features (`key`), and the two
 * ways to open them: `onPath` loads fastest (a call is waiting), `ahead` runs at full speed (nobody waits).
 */
export const loadingFormSchema = z.object({
  key: z.string(),
  kind: z.enum(['external-data', 'ort-format', 'external-data-prepacked']),
  files: z.array(storedFileSchema).min(1),
  onPath: z.object({ file: z.string(), sessionOptions: sessionOptionsSchema }),
  ahead: z.object({ file: z.string(), sessionOptions: sessionOptionsSchema }),
  /** Medians measured when the form was chosen, in a ready slot, page cache warm. */
  measured: z.object({
    onPathLoadMs: z.number(),
    aheadLoadMs: z.number(),
    firstRunMs: z.number(),
    steadyRunMs: z.number(),
    privateBytes: z.number(),
  }),
  /** Everything that was measured to choose, the plain file opened with defaults first: medians, and the least of times. */
  candidates: z
    .array(
      z.object({
        form: z.enum(['plain', 'external-data', 'ort-format', 'external-data-prepacked']),
        packing: z.enum(['packed', 'unpacked']),
        loadMs: z.number(),
        firstRunMs: z.number(),
        steadyRunMs: z.number(),
        fastestRunMs: z.number(),
        leastLoadCpuMs: z.number(),
        leastRunCpuMs: z.number(),
        privateBytes: z.number(),
      }),
    )
    .optional(),
});
export type LoadingForm = z.infer<typeof loadingFormSchema>;

export const storedModelSchema = z.object({
  name: z.string().min(1),
  version: z.string().min(1),
  parameterCount: z.number().int().positive(),
  /** The plain ONNX file: what `InferenceSession.create(path)` takes, and the fall-back where no form fits. */
  plain: storedFileSchema,
  /** Files beside the plain one that hold its weights, where it is too large for one file. */
  externalData: z.array(storedFileSchema).optional(),
  form: loadingFormSchema.optional(),
  sampleInputs: z.record(z.string(), sampleInputSchema),
  /** Other files an action may want, such as a tokenizer's vocabulary. */
  attachments: z.array(storedFileSchema).default([]),
  /** Where the weights are from: a seed, or the name of an imported file. Absent in stores that the zoo did not build. */
  origin: z
    .object({
      size: z.enum(['full', 'small']),
      seed: z.number().int().optional(),
      importedFrom: z.string().optional(),
    })
    .optional(),
});
export type StoredModel = z.infer<typeof storedModelSchema>;

/**
 * Models that work together, in the folder layout of diffusers: `folder` holds `model_index.json`, a folder for each part
 * with its `model.onnx`, `tokenizer/` and `scheduler/`. Each part is listed among the models too, as `<name>/<part>`.
 */
export const storedPipelineSchema = z.object({
  name: z.string().min(1),
  version: z.string().min(1),
  folder: z.string().min(1),
  parts: z.array(z.string().min(1)).min(1),
  /** What is not a model: the index, the tokenizer's files, the scheduler's configuration. */
  files: z.array(storedFileSchema),
});
export type StoredPipeline = z.infer<typeof storedPipelineSchema>;

export const manifestSchema = z.object({
  formatVersion: z.literal(1),
  models: z.array(storedModelSchema),
  pipelines: z.array(storedPipelineSchema).optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;

/**
 * Reads and checks the manifest of a store.
 * @throws AppError MODEL_STORE_MISSING when there is none, MODEL_CORRUPT when it is not a manifest.
 */
export async function readManifest(storeDir: string): Promise<Manifest> {
  const parsed = manifestSchema.safeParse(await readManifestFile(storeDir));
  if (!parsed.success) {
    throw new AppError('MODEL_CORRUPT', `${path.join(storeDir, manifestFileName)} is not a manifest: ${z.prettifyError(parsed.error).split('\n')[0]}.`, 'Delete that folder and build it again: npm run models -- build');
  }
  return parsed.data;
}
