// The table of the zoo: each model's name and the function that describes it. Adding a model means adding a row.
import { alexNet } from './alexnet.ts';
import type { Architecture, ArchitectureSize } from './architecture.ts';
import { bertBase } from './bert.ts';
import { googLeNet } from './googlenet.ts';
import { inceptionV3 } from './inception-v3.ts';
import { resNet } from './resnet.ts';
import { vgg19 } from './vgg.ts';

/** Names in the model store, in the order of the paper's table. */
export const modelNames = ['resnet18', 'resnet50', 'resnet152', 'alexnet', 'vgg19', 'inception-v3', 'googlenet', 'bert-base'] as const;
export type ModelName = (typeof modelNames)[number];

const describers: Record<ModelName, (size: ArchitectureSize) => Architecture> = {
  resnet18: (size) => resNet('resnet18', size),
  resnet50: (size) => resNet('resnet50', size),
  resnet152: (size) => resNet('resnet152', size),
  alexnet: alexNet,
  vgg19,
  'inception-v3': inceptionV3,
  googlenet: googLeNet,
  'bert-base': bertBase,
};

export function describeArchitecture(name: ModelName, size: ArchitectureSize): Architecture {
  return describers[name](size);
}

export function isModelName(name: string): name is ModelName {
  return (modelNames as readonly string[]).includes(name);
}
