// What a deployment's runtimes manifest says of the kind that this invoker starts containers for.
// Wire facts: core/entity/ExecManifest.scala of Apache OpenWhisk; the whole JSON is in RUNTIMES_MANIFEST.
import { z } from 'zod';
import { AppError } from '../common/errors.ts';
import { bytesOfSize } from '../common/messages/byte-size.ts';

const manifestSchema = z.object({
  runtimes: z.record(
    z.string(),
    z.array(
      z.object({
        kind: z.string(),
        image: z.object({ registry: z.string().optional(), prefix: z.string().optional(), name: z.string(), tag: z.string().optional() }),
        stemCells: z.array(z.object({ initialCount: z.number().int().positive().optional(), count: z.number().int().positive().optional(), memory: z.string() })).optional(),
      }),
    ),
  ),
});

export interface RuntimeOfManifest {
  /** `[registry/][prefix/]name[:tag]`. */
  readonly image: string;
  readonly stemCells: { readonly count: number; readonly memoryBytes: number } | undefined;
}

/** The entry of a kind; undefined when the manifest has none. @throws AppError BAD_OPTION for a manifest that is none */
export function runtimeOfManifest(text: string, kind: string): RuntimeOfManifest | undefined {
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (!parsed.success) throw badManifest(`${parsed.error.issues[0]?.path.join('.') ?? ''}: ${parsed.error.issues[0]?.message ?? 'invalid'}`);
  const entry = Object.values(parsed.data.runtimes)
    .flat()
    .find((candidate) => candidate.kind === kind);
  if (entry === undefined) return undefined;
  const { registry, prefix, name, tag } = entry.image;
  // One size of stem cells is kept; a manifest may name several.
  const [cells] = entry.stemCells ?? [];
  const memoryBytes = cells === undefined ? undefined : bytesOfSize(cells.memory);
  return {
    image: `${registry === undefined ? '' : `${registry.replace(/\/$/, '')}/`}${prefix === undefined ? '' : `${prefix}/`}${name}${tag === undefined ? '' : `:${tag}`}`,
    stemCells: cells === undefined || memoryBytes === undefined ? undefined : { count: cells.initialCount ?? cells.count ?? 1, memoryBytes },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badManifest('not JSON');
  }
}

function badManifest(why: string): AppError {
  return new AppError('BAD_OPTION', `The runtimes manifest cannot be read: ${why}.`, 'Give the JSON text that the controller has in RUNTIMES_MANIFEST.');
}
