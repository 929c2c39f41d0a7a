// Inception-v3 (Szegedy et al. 2015) without the auxiliary head, as torchvision builds it. torchvision's
// `transform_input`, a rescaling that its pretrained weights expect, is left to preprocessing.
import type { GraphBuilder } from '../graph-builder.ts';
import { imageClassifier, type Architecture, type ArchitectureSize } from './architecture.ts';
import { averagePool, basicConvolution, classifierHead, concatChannels, globalPoolAndFlatten, maxPool, type ConvolutionOptions } from './layers.ts';

/** One convolution of a branch: its name in the block, its output channels, its kernel and padding. */
type Step = readonly [string, number, ConvolutionOptions];

interface Block {
  readonly graph: GraphBuilder;
  readonly name: string;
  readonly input: string;
  readonly inChannels: number;
}

const oneByOne: ConvolutionOptions = { kernel: 1 };
const threeByThree: ConvolutionOptions = { kernel: 3, padding: 1 };
const threeByThreeHalving: ConvolutionOptions = { kernel: 3, stride: 2 };
const fiveByFive: ConvolutionOptions = { kernel: 5, padding: 2 };
const oneBySeven: ConvolutionOptions = { kernel: [1, 7], padding: [0, 3] };
const sevenByOne: ConvolutionOptions = { kernel: [7, 1], padding: [3, 0] };
const oneByThree: ConvolutionOptions = { kernel: [1, 3], padding: [0, 1] };
const threeByOne: ConvolutionOptions = { kernel: [3, 1], padding: [1, 0] };

function branch({ graph, name, input, inChannels }: Block, steps: readonly Step[]): string {
  let value = input;
  let from = inChannels;
  for (const [step, to, options] of steps) {
    value = basicConvolution(graph, `${name}.${step}`, value, [from, to], options);
    from = to;
  }
  return value;
}

const pooledBranch = (block: Block, channels: number): string =>
  branch({ ...block, input: averagePool(block.graph, block.input) }, [['branch_pool', channels, oneByOne]]);

function blockA(block: Block, channels: (count: number) => number, pooledChannels: number): string {
  return concatChannels(block.graph, [
    branch(block, [['branch1x1', channels(64), oneByOne]]),
    branch(block, [['branch5x5_1', channels(48), oneByOne], ['branch5x5_2', channels(64), fiveByFive]]),
    branch(block, [
      ['branch3x3dbl_1', channels(64), oneByOne],
      ['branch3x3dbl_2', channels(96), threeByThree],
      ['branch3x3dbl_3', channels(96), threeByThree],
    ]),
    pooledBranch(block, channels(pooledChannels)),
  ]);
}

function blockB(block: Block, channels: (count: number) => number): string {
  return concatChannels(block.graph, [
    branch(block, [['branch3x3', channels(384), threeByThreeHalving]]),
    branch(block, [
      ['branch3x3dbl_1', channels(64), oneByOne],
      ['branch3x3dbl_2', channels(96), threeByThree],
      ['branch3x3dbl_3', channels(96), threeByThreeHalving],
    ]),
    maxPool(block.graph, block.input, 3, 2),
  ]);
}

function blockC(block: Block, channels: (count: number) => number, innerChannels: number): string {
  const inner = channels(innerChannels);
  return concatChannels(block.graph, [
    branch(block, [['branch1x1', channels(192), oneByOne]]),
    branch(block, [
      ['branch7x7_1', inner, oneByOne],
      ['branch7x7_2', inner, oneBySeven],
      ['branch7x7_3', channels(192), sevenByOne],
    ]),
    branch(block, [
      ['branch7x7dbl_1', inner, oneByOne],
      ['branch7x7dbl_2', inner, sevenByOne],
      ['branch7x7dbl_3', inner, oneBySeven],
      ['branch7x7dbl_4', inner, sevenByOne],
      ['branch7x7dbl_5', channels(192), oneBySeven],
    ]),
    pooledBranch(block, channels(192)),
  ]);
}

function blockD(block: Block, channels: (count: number) => number): string {
  return concatChannels(block.graph, [
    branch(block, [['branch3x3_1', channels(192), oneByOne], ['branch3x3_2', channels(320), threeByThreeHalving]]),
    branch(block, [
      ['branch7x7x3_1', channels(192), oneByOne],
      ['branch7x7x3_2', channels(192), oneBySeven],
      ['branch7x7x3_3', channels(192), sevenByOne],
      ['branch7x7x3_4', channels(192), threeByThreeHalving],
    ]),
    maxPool(block.graph, block.input, 3, 2),
  ]);
}

function blockE(block: Block, channels: (count: number) => number): string {
  const wide = channels(384);
  /** A branch that ends in a 1x3 and a 3x1 layer side by side. */
  const fork = (steps: readonly Step[], left: string, right: string): string => {
    const inner: Block = { ...block, input: branch(block, steps), inChannels: steps.at(-1)?.[1] ?? block.inChannels };
    return concatChannels(block.graph, [branch(inner, [[left, wide, oneByThree]]), branch(inner, [[right, wide, threeByOne]])]);
  };
  return concatChannels(block.graph, [
    branch(block, [['branch1x1', channels(320), oneByOne]]),
    fork([['branch3x3_1', wide, oneByOne]], 'branch3x3_2a', 'branch3x3_2b'),
    fork([['branch3x3dbl_1', channels(448), oneByOne], ['branch3x3dbl_2', wide, threeByThree]], 'branch3x3dbl_3a', 'branch3x3dbl_3b'),
    pooledBranch(block, channels(192)),
  ]);
}

/** `small` has an eighth of the channels and takes 96x96 pixels. */
export function inceptionV3(size: ArchitectureSize): Architecture {
  const divisor = size === 'full' ? 1 : 8;
  const channels = (count: number): number => count / divisor;
  return imageClassifier('inception-v3', size === 'full' ? 299 : 96, (graph, image) => {
    const stem = (name: string, value: string, from: number, to: number, options: ConvolutionOptions): string =>
      basicConvolution(graph, name, value, [from, channels(to)], options);
    let value = stem('Conv2d_1a_3x3', image, 3, 32, threeByThreeHalving);
    value = stem('Conv2d_2a_3x3', value, channels(32), 32, { kernel: 3 });
    value = maxPool(graph, stem('Conv2d_2b_3x3', value, channels(32), 64, threeByThree), 3, 2);
    value = stem('Conv2d_3b_1x1', value, channels(64), 80, oneByOne);
    value = maxPool(graph, stem('Conv2d_4a_3x3', value, channels(80), 192, { kernel: 3 }), 3, 2);
    const block = (name: string, inChannels: number): Block => ({ graph, name, input: value, inChannels: channels(inChannels) });
    value = blockA(block('Mixed_5b', 192), channels, 32);
    value = blockA(block('Mixed_5c', 256), channels, 64);
    value = blockA(block('Mixed_5d', 288), channels, 64);
    value = blockB(block('Mixed_6a', 288), channels);
    value = blockC(block('Mixed_6b', 768), channels, 128);
    value = blockC(block('Mixed_6c', 768), channels, 160);
    value = blockC(block('Mixed_6d', 768), channels, 160);
    value = blockC(block('Mixed_6e', 768), channels, 192);
    value = blockD(block('Mixed_7a', 768), channels);
    value = blockE(block('Mixed_7b', 1280), channels);
    value = blockE(block('Mixed_7c', 2048), channels);
    classifierHead(graph, 'fc', globalPoolAndFlatten(graph, value), channels(2048));
  });
}
