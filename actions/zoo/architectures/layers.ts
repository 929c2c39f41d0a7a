// The layers that the convolutional architectures share, with PyTorch's parameter names and initial ranges that keep
// activations near unit size through any depth. It knows layers, not networks.
import type { GraphBuilder, ValueRange } from '../graph-builder.ts';

/** Kaiming-uniform bound for a layer followed by ReLU: variance 2/fanIn (He et al. 2015). */
export function kaimingRange(fanIn: number): ValueRange {
  const bound = Math.sqrt(6 / fanIn);
  return { low: -bound, high: bound };
}

/** Variance 1/fanIn, for a layer that no ReLU follows. */
export function linearRange(fanIn: number): ValueRange {
  const bound = Math.sqrt(3 / fanIn);
  return { low: -bound, high: bound };
}

export const smallBias: ValueRange = { low: -0.02, high: 0.02 };

/** Height and width. */
export type Pair = readonly [number, number];

export interface ConvolutionOptions {
  readonly kernel: number | Pair;
  readonly stride?: number;
  readonly padding?: number | Pair;
  readonly hasBias?: boolean;
  /** Kaiming's when absent. */
  readonly range?: ValueRange;
  readonly output?: string | undefined;
}

const pair = (size: number | Pair): Pair => (typeof size === 'number' ? [size, size] : size);

function windowAttributes(kernel: number | Pair, stride: number, padding: number | Pair): Record<string, { ints: number[] }> {
  const [padHeight, padWidth] = pair(padding);
  return {
    kernel_shape: { ints: [...pair(kernel)] },
    strides: { ints: [stride, stride] },
    pads: { ints: [padHeight, padWidth, padHeight, padWidth] },
  };
}

/** `nn.Conv2d`: `<name>.weight` [out, in, height, width] and, with a bias, `<name>.bias` [out]. */
export function convolution(graph: GraphBuilder, name: string, input: string, channels: Pair, options: ConvolutionOptions): string {
  const [inChannels, outChannels] = channels;
  const [height, width] = pair(options.kernel);
  const inputs = [input, graph.parameter(`${name}.weight`, [outChannels, inChannels, height, width], options.range ?? kaimingRange(inChannels * height * width))];
  if (options.hasBias === true) inputs.push(graph.parameter(`${name}.bias`, [outChannels], smallBias));
  return graph.apply('Conv', inputs, windowAttributes(options.kernel, options.stride ?? 1, options.padding ?? 0), options.output);
}

/**
 * `nn.BatchNorm2d` in inference: weight, bias, running_mean and running_var, each [channels].
 * `gain` scales the weight: a residual branch takes a small one, or the sum would double its variance in each block
 * (50 blocks of ResNet-152: 2^25 at the end; with 0.25, (1 + 0.25²)^25 ≈ 4.5).
 */
export function batchNorm(graph: GraphBuilder, name: string, input: string, channels: number, options: { epsilon?: number; gain?: number } = {}): string {
  const gain = options.gain ?? 1;
  return graph.apply(
    'BatchNormalization',
    [
      input,
      graph.parameter(`${name}.weight`, [channels], { low: 0.9 * gain, high: 1.1 * gain }),
      graph.parameter(`${name}.bias`, [channels], smallBias),
      graph.statistic(`${name}.running_mean`, [channels], { low: -0.1, high: 0.1 }),
      graph.statistic(`${name}.running_var`, [channels], { low: 0.8, high: 1.2 }),
    ],
    { epsilon: { float: options.epsilon ?? 1e-5 } },
  );
}

export function relu(graph: GraphBuilder, input: string): string {
  return graph.apply('Relu', [input]);
}

/** torchvision's `BasicConv2d` of GoogLeNet and Inception: convolution, batch norm with epsilon 0.001, ReLU. */
export function basicConvolution(graph: GraphBuilder, name: string, input: string, channels: Pair, options: ConvolutionOptions): string {
  const convolved = convolution(graph, `${name}.conv`, input, channels, options);
  return relu(graph, batchNorm(graph, `${name}.bn`, convolved, channels[1], { epsilon: 0.001 }));
}

export function maxPool(graph: GraphBuilder, input: string, kernel: number, stride: number, options: { padding?: number; roundsUp?: boolean } = {}): string {
  const attributes = windowAttributes(kernel, stride, options.padding ?? 0);
  return graph.apply('MaxPool', [input], options.roundsUp === true ? { ...attributes, ceil_mode: { int: 1 } } : attributes);
}

/** `F.avg_pool2d(x, 3, stride=1, padding=1)`, which counts the padding. */
export function averagePool(graph: GraphBuilder, input: string): string {
  return graph.apply('AveragePool', [input], { ...windowAttributes(3, 1, 1), count_include_pad: { int: 1 } });
}

/** Global average over height and width, then [1, channels]. */
export function globalPoolAndFlatten(graph: GraphBuilder, input: string): string {
  return flatten(graph, graph.apply('GlobalAveragePool', [input]));
}

export function flatten(graph: GraphBuilder, input: string): string {
  return graph.apply('Flatten', [input], { axis: { int: 1 } });
}

export function concatChannels(graph: GraphBuilder, inputs: readonly string[]): string {
  return graph.apply('Concat', inputs, { axis: { int: 1 } });
}

/** `nn.Linear`: `<name>.weight` [out, in] and `<name>.bias` [out]. */
export function linear(graph: GraphBuilder, name: string, input: string, features: Pair, options: { range?: ValueRange; output?: string } = {}): string {
  const [inFeatures, outFeatures] = features;
  const weight = graph.parameter(`${name}.weight`, [outFeatures, inFeatures], options.range ?? kaimingRange(inFeatures));
  const bias = graph.parameter(`${name}.bias`, [outFeatures], smallBias);
  return graph.apply('Gemm', [input, weight, bias], { transB: { int: 1 } }, options.output);
}

/** The last layer of every image classifier here: 1000 logits, named so. */
export function classifierHead(graph: GraphBuilder, name: string, input: string, inFeatures: number): void {
  linear(graph, name, input, [inFeatures, 1000], { range: linearRange(inFeatures), output: 'logits' });
  graph.output('logits', 'float32', [1, 1000]);
}
