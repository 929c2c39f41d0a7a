// ResNet-18, -50 and -152 (He et al. 2015) as torchvision builds them: the bottleneck's stride is on its 3x3 layer.
import type { GraphBuilder } from '../graph-builder.ts';
import { imageClassifier, type Architecture, type ArchitectureSize } from './architecture.ts';
import { batchNorm, classifierHead, convolution, globalPoolAndFlatten, maxPool, relu } from './layers.ts';

interface ResNetShape {
  readonly name: string;
  readonly block: 'basic' | 'bottleneck';
  readonly blocksPerStage: readonly number[];
  readonly smallBlocksPerStage: readonly number[];
}

interface BlockShape {
  readonly inChannels: number;
  readonly width: number;
  readonly outChannels: number;
  readonly stride: number;
}

/** See `batchNorm`: keeps the sum of residual branches from growing with depth. */
const residualGain = 0.25;

const resNetShapes = {
  resnet18: { name: 'resnet18', block: 'basic', blocksPerStage: [2, 2, 2, 2], smallBlocksPerStage: [1, 1, 1, 1] },
  resnet50: { name: 'resnet50', block: 'bottleneck', blocksPerStage: [3, 4, 6, 3], smallBlocksPerStage: [1, 1, 1, 1] },
  resnet152: { name: 'resnet152', block: 'bottleneck', blocksPerStage: [3, 8, 36, 3], smallBlocksPerStage: [1, 2, 3, 1] },
} as const satisfies Record<string, ResNetShape>;

function shortcut(graph: GraphBuilder, name: string, input: string, { inChannels, outChannels, stride }: BlockShape): string {
  if (stride === 1 && inChannels === outChannels) return input;
  const projected = convolution(graph, `${name}.downsample.0`, input, [inChannels, outChannels], { kernel: 1, stride });
  return batchNorm(graph, `${name}.downsample.1`, projected, outChannels);
}

function basicBlock(graph: GraphBuilder, name: string, input: string, shape: BlockShape): string {
  const { inChannels, width, stride } = shape;
  let branch = convolution(graph, `${name}.conv1`, input, [inChannels, width], { kernel: 3, stride, padding: 1 });
  branch = relu(graph, batchNorm(graph, `${name}.bn1`, branch, width));
  branch = convolution(graph, `${name}.conv2`, branch, [width, width], { kernel: 3, padding: 1 });
  branch = batchNorm(graph, `${name}.bn2`, branch, width, { gain: residualGain });
  return relu(graph, graph.apply('Add', [branch, shortcut(graph, name, input, shape)]));
}

function bottleneckBlock(graph: GraphBuilder, name: string, input: string, shape: BlockShape): string {
  const { inChannels, width, outChannels, stride } = shape;
  let branch = convolution(graph, `${name}.conv1`, input, [inChannels, width], { kernel: 1 });
  branch = relu(graph, batchNorm(graph, `${name}.bn1`, branch, width));
  branch = convolution(graph, `${name}.conv2`, branch, [width, width], { kernel: 3, stride, padding: 1 });
  branch = relu(graph, batchNorm(graph, `${name}.bn2`, branch, width));
  branch = convolution(graph, `${name}.conv3`, branch, [width, outChannels], { kernel: 1 });
  branch = batchNorm(graph, `${name}.bn3`, branch, outChannels, { gain: residualGain });
  return relu(graph, graph.apply('Add', [branch, shortcut(graph, name, input, shape)]));
}

/** One of the ResNets; `small` has an eighth of the channels, fewer blocks and takes 64x64 pixels. */
export function resNet(variant: keyof typeof resNetShapes, size: ArchitectureSize): Architecture {
  const shape: ResNetShape = resNetShapes[variant];
  const baseWidth = size === 'full' ? 64 : 8;
  const [expansion, block] = shape.block === 'basic' ? ([1, basicBlock] as const) : ([4, bottleneckBlock] as const);
  return imageClassifier(shape.name, size === 'full' ? 224 : 64, (graph, input) => {
    let value = convolution(graph, 'conv1', input, [3, baseWidth], { kernel: 7, stride: 2, padding: 3 });
    value = maxPool(graph, relu(graph, batchNorm(graph, 'bn1', value, baseWidth)), 3, 2, { padding: 1 });
    let inChannels = baseWidth;
    (size === 'full' ? shape.blocksPerStage : shape.smallBlocksPerStage).forEach((blockCount, stage) => {
      const width = baseWidth * 2 ** stage;
      for (let index = 0; index < blockCount; index++) {
        const stride = stage > 0 && index === 0 ? 2 : 1;
        value = block(graph, `layer${stage + 1}.${index}`, value, { inChannels, width, outChannels: width * expansion, stride });
        inChannels = width * expansion;
      }
    });
    classifierHead(graph, 'fc', globalPoolAndFlatten(graph, value), inChannels);
  });
}
