// The list of models that a store is to hold, in a file that an operator writes. Reading it touches nothing else.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../../common/errors.ts';

/** What a model is called, here and in file names: no separators, nothing hidden. */
const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/i, 'has to be letters, digits, dots, dashes and underscores, at most 100');

export const wantedModelSchema = z
  .strictObject({
    name: nameSchema,
    version: nameSchema.default('1'),
    url: z.string(),
    /** Of a file of this machine it may be left out: then the file is taken as it is. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'has to be 64 hexadecimal digits')
      .optional(),
  })
  .refine(({ url, sha256 }) => sha256 !== undefined || url.startsWith('file:'), { message: 'has to be given for what comes over the network', path: ['sha256'] });
export type WantedModel = z.infer<typeof wantedModelSchema>;

const listSchema = z.strictObject({ models: z.array(wantedModelSchema).max(10_000) });

function check<T>(schema: z.ZodType<T>, value: unknown, label: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError('BAD_OPTION', `${label}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is wrong'}.`, 'docs/models.md shows what it takes.');
}

/** @throws AppError BAD_OPTION */
export const parseWantedModel = (value: unknown): WantedModel => check(wantedModelSchema, value, 'The model to pull');

/** @throws AppError BAD_OPTION when the file cannot be read, or is no list */
export async function readRegistryList(file: string): Promise<readonly WantedModel[]> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new AppError('BAD_OPTION', `The list ${file} cannot be read, or is not JSON.`, 'docs/models.md shows what it takes.', { cause });
  }
  return check(listSchema, json, file).models;
}
