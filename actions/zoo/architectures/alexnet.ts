// AlexNet in torchvision's one-tower form ("One weird trick", Krizhevsky 2014). The adaptive pooling to 6x6 before the
// classifier is the identity at the size of image this network takes, and is left out.
import { imageClassifier, type Architecture, type ArchitectureSize } from './architecture.ts';
import { classifierHead, convolution, flatten, linear, maxPool, relu } from './layers.ts';

/** `small` has an eighth of the channels and takes 64x64 pixels, of which 1x1 is left at the classifier. */
export function alexNet(size: ArchitectureSize): Architecture {
  const isFull = size === 'full';
  const channels = (count: number): number => (isFull ? count : count / 8);
  const remainingPixels = isFull ? 6 * 6 : 1;
  return imageClassifier('alexnet', isFull ? 224 : 64, (graph, input) => {
    const layer = (index: number, value: string, from: number, to: number, kernel: number, padding: number, stride = 1): string =>
      relu(graph, convolution(graph, `features.${index}`, value, [from, to], { kernel, padding, stride, hasBias: true }));
    let value = maxPool(graph, layer(0, input, 3, channels(64), 11, 2, 4), 3, 2);
    value = maxPool(graph, layer(3, value, channels(64), channels(192), 5, 2), 3, 2);
    value = layer(6, value, channels(192), channels(384), 3, 1);
    value = layer(8, value, channels(384), channels(256), 3, 1);
    value = maxPool(graph, layer(10, value, channels(256), channels(256), 3, 1), 3, 2);
    const width = channels(4096);
    value = relu(graph, linear(graph, 'classifier.1', flatten(graph, value), [channels(256) * remainingPixels, width]));
    value = relu(graph, linear(graph, 'classifier.4', value, [width, width]));
    classifierHead(graph, 'classifier.6', value, width);
  });
}
