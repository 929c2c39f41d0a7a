// One network of a pipeline as the pipeline sees it: named tensors in, named tensors out. Where it runs (this thread or
// another) is the implementer's business.
import type * as OnnxRuntime from 'onnxruntime-node';

export const partNames = ['text_encoder', 'unet', 'vae_decoder'] as const;
export type PartName = (typeof partNames)[number];

export type TensorValues = Float32Array | BigInt64Array | Int32Array;

export interface PlainTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TensorValues;
}
/** The values of a tensor of the type float32. */
export const floatsOf = ({ data }: PlainTensor): Float32Array => data as Float32Array;

export type Tensors = Readonly<Record<string, PlainTensor>>;

/** An input or output; a dimension left open is a name or -1. */
export interface ValueInfo {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface Part {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  run(feeds: Tensors): Promise<Tensors>;
}

/** A part in this thread. */
export function sessionPart(ort: Pick<typeof OnnxRuntime, 'Tensor'>, session: OnnxRuntime.InferenceSession): Part {
  return {
    inputs: session.inputMetadata.map(valueInfo),
    outputs: session.outputMetadata.map(valueInfo),
    async run(feeds) {
      const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type as 'float32', data as Float32Array, dims)] as const);
      const results = await session.run(Object.fromEntries(tensors));
      return Object.fromEntries(Object.entries(results).map(([name, { type, data, dims }]) => [name, { type, data: data as TensorValues, dims: [...dims] }]));
    },
  };
}

function valueInfo(metadata: OnnxRuntime.InferenceSession.ValueMetadata): ValueInfo {
  return metadata.isTensor ? { name: metadata.name, type: metadata.type, shape: [...metadata.shape] } : { name: metadata.name, type: 'no tensor', shape: [] };
}
