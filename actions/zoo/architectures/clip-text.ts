// The text encoder of Stable Diffusion 1.x: the text half of CLIP ViT-L/14 (Radford et al. 2021), with a causal mask, quick
// GELU and the parameter names of transformers' CLIPTextModel.
import { GraphBuilder } from '../graph-builder.ts';
import type { Architecture, ArchitectureSize } from './architecture.ts';
import { linearRange } from './layers.ts';
import { attend, dense, layerNorm } from './transformer-layers.ts';

export interface ClipTextShape {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
}

export const clipTextShapes: Record<ArchitectureSize, ClipTextShape> = {
  full: { hidden: 768, layers: 12, heads: 12, intermediate: 3072 },
  small: { hidden: 16, layers: 2, heads: 2, intermediate: 64 },
};

/** The published vocabulary's size also in `small`, so that the token ids of a real tokenizer are valid there. */
export const clipVocabularySize = 49_408;
export const clipMaxTokens = 77;
const layerNormEpsilon = 1e-5;
/** Larger than CLIP's initial 0.02: with untrained weights, prompts should differ. */
const embeddingRange = { low: -0.5, high: 0.5 };
const lowestFloat = -3.4028234663852886e38;

function embeddings(graph: GraphBuilder, ids: string, hidden: number): string {
  const words = graph.apply('Gather', [graph.parameter('text_model.embeddings.token_embedding.weight', [clipVocabularySize, hidden], embeddingRange), ids]);
  const table = graph.parameter('text_model.embeddings.position_embedding.weight', [clipMaxTokens, hidden], embeddingRange);
  const length = graph.apply('Slice', [graph.apply('Shape', [ids]), graph.constant('int64', [1]), graph.constant('int64', [2])]);
  const positions = graph.apply('Slice', [table, graph.constant('int64', [0]), length, graph.constant('int64', [0])]);
  return graph.apply('Add', [words, positions]);
}

/** [sequence, sequence]: the lowest float where a token would look at a later one, 0 elsewhere. */
function causalMask(graph: GraphBuilder, ids: string): string {
  const length = graph.apply('Slice', [graph.apply('Shape', [ids]), graph.constant('int64', [1]), graph.constant('int64', [2])]);
  const square = graph.apply('Concat', [length, length], { axis: { int: 0 } });
  const lowest = graph.apply('ConstantOfShape', [square], { value: { tensor: { elementType: 'float32', dims: [1], values: [lowestFloat] } } });
  return graph.apply('Trilu', [lowest, graph.constant('int64', [1], [])], { upper: { int: 1 } });
}

/** x · sigmoid(1.702 x), the approximation of GELU that CLIP was trained with. */
function quickGelu(graph: GraphBuilder, input: string): string {
  const scaled = graph.apply('Mul', [input, graph.constant('float32', [1.702], [])]);
  return graph.apply('Mul', [input, graph.apply('Sigmoid', [scaled])]);
}

function encoderLayer(graph: GraphBuilder, name: string, input: string, mask: string, { hidden, heads, intermediate }: ClipTextShape): string {
  const options = { range: linearRange(hidden) };
  const normed = layerNorm(graph, `${name}.layer_norm1`, input, hidden, layerNormEpsilon);
  const project = (part: string): string => dense(graph, `${name}.self_attn.${part}_proj`, normed, [hidden, hidden], options);
  const context = attend(graph, { query: project('q'), key: project('k'), value: project('v') }, hidden, heads, mask);
  const attended = graph.apply('Add', [input, dense(graph, `${name}.self_attn.out_proj`, context, [hidden, hidden], options)]);
  const again = layerNorm(graph, `${name}.layer_norm2`, attended, hidden, layerNormEpsilon);
  const wide = quickGelu(graph, dense(graph, `${name}.mlp.fc1`, again, [hidden, intermediate], options));
  return graph.apply('Add', [attended, dense(graph, `${name}.mlp.fc2`, wide, [intermediate, hidden], { range: linearRange(intermediate) })]);
}

/** The state at the end of each text: the end's id is the largest, and the first one counts. [batch, hidden]. */
function pooled(graph: GraphBuilder, states: string, ids: string): void {
  const wide = graph.apply('Cast', [ids], { to: { int: 7 } });
  const end = graph.apply('ArgMax', [wide], { axis: { int: 1 }, keepdims: { int: 1 } });
  graph.apply('GatherND', [states, end], { batch_dims: { int: 1 } }, 'pooler_output');
}

/** Input int32 `input_ids` [batch, sequence]; outputs `last_hidden_state` [batch, sequence, hidden] and `pooler_output` [batch, hidden]. */
export function clipText(size: ArchitectureSize): Architecture {
  const shape = clipTextShapes[size];
  const graph = new GraphBuilder('text_encoder');
  const ids = graph.input('input_ids', 'int32', ['batch', 'sequence']);
  const mask = causalMask(graph, ids);
  let value = embeddings(graph, ids, shape.hidden);
  for (let index = 0; index < shape.layers; index++) value = encoderLayer(graph, `text_model.encoder.layers.${index}`, value, mask, shape);
  const states = layerNorm(graph, 'text_model.final_layer_norm', value, shape.hidden, layerNormEpsilon, 'last_hidden_state');
  pooled(graph, states, ids);
  graph.output('last_hidden_state', 'float32', ['batch', 'sequence', shape.hidden]);
  graph.output('pooler_output', 'float32', ['batch', shape.hidden]);
  return { graph: graph.build(), sampleInputs: { input_ids: { type: 'int32', dims: [1, clipMaxTokens], fill: 320 } } };
}
