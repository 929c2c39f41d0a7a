// The denoiser of Stable Diffusion 1.x: a UNet with cross attention to the text and an embedded time step (Rombach et al.
// 2022), with the parameter names of diffusers' UNet2DConditionModel.
import { GraphBuilder } from '../graph-builder.ts';
import type { Architecture, ArchitectureSize } from './architecture.ts';
import { clipMaxTokens, clipTextShapes } from './clip-text.ts';
import { fromSequence, groupNorm, resnetBlock, sameConvolution, silu, toSequence, upsample, type ResnetOptions } from './diffusion-layers.ts';
import { concatChannels, linearRange } from './layers.ts';
import { attend, dense, gelu, layerNorm } from './transformer-layers.ts';

export interface UnetShape {
  readonly channels: readonly [number, number, number, number];
  readonly groups: number;
  readonly heads: number;
  readonly textFeatures: number;
}

export const unetShapes: Record<ArchitectureSize, UnetShape> = {
  full: { channels: [320, 640, 1280, 1280], groups: 32, heads: 8, textFeatures: clipTextShapes.full.hidden },
  small: { channels: [16, 32, 32, 32], groups: 8, heads: 2, textFeatures: clipTextShapes.small.hidden },
};

export const latentChannels = 4;
const layersPerBlock = 2;
const resnetEpsilon = 1e-5;
const transformerEpsilon = 1e-6;
const layerNormEpsilon = 1e-5;

/** Describes the parts of one UNet: what they all need is held here. */
class Unet {
  readonly #graph: GraphBuilder;
  readonly #shape: UnetShape;
  readonly #text: string;
  readonly #resnet: ResnetOptions;

  constructor(graph: GraphBuilder, shape: UnetShape, text: string, timeEmbedding: string) {
    this.#graph = graph;
    this.#shape = shape;
    this.#text = text;
    this.#resnet = { groups: shape.groups, epsilon: resnetEpsilon, time: { embedding: timeEmbedding, features: shape.channels[0] * 4 } };
  }

  resnet(name: string, input: string, channels: readonly [number, number]): string {
    return resnetBlock(this.#graph, name, input, channels, this.#resnet);
  }

  #attention(name: string, input: string, context: string, features: number, contextFeatures: number): string {
    const project = (part: string, from: string, inFeatures: number): string =>
      dense(this.#graph, `${name}.to_${part}`, from, [inFeatures, features], { range: linearRange(inFeatures), hasBias: false });
    const projected = { query: project('q', input, features), key: project('k', context, contextFeatures), value: project('v', context, contextFeatures) };
    const merged = attend(this.#graph, projected, features, this.#shape.heads);
    return dense(this.#graph, `${name}.to_out.0`, merged, [features, features], { range: linearRange(features) });
  }

  /** GEGLU: half of a projection, times the GELU of the other half; then back to `features`. */
  #feedForward(name: string, input: string, features: number): string {
    const graph = this.#graph;
    const inner = features * 4;
    const projected = dense(graph, `${name}.net.0.proj`, input, [features, inner * 2], { range: linearRange(features) });
    const part = (start: number, end: number): string =>
      graph.apply('Slice', [projected, graph.constant('int64', [start]), graph.constant('int64', [end]), graph.constant('int64', [2])]);
    const gated = graph.apply('Mul', [part(0, inner), gelu(graph, part(inner, inner * 2))]);
    return dense(graph, `${name}.net.2`, gated, [inner, features], { range: linearRange(inner) });
  }

  /** diffusers' `Transformer2DModel` of one block: attention among the pixels, then to the text, then a feed-forward. */
  transformer(name: string, input: string, channels: number): string {
    const graph = this.#graph;
    const normed = groupNorm(graph, `${name}.norm`, input, channels, { groups: this.#shape.groups, epsilon: transformerEpsilon });
    const block = `${name}.transformer_blocks.0`;
    const norm = (part: string, value: string): string => layerNorm(graph, `${block}.${part}`, value, channels, layerNormEpsilon);
    let value = toSequence(graph, sameConvolution(graph, `${name}.proj_in`, normed, [channels, channels], { kernel: 1 }), channels);
    const self = norm('norm1', value);
    value = graph.apply('Add', [value, this.#attention(`${block}.attn1`, self, self, channels, channels)]);
    value = graph.apply('Add', [value, this.#attention(`${block}.attn2`, norm('norm2', value), this.#text, channels, this.#shape.textFeatures)]);
    value = graph.apply('Add', [value, this.#feedForward(`${block}.ff`, norm('norm3', value), channels)]);
    const out = sameConvolution(graph, `${name}.proj_out`, fromSequence(graph, value, input), [channels, channels], { kernel: 1 });
    return graph.apply('Add', [input, out]);
  }
}

/** The time step [steps] as `4 · channels` features: cosines and sines of 1 to 1/10000 of it, then two linear layers. */
function timeEmbedding(graph: GraphBuilder, timestep: string, channels: number): string {
  const half = channels / 2;
  const frequencies = Array.from({ length: half }, (_, index) => Math.exp((-Math.log(10_000) * index) / half));
  const column = graph.apply('Unsqueeze', [timestep, graph.constant('int64', [1])]);
  const angles = graph.apply('Mul', [column, graph.constant('float32', frequencies, [1, half])]);
  const waves = graph.apply('Concat', [graph.apply('Cos', [angles]), graph.apply('Sin', [angles])], { axis: { int: 1 } });
  const first = dense(graph, 'time_embedding.linear_1', waves, [channels, channels * 4], { range: linearRange(channels) });
  return dense(graph, 'time_embedding.linear_2', silu(graph, first), [channels * 4, channels * 4], { range: linearRange(channels * 4) });
}

/** A value and its channels. */
interface Feature {
  readonly value: string;
  readonly channels: number;
}

/** Halves the size three times; returns everything that the way up takes in again. */
function wayDown(graph: GraphBuilder, unet: Unet, start: Feature, widths: readonly number[]): Feature[] {
  const features = [start];
  let { value, channels } = start;
  for (const [index, width] of widths.entries()) {
    const isLast = index === widths.length - 1;
    for (let layer = 0; layer < layersPerBlock; layer++) {
      value = unet.resnet(`down_blocks.${index}.resnets.${layer}`, value, [channels, width]);
      if (!isLast) value = unet.transformer(`down_blocks.${index}.attentions.${layer}`, value, width);
      channels = width;
      features.push({ value, channels });
    }
    if (isLast) continue;
    value = sameConvolution(graph, `down_blocks.${index}.downsamplers.0.conv`, value, [channels, channels], { stride: 2 });
    features.push({ value, channels });
  }
  return features;
}

function middle(unet: Unet, { value, channels }: Feature): Feature {
  const before = unet.resnet('mid_block.resnets.0', value, [channels, channels]);
  const attended = unet.transformer('mid_block.attentions.0', before, channels);
  return { value: unet.resnet('mid_block.resnets.1', attended, [channels, channels]), channels };
}

/** Doubles the size three times; each resnet takes the matching feature of the way down beside its input. */
function wayUp(graph: GraphBuilder, unet: Unet, start: Feature, downFeatures: readonly Feature[], widths: readonly number[]): Feature {
  const left = [...downFeatures];
  let { value, channels } = start;
  for (const [index, width] of widths.toReversed().entries()) {
    for (let layer = 0; layer <= layersPerBlock; layer++) {
      const skipped = left.pop();
      if (skipped === undefined) throw new Error('The way up has more layers than the way down has features.');
      value = unet.resnet(`up_blocks.${index}.resnets.${layer}`, concatChannels(graph, [value, skipped.value]), [channels + skipped.channels, width]);
      if (index > 0) value = unet.transformer(`up_blocks.${index}.attentions.${layer}`, value, width);
      channels = width;
    }
    if (index < widths.length - 1) value = upsample(graph, `up_blocks.${index}.upsamplers.0`, value, channels);
  }
  return { value, channels };
}

/**
 * Inputs float32 `sample` [batch, 4, height, width], `timestep` [steps] (one, or one a sample) and `encoder_hidden_states`
 * [batch, sequence, text features]; output `out_sample` in the shape of `sample`. Height and width are multiples of 8.
 */
export function diffusionUnet(size: ArchitectureSize): Architecture {
  const shape = unetShapes[size];
  const [base] = shape.channels;
  const graph = new GraphBuilder('unet');
  const dims = ['batch', latentChannels, 'height', 'width'];
  const sample = graph.input('sample', 'float32', dims);
  const time = timeEmbedding(graph, graph.input('timestep', 'float32', ['steps']), base);
  const unet = new Unet(graph, shape, graph.input('encoder_hidden_states', 'float32', ['batch', 'sequence', shape.textFeatures]), time);
  const down = wayDown(graph, unet, { value: sameConvolution(graph, 'conv_in', sample, [latentChannels, base]), channels: base }, shape.channels);
  const deepest = down.at(-1) ?? { value: sample, channels: latentChannels };
  const { value } = wayUp(graph, unet, middle(unet, deepest), down, shape.channels);
  const activated = silu(graph, groupNorm(graph, 'conv_norm_out', value, base, { groups: shape.groups, epsilon: resnetEpsilon }));
  sameConvolution(graph, 'conv_out', activated, [base, latentChannels], { output: 'out_sample' });
  graph.output('out_sample', 'float32', dims);
  const side = size === 'full' ? 32 : 8;
  return {
    graph: graph.build(),
    sampleInputs: {
      sample: { type: 'float32', dims: [1, latentChannels, side, side], fill: 0.5 },
      timestep: { type: 'float32', dims: [1], fill: 500 },
      encoder_hidden_states: { type: 'float32', dims: [1, clipMaxTokens, shape.textFeatures], fill: 0.1 },
    },
  };
}
