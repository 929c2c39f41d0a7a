// GoogLeNet (Szegedy et al. 2014) with batch normalisation and without auxiliary heads, as torchvision builds it: its
// third branch has 3x3 kernels where the paper has 5x5.
import type { GraphBuilder } from '../graph-builder.ts';
import { imageClassifier, type Architecture, type ArchitectureSize } from './architecture.ts';
import { basicConvolution, classifierHead, concatChannels, globalPoolAndFlatten, maxPool } from './layers.ts';

/** Channels of the four branches: 1x1; reduce and 3x3; reduce and "5x5"; pooling projection. */
type BranchChannels = readonly [number, number, number, number, number, number];

const stages: readonly (readonly (readonly [string, BranchChannels])[])[] = [
  [
    ['inception3a', [64, 96, 128, 16, 32, 32]],
    ['inception3b', [128, 128, 192, 32, 96, 64]],
  ],
  [
    ['inception4a', [192, 96, 208, 16, 48, 64]],
    ['inception4b', [160, 112, 224, 24, 64, 64]],
    ['inception4c', [128, 128, 256, 24, 64, 64]],
    ['inception4d', [112, 144, 288, 32, 64, 64]],
    ['inception4e', [256, 160, 320, 32, 128, 128]],
  ],
  [
    ['inception5a', [256, 160, 320, 32, 128, 128]],
    ['inception5b', [384, 192, 384, 48, 128, 128]],
  ],
];

function inception(graph: GraphBuilder, name: string, input: string, inChannels: number, channels: BranchChannels): string {
  const [direct, reduce3, to3, reduce5, to5, pooled] = channels;
  const layer = (branch: string, value: string, from: number, to: number, kernel: 1 | 3): string =>
    basicConvolution(graph, `${name}.${branch}`, value, [from, to], { kernel, padding: kernel === 3 ? 1 : 0 });
  return concatChannels(graph, [
    layer('branch1', input, inChannels, direct, 1),
    layer('branch2.1', layer('branch2.0', input, inChannels, reduce3, 1), reduce3, to3, 3),
    layer('branch3.1', layer('branch3.0', input, inChannels, reduce5, 1), reduce5, to5, 3),
    layer('branch4.1', maxPool(graph, input, 3, 1, { padding: 1, roundsUp: true }), inChannels, pooled, 1),
  ]);
}

/** `small` has an eighth of the channels and takes 64x64 pixels. */
export function googLeNet(size: ArchitectureSize): Architecture {
  const divisor = size === 'full' ? 1 : 8;
  const scaled = (channels: BranchChannels): BranchChannels => channels.map((count) => count / divisor) as unknown as BranchChannels;
  return imageClassifier('googlenet', size === 'full' ? 224 : 64, (graph, input) => {
    const stem = 64 / divisor;
    let inChannels = 192 / divisor;
    let value = basicConvolution(graph, 'conv1', input, [3, stem], { kernel: 7, stride: 2, padding: 3 });
    value = maxPool(graph, value, 3, 2, { roundsUp: true });
    value = basicConvolution(graph, 'conv2', value, [stem, stem], { kernel: 1 });
    value = basicConvolution(graph, 'conv3', value, [stem, inChannels], { kernel: 3, padding: 1 });
    value = maxPool(graph, value, 3, 2, { roundsUp: true });
    stages.forEach((blocks, stage) => {
      if (stage === 1) value = maxPool(graph, value, 3, 2, { roundsUp: true });
      if (stage === 2) value = maxPool(graph, value, 2, 2, { roundsUp: true });
      for (const [name, fullChannels] of blocks) {
        const channels = scaled(fullChannels);
        value = inception(graph, name, value, inChannels, channels);
        inChannels = channels[0] + channels[2] + channels[4] + channels[5];
      }
    });
    classifierHead(graph, 'fc', globalPoolAndFlatten(graph, value), inChannels);
  });
}
