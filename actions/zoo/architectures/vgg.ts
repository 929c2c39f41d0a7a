// VGG-19 without batch normalisation (Simonyan & Zisserman 2014, configuration E) as torchvision builds it. The
// adaptive pooling to 7x7 before the classifier is the identity at 224 pixels, and is left out.
import { imageClassifier, type Architecture, type ArchitectureSize } from './architecture.ts';
import { classifierHead, convolution, flatten, linear, maxPool, relu } from './layers.ts';

/** For each stage, its number of 3x3 layers and their channels; a 2x2 pooling ends it. */
const stages = [
  [2, 64],
  [2, 128],
  [4, 256],
  [4, 512],
  [4, 512],
] as const;

/** `small` has an eighth of the channels and takes 64x64 pixels, of which 2x2 are left at the classifier. */
export function vgg19(size: ArchitectureSize): Architecture {
  const divisor = size === 'full' ? 1 : 8;
  const pixels = size === 'full' ? 224 : 64;
  return imageClassifier('vgg19', pixels, (graph, input) => {
    let value = input;
    let inChannels = 3;
    // nn.Sequential numbers its members: a convolution and its ReLU take two numbers, a pooling one.
    let index = 0;
    for (const [layerCount, fullChannels] of stages) {
      const outChannels = fullChannels / divisor;
      for (let layer = 0; layer < layerCount; layer++) {
        value = relu(graph, convolution(graph, `features.${index}`, value, [inChannels, outChannels], { kernel: 3, padding: 1, hasBias: true }));
        inChannels = outChannels;
        index += 2;
      }
      value = maxPool(graph, value, 2, 2);
      index += 1;
    }
    const remainingPixels = (pixels / 2 ** stages.length) ** 2;
    const width = 4096 / divisor;
    value = relu(graph, linear(graph, 'classifier.0', flatten(graph, value), [inChannels * remainingPixels, width]));
    value = relu(graph, linear(graph, 'classifier.3', value, [width, width]));
    classifierHead(graph, 'classifier.6', value, width);
  });
}
