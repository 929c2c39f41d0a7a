// The layers that the transformers of the zoo share, over tensors [batch, sequence, features], with PyTorch's parameter
// names. Weights of linear layers are [out, in] there, so each is transposed in the graph; the off-line optimiser folds that away.
import type { GraphBuilder, ValueRange } from '../graph-builder.ts';
import { smallBias } from './layers.ts';

/** `nn.LayerNorm` over the last dimension. */
export function layerNorm(graph: GraphBuilder, name: string, input: string, features: number, epsilon: number, output?: string): string {
  const weight = graph.parameter(`${name}.weight`, [features], { low: 0.9, high: 1.1 });
  const bias = graph.parameter(`${name}.bias`, [features], smallBias);
  return graph.apply('LayerNormalization', [input, weight, bias], { axis: { int: -1 }, epsilon: { float: epsilon } }, output);
}

export interface DenseOptions {
  readonly range: ValueRange;
  readonly hasBias?: boolean;
}

/** `nn.Linear` over the last dimension; `features` are those of the input and of the output. */
export function dense(graph: GraphBuilder, name: string, input: string, features: readonly [number, number], { range, hasBias = true }: DenseOptions): string {
  const [inFeatures, outFeatures] = features;
  const weight = graph.parameter(`${name}.weight`, [outFeatures, inFeatures], range);
  const bias = hasBias ? graph.parameter(`${name}.bias`, [outFeatures], smallBias) : undefined;
  const transposed = graph.apply('Transpose', [weight], { perm: { ints: [1, 0] } });
  const product = graph.apply('MatMul', [input, transposed]);
  return bias === undefined ? product : graph.apply('Add', [product, bias]);
}

/** Query, key and value, projected: [batch, sequence, features]. */
export interface Projected {
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

/** softmax(q·kᵀ / √(features/heads) + mask) · v for each head, merged again to [batch, sequence, features]. */
export function attend(graph: GraphBuilder, { query, key, value }: Projected, features: number, heads: number, mask?: string): string {
  const split = (projected: string, order: readonly number[]): string => {
    const perHead = graph.apply('Reshape', [projected, graph.constant('int64', [0, 0, heads, features / heads])]);
    return graph.apply('Transpose', [perHead], { perm: { ints: order } });
  };
  const queries = split(query, [0, 2, 1, 3]);
  const keys = split(key, [0, 2, 3, 1]);
  const values = split(value, [0, 2, 1, 3]);
  const scale = graph.constant('float32', [Math.sqrt(features / heads)], []);
  const scores = graph.apply('Div', [graph.apply('MatMul', [queries, keys]), scale]);
  const weights = graph.apply('Softmax', [mask === undefined ? scores : graph.apply('Add', [scores, mask])], { axis: { int: -1 } });
  const context = graph.apply('Transpose', [graph.apply('MatMul', [weights, values])], { perm: { ints: [0, 2, 1, 3] } });
  return graph.apply('Reshape', [context, graph.constant('int64', [0, 0, features])]);
}

/** Exact GELU: x · (1 + erf(x / √2)) / 2. */
export function gelu(graph: GraphBuilder, input: string): string {
  const error = graph.apply('Erf', [graph.apply('Div', [input, graph.constant('float32', [Math.SQRT2], [])])]);
  const doubled = graph.apply('Mul', [input, graph.apply('Add', [error, graph.constant('float32', [1], [])])]);
  return graph.apply('Mul', [doubled, graph.constant('float32', [0.5], [])]);
}
