// BERT-base, encoder and pooler (Devlin et al. 2018), with the parameter names of transformers' BertModel.
import { GraphBuilder, type ValueRange } from '../graph-builder.ts';
import type { Architecture, ArchitectureSize } from './architecture.ts';
import { linear } from './layers.ts';
import { attend, dense, gelu, layerNorm } from './transformer-layers.ts';

interface BertShape {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly sampleTokens: number;
}

const bertShapes: Record<ArchitectureSize, BertShape> = {
  full: { hidden: 768, layers: 12, heads: 12, intermediate: 3072, sampleTokens: 128 },
  small: { hidden: 32, layers: 2, heads: 4, intermediate: 128, sampleTokens: 16 },
};

/** The published vocabulary's size also in `small`, so that the token ids of a real tokenizer are valid there. */
const vocabularySize = 30522;
const maxPositions = 512;
const layerNormEpsilon = 1e-12;

/** Uniform with BERT's initial standard deviation of 0.02. */
const initialRange: ValueRange = { low: -0.02 * Math.sqrt(3), high: 0.02 * Math.sqrt(3) };

/**
 * 0, 1, 2, … in the shape of `ids`: a running sum of ones, less one. A slice of a table of positions would do too, but
 * its length is unknown to shape inference, and the optimiser fuses additions only between shapes that it knows equal.
 */
function positionsLike(graph: GraphBuilder, ids: string): string {
  const zeros = graph.apply('Mul', [ids, graph.constant('int64', [0], [])]);
  const ones = graph.apply('Add', [zeros, graph.constant('int64', [1], [])]);
  const counts = graph.apply('CumSum', [ones, graph.constant('int64', [1], [])]);
  return graph.apply('Sub', [counts, graph.constant('int64', [1], [])]);
}

function embeddings(graph: GraphBuilder, inputs: { ids: string; types: string }, hidden: number): string {
  const words = graph.apply('Gather', [graph.parameter('embeddings.word_embeddings.weight', [vocabularySize, hidden], initialRange), inputs.ids]);
  const positionTable = graph.parameter('embeddings.position_embeddings.weight', [maxPositions, hidden], initialRange);
  const types = graph.apply('Gather', [graph.parameter('embeddings.token_type_embeddings.weight', [2, hidden], initialRange), inputs.types]);
  const positions = graph.apply('Gather', [positionTable, positionsLike(graph, inputs.ids)]);
  const sum = graph.apply('Add', [graph.apply('Add', [words, types]), positions]);
  return layerNorm(graph, 'embeddings.LayerNorm', sum, hidden, layerNormEpsilon);
}

function attention(graph: GraphBuilder, name: string, input: string, mask: string, { hidden, heads }: BertShape): string {
  const project = (part: string): string => dense(graph, `${name}.self.${part}`, input, [hidden, hidden], { range: initialRange });
  const merged = attend(graph, { query: project('query'), key: project('key'), value: project('value') }, hidden, heads, mask);
  const output = dense(graph, `${name}.output.dense`, merged, [hidden, hidden], { range: initialRange });
  return layerNorm(graph, `${name}.output.LayerNorm`, graph.apply('Add', [output, input]), hidden, layerNormEpsilon);
}

/** Additive mask [1, 1, 1, sequence]: 0 where a token is, the lowest float where padding is. */
function additiveMask(graph: GraphBuilder, attentionMask: string): string {
  // In two steps, as exporters write it: the optimiser's attention fusion knows this form.
  const rows = graph.apply('Unsqueeze', [attentionMask, graph.constant('int64', [1])]);
  const expanded = graph.apply('Unsqueeze', [rows, graph.constant('int64', [2])]);
  const present = graph.apply('Cast', [expanded], { to: { int: 1 } });
  const absent = graph.apply('Sub', [graph.constant('float32', [1], []), present]);
  return graph.apply('Mul', [absent, graph.constant('float32', [-3.4028234663852886e38], [])]);
}

/** Inputs int64 [1, sequence]; outputs `last_hidden_state` [1, sequence, hidden] and `pooler_output` [1, hidden]. */
export function bertBase(size: ArchitectureSize): Architecture {
  const shape = bertShapes[size];
  const { hidden } = shape;
  const graph = new GraphBuilder('bert-base');
  const ids = graph.input('input_ids', 'int64', [1, 'sequence']);
  const mask = additiveMask(graph, graph.input('attention_mask', 'int64', [1, 'sequence']));
  const types = graph.input('token_type_ids', 'int64', [1, 'sequence']);
  let value = embeddings(graph, { ids, types }, hidden);
  for (let index = 0; index < shape.layers; index++) {
    const layer = `encoder.layer.${index}`;
    const attended = attention(graph, `${layer}.attention`, value, mask, shape);
    const intermediate = gelu(graph, dense(graph, `${layer}.intermediate.dense`, attended, [hidden, shape.intermediate], { range: initialRange }));
    const output = dense(graph, `${layer}.output.dense`, intermediate, [shape.intermediate, hidden], { range: initialRange });
    const isLast = index === shape.layers - 1;
    value = layerNorm(graph, `${layer}.output.LayerNorm`, graph.apply('Add', [output, attended]), hidden, layerNormEpsilon, isLast ? 'last_hidden_state' : undefined);
  }
  const first = graph.apply('Gather', [value, graph.constant('int64', [0], [])], { axis: { int: 1 } });
  const pooled = linear(graph, 'pooler.dense', first, [hidden, hidden], { range: initialRange });
  graph.apply('Tanh', [pooled], {}, 'pooler_output');
  graph.output('last_hidden_state', 'float32', [1, 'sequence', hidden]);
  graph.output('pooler_output', 'float32', [1, hidden]);
  const dims = [1, shape.sampleTokens];
  return {
    graph: graph.build(),
    sampleInputs: {
      input_ids: { type: 'int64', dims, fill: 101 },
      attention_mask: { type: 'int64', dims, fill: 1 },
      token_type_ids: { type: 'int64', dims, fill: 0 },
    },
  };
}
