// The layers that the UNet and the image decoder of a latent diffusion model share, over tensors [batch, channels, height,
// width], with the parameter names of diffusers. Ranges keep activations near unit size; the group norms do the rest.
import type { GraphBuilder } from '../graph-builder.ts';
import { convolution, linearRange, smallBias, type Pair } from './layers.ts';
import { dense } from './transformer-layers.ts';

export interface GroupNormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * `nn.GroupNorm`, written as exporters write it: ONNX has had an operator of its own only since opset 21. Groups become
 * channels of an instance norm, then each channel gets its weight and bias.
 */
export function groupNorm(graph: GraphBuilder, name: string, input: string, channels: number, { groups, epsilon }: GroupNormOptions): string {
  const grouped = graph.apply('Reshape', [input, graph.constant('int64', [0, groups, -1])]);
  const ones = graph.constant('float32', Array.from({ length: groups }, () => 1));
  const zeros = graph.constant('float32', Array.from({ length: groups }, () => 0));
  const normalised = graph.apply('InstanceNormalization', [grouped, ones, zeros], { epsilon: { float: epsilon } });
  const restored = graph.apply('Reshape', [normalised, graph.apply('Shape', [input])]);
  const perChannel = (part: string, range: { low: number; high: number }): string =>
    graph.apply('Unsqueeze', [graph.parameter(`${name}.${part}`, [channels], range), graph.constant('int64', [1, 2])]);
  const scaled = graph.apply('Mul', [restored, perChannel('weight', { low: 0.9, high: 1.1 })]);
  return graph.apply('Add', [scaled, perChannel('bias', smallBias)]);
}

/** x · sigmoid(x). */
export function silu(graph: GraphBuilder, input: string): string {
  return graph.apply('Mul', [input, graph.apply('Sigmoid', [input])]);
}

/** A convolution with a bias that keeps height and width (or halves them, with a stride of 2). */
export function sameConvolution(graph: GraphBuilder, name: string, input: string, channels: Pair, options: { kernel?: number; stride?: number; output?: string } = {}): string {
  const { kernel = 3, stride = 1, output } = options;
  return convolution(graph, name, input, channels, { kernel, stride, padding: (kernel - 1) / 2, hasBias: true, range: linearRange(channels[0] * kernel * kernel), output });
}

export interface ResnetOptions extends GroupNormOptions {
  /** The embedded time step, [steps, features]: the UNet has one, the decoder none. */
  readonly time?: { readonly embedding: string; readonly features: number };
}

/** diffusers' `ResnetBlock2D`. */
export function resnetBlock(graph: GraphBuilder, name: string, input: string, channels: Pair, options: ResnetOptions): string {
  const [inChannels, outChannels] = channels;
  const activated = silu(graph, groupNorm(graph, `${name}.norm1`, input, inChannels, options));
  let hidden = sameConvolution(graph, `${name}.conv1`, activated, channels);
  if (options.time !== undefined) {
    const { embedding, features } = options.time;
    const projected = dense(graph, `${name}.time_emb_proj`, silu(graph, embedding), [features, outChannels], { range: linearRange(features) });
    hidden = graph.apply('Add', [hidden, graph.apply('Unsqueeze', [projected, graph.constant('int64', [2, 3])])]);
  }
  const again = silu(graph, groupNorm(graph, `${name}.norm2`, hidden, outChannels, options));
  const branch = sameConvolution(graph, `${name}.conv2`, again, [outChannels, outChannels]);
  const shortcut = inChannels === outChannels ? input : sameConvolution(graph, `${name}.conv_shortcut`, input, channels, { kernel: 1 });
  return graph.apply('Add', [shortcut, branch]);
}

/** diffusers' `Upsample2D`: each pixel becomes four, then a convolution. */
export function upsample(graph: GraphBuilder, name: string, input: string, channels: number): string {
  const scales = graph.constant('float32', [1, 1, 2, 2]);
  const attributes = { mode: { text: 'nearest' }, coordinate_transformation_mode: { text: 'asymmetric' }, nearest_mode: { text: 'floor' } };
  const enlarged = graph.apply('Resize', [input, '', scales], attributes);
  return sameConvolution(graph, `${name}.conv`, enlarged, [channels, channels]);
}

/** [batch, channels, height, width] to [batch, height · width, channels]. */
export function toSequence(graph: GraphBuilder, input: string, channels: number): string {
  const rows = graph.apply('Reshape', [input, graph.constant('int64', [0, channels, -1])]);
  return graph.apply('Transpose', [rows], { perm: { ints: [0, 2, 1] } });
}

/** The inverse of {@link toSequence}, in the shape of `like`. */
export function fromSequence(graph: GraphBuilder, sequence: string, like: string): string {
  const rows = graph.apply('Transpose', [sequence], { perm: { ints: [0, 2, 1] } });
  return graph.apply('Reshape', [rows, graph.apply('Shape', [like])]);
}
