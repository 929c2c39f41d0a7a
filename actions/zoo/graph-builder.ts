// Describes a model's graph in plain data: nodes, inputs, outputs, and each weight by name, shape and the range its
// random values are drawn from. It holds no weights and writes nothing; `onnx-writer.ts` does.
import { attributeTypeCodes, elementTypeCodes, type ElementType } from './onnx-schema.ts';

/** Weights are drawn uniformly from [low, high); equal bounds make a constant. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** One initializer, float32, named as in the state dict of the original. */
export interface WeightTensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** False for running statistics, which a state dict carries but a parameter count leaves out. */
  readonly isTrainable: boolean;
  readonly range: ValueRange;
}

/** A dimension is a number, or the name of one that the caller chooses. */
export interface GraphValue {
  readonly name: string;
  readonly elementType: ElementType;
  readonly dims: readonly (number | string)[];
}

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string }
  | { readonly tensor: { readonly elementType: 'int64' | 'float32'; readonly dims: readonly number[]; readonly values: readonly number[] } };

export interface GraphNode {
  readonly opType: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface GraphDescription {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly weights: readonly WeightTensor[];
}

/** Number of values in a tensor of these dimensions. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Trainable parameters, as `sum(p.numel() for p in model.parameters())` counts them in PyTorch. */
export function parameterCount(graph: GraphDescription): number {
  return graph.weights.filter((weight) => weight.isTrainable).reduce((sum, weight) => sum + elementCount(weight.dims), 0);
}

/** Bytes of all weights, running statistics included. */
export function weightBytes(graph: GraphDescription): number {
  return graph.weights.reduce((sum, weight) => sum + elementCount(weight.dims) * Float32Array.BYTES_PER_ELEMENT, 0);
}

/** Collects a graph; each method returns the name of the value it made, to be the input of the next. */
export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: GraphNode[] = [];
  readonly #inputs: GraphValue[] = [];
  readonly #outputs: GraphValue[] = [];
  readonly #weights: WeightTensor[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  input(name: string, elementType: ElementType, dims: readonly (number | string)[]): string {
    this.#inputs.push({ name, elementType, dims });
    return name;
  }

  /** Declares the value `name`, made by {@link apply} under that name, an output of the graph. */
  output(name: string, elementType: ElementType, dims: readonly (number | string)[]): void {
    this.#outputs.push({ name, elementType, dims });
  }

  parameter(name: string, dims: readonly number[], range: ValueRange): string {
    this.#weights.push({ name, dims, isTrainable: true, range });
    return name;
  }

  statistic(name: string, dims: readonly number[], range: ValueRange): string {
    this.#weights.push({ name, dims, isTrainable: false, range });
    return name;
  }

  /** A constant of the computation (a shape, a scale). Not an initializer, so that initializers are the state dict and nothing else. */
  constant(elementType: 'int64' | 'float32', values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.apply('Constant', [], { value: { tensor: { elementType, dims, values } } });
  }

  apply(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, output?: string): string {
    const name = `${opType}_${this.#nodes.length}`;
    const made = output ?? `${name}_output`;
    this.#nodes.push({ opType, name, inputs, output: made, attributes });
    return made;
  }

  build(): GraphDescription {
    return { name: this.#name, nodes: this.#nodes, inputs: this.#inputs, outputs: this.#outputs, weights: this.#weights };
  }
}

function attributeMessage(name: string, attribute: Attribute): Record<string, unknown> {
  if ('int' in attribute) return { name, type: attributeTypeCodes.int, i: attribute.int };
  if ('float' in attribute) return { name, type: attributeTypeCodes.float, f: attribute.float };
  if ('ints' in attribute) return { name, type: attributeTypeCodes.ints, ints: [...attribute.ints] };
  if ('text' in attribute) return { name, type: attributeTypeCodes.text, s: new TextEncoder().encode(attribute.text) };
  const { elementType, dims, values } = attribute.tensor;
  const typed = elementType === 'int64' ? BigInt64Array.from(values.map(BigInt)) : Float32Array.from(values);
  const tensor = { dims: [...dims], data_type: elementTypeCodes[elementType], raw_data: new Uint8Array(typed.buffer) };
  return { name, type: attributeTypeCodes.tensor, t: tensor };
}

function valueMessage({ name, elementType, dims }: GraphValue): Record<string, unknown> {
  const dim = dims.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size }));
  return { name, type: { tensor_type: { elem_type: elementTypeCodes[elementType], shape: { dim } } } };
}

/** The GraphProto of a description, without its initializers, as protobufjs takes it. */
export function graphMessage(graph: GraphDescription): Record<string, unknown> {
  return {
    name: graph.name,
    node: graph.nodes.map(({ opType, name, inputs, output, attributes }) => ({
      op_type: opType,
      name,
      input: [...inputs],
      output: [output],
      attribute: Object.entries(attributes).map(([key, attribute]) => attributeMessage(key, attribute)),
    })),
    input: graph.inputs.map(valueMessage),
    output: graph.outputs.map(valueMessage),
  };
}
