// Looks into an ONNX file that somebody else has made: what inputs it wants, how many weights it has, and whether it would
// read other files. It does not say whether the model runs; ONNX Runtime does.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../../common/errors.ts';
import type { SampleInput } from '../../runtime/model-store/manifest.ts';
import { elementTypeCodes, modelProto, type ElementType } from '../zoo/onnx-schema.ts';

export interface OnnxSummary {
  readonly parameterCount: number;
  readonly hasMatrixProducts: boolean;
  /** Zeros of each input's shape; a dimension left open is 1. */
  readonly sampleInputs: Readonly<Record<string, SampleInput>>;
}

const tensorSchema = z.object({ dims: z.array(z.coerce.number()).default([]), name: z.string().default(''), external_data: z.array(z.unknown()).default([]), data_location: z.number().default(0) });
type Tensor = z.infer<typeof tensorSchema>;
const valueSchema = z.object({
  name: z.string(),
  type: z.object({ tensor_type: z.object({ elem_type: z.number().default(0), shape: z.object({ dim: z.array(z.object({ dim_value: z.coerce.number().optional() })).default([]) }).default({ dim: [] }) }).optional() }).optional(),
});
const graphSchema = z.object({
  node: z.array(z.object({ op_type: z.string().default('') })).default([]),
  initializer: z.array(tensorSchema).default([]),
  input: z.array(valueSchema).default([]),
});

const corrupt = (file: string, problem: string, cause?: unknown): AppError => new AppError('MODEL_CORRUPT', `${file} ${problem}.`, 'Export it again as one ONNX file.', { cause });

/** Whether any tensor, in whatever corner of the file, lies in another file: that one could be any file of this machine. */
function readsOtherFiles(part: unknown): boolean {
  if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) return false;
  if (Array.isArray(part)) return part.some(readsOtherFiles);
  return Object.entries(part).some(([name, value]) => (name === 'external_data' && Array.isArray(value) && value.length > 0) || (name === 'data_location' && value !== 0) || readsOtherFiles(value));
}

const typeNames = new Map<number, ElementType>(Object.entries(elementTypeCodes).map(([name, code]) => [code, name as ElementType]));

function sampleOf(file: string, { name, type }: z.infer<typeof valueSchema>): SampleInput {
  const tensor = type?.tensor_type;
  const elementType = typeNames.get(tensor?.elem_type ?? 0);
  if (tensor === undefined || elementType === undefined) throw corrupt(file, `has an input ${name} that is no tensor of ${[...typeNames.values()].join(', ')}`);
  return { type: elementType, dims: tensor.shape.dim.map(({ dim_value: value }) => (value !== undefined && value > 0 ? value : 1)), fill: 0 };
}

const elementsOf = ({ dims }: Tensor): number => dims.reduce((product, dim) => product * dim, 1);

/**
 * @param label what to call the file in messages
 * @throws AppError MODEL_CORRUPT
 */
export async function summariseOnnx(file: string, label: string): Promise<OnnxSummary> {
  let decoded: unknown;
  try {
    decoded = modelProto.toObject(modelProto.decode(await readFile(file)), { longs: Number });
  } catch (cause) {
    throw corrupt(label, 'is no ONNX file', cause);
  }
  if (readsOtherFiles(decoded)) throw corrupt(label, 'keeps weights in other files, which are not pulled');
  const parsed = z.object({ graph: graphSchema }).safeParse(decoded);
  if (!parsed.success) throw corrupt(label, 'is no ONNX file');
  const { node, initializer, input } = parsed.data.graph;
  const weights = new Set(initializer.map(({ name }) => name));
  return {
    // A model without weights counts as one of one: the manifest knows no less.
    parameterCount: Math.max(1, initializer.reduce((sum, tensor) => sum + elementsOf(tensor), 0)),
    hasMatrixProducts: node.some(({ op_type: operation }) => operation === 'MatMul'),
    sampleInputs: Object.fromEntries(input.filter(({ name }) => !weights.has(name)).map((value) => [value.name, sampleOf(label, value)])),
  };
}
