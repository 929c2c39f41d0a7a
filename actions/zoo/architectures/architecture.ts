// What an architecture file hands to the builder: the graph, and the inputs of one sample inference. No behaviour.
import type { SampleInput } from '../../../runtime/model-store/manifest.ts';
import { GraphBuilder, type GraphDescription } from '../graph-builder.ts';

/** `full`: the published network. `small`: the same topology with narrow layers, a few megabytes, for tests. */
export const architectureSizes = ['full', 'small'] as const;
export type ArchitectureSize = (typeof architectureSizes)[number];

export interface Architecture {
  readonly graph: GraphDescription;
  readonly sampleInputs: Readonly<Record<string, SampleInput>>;
}

/**
 * An image classifier: input `input` float32 [1, 3, pixels, pixels], output `logits` [1, 1000].
 * Scaling of pixel values is left to preprocessing.
 */
export function imageClassifier(name: string, pixels: number, describe: (graph: GraphBuilder, input: string) => void): Architecture {
  const graph = new GraphBuilder(name);
  const dims = [1, 3, pixels, pixels];
  describe(graph, graph.input('input', 'float32', dims));
  return { graph: graph.build(), sampleInputs: { input: { type: 'float32', dims, fill: 0.5 } } };
}
