// The image decoder of Stable Diffusion 1.x: the decoding half of a variational auto-encoder, from latents to pixels eight
// times as wide and high, with the parameter names of diffusers' AutoencoderKL.
import { GraphBuilder } from '../graph-builder.ts';
import type { Architecture, ArchitectureSize } from './architecture.ts';
import { latentChannels } from './diffusion-unet.ts';
import { fromSequence, groupNorm, resnetBlock, sameConvolution, silu, toSequence, upsample, type GroupNormOptions } from './diffusion-layers.ts';
import { linearRange } from './layers.ts';
import { attend, dense } from './transformer-layers.ts';

export interface VaeShape {
  readonly channels: readonly [number, number, number, number];
  readonly groups: number;
}

export const vaeShapes: Record<ArchitectureSize, VaeShape> = {
  full: { channels: [128, 256, 512, 512], groups: 32 },
  small: { channels: [16, 32, 32, 32], groups: 8 },
};

const layersPerBlock = 2;
const epsilon = 1e-6;

/** diffusers' `Attention` over pixels, with one head and a group norm of its own. */
function pixelAttention(graph: GraphBuilder, name: string, input: string, channels: number, norm: GroupNormOptions): string {
  const options = { range: linearRange(channels) };
  const sequence = toSequence(graph, groupNorm(graph, `${name}.group_norm`, input, channels, norm), channels);
  const project = (part: string): string => dense(graph, `${name}.to_${part}`, sequence, [channels, channels], options);
  const context = attend(graph, { query: project('q'), key: project('k'), value: project('v') }, channels, 1);
  const out = dense(graph, `${name}.to_out.0`, context, [channels, channels], options);
  return graph.apply('Add', [fromSequence(graph, out, input), input]);
}

/** Input float32 `latent_sample` [batch, 4, height, width], already unscaled; output `sample` [batch, 3, 8 · height, 8 · width] about -1 to 1. */
export function vaeDecoder(size: ArchitectureSize): Architecture {
  const { channels: widths, groups } = vaeShapes[size];
  const norm = { groups, epsilon };
  const graph = new GraphBuilder('vae_decoder');
  const latent = graph.input('latent_sample', 'float32', ['batch', latentChannels, 'height', 'width']);
  let channels = widths[3];
  let value = sameConvolution(graph, 'post_quant_conv', latent, [latentChannels, latentChannels], { kernel: 1 });
  value = sameConvolution(graph, 'decoder.conv_in', value, [latentChannels, channels]);
  value = resnetBlock(graph, 'decoder.mid_block.resnets.0', value, [channels, channels], norm);
  value = pixelAttention(graph, 'decoder.mid_block.attentions.0', value, channels, norm);
  value = resnetBlock(graph, 'decoder.mid_block.resnets.1', value, [channels, channels], norm);
  for (const [index, width] of widths.toReversed().entries()) {
    for (let layer = 0; layer <= layersPerBlock; layer++) {
      value = resnetBlock(graph, `decoder.up_blocks.${index}.resnets.${layer}`, value, [channels, width], norm);
      channels = width;
    }
    if (index < widths.length - 1) value = upsample(graph, `decoder.up_blocks.${index}.upsamplers.0`, value, channels);
  }
  const activated = silu(graph, groupNorm(graph, 'decoder.conv_norm_out', value, channels, norm));
  sameConvolution(graph, 'decoder.conv_out', activated, [channels, 3], { output: 'sample' });
  graph.output('sample', 'float32', ['batch', 3, 'image_height', 'image_width']);
  const side = size === 'full' ? 32 : 8;
  return { graph: graph.build(), sampleInputs: { latent_sample: { type: 'float32', dims: [1, latentChannels, side, side], fill: 0.5 } } };
}
