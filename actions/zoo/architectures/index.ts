// The table of the zoo: each model's name and the function that describes it. Adding a model means adding a row.
import { alexNet } from './alexnet.ts';
import type { Architecture, ArchitectureSize } from './architecture.ts';
import { bertBase } from './bert.ts';
import { googLeNet } from './googlenet.ts';
import { clipText } from './clip-text.ts';
import { diffusionUnet } from './diffusion-unet.ts';
import { inceptionV3 } from './inception-v3.ts';
import { resNet } from './resnet.ts';
import { vaeDecoder } from './vae-decoder.ts';
import { vgg19 } from './vgg.ts';

/** Names in the model store, in the order of the paper's table. */
export const modelNames = ['resnet18', 'resnet50', 'resnet152', 'alexnet', 'vgg19', 'inception-v3', 'googlenet', 'bert-base'] as const;

/** Pipelines, made only when asked for by name: at full size one takes 8 GB of disk and minutes. */
export const pipelineNames = ['stable-diffusion'] as const;
export type PipelineName = (typeof pipelineNames)[number];
export const pipelineParts = ['text_encoder', 'unet', 'vae_decoder'] as const;
export type PartName = `${PipelineName}/${(typeof pipelineParts)[number]}`;

/** Everything that has a graph. */
export type ModelName = (typeof modelNames)[number] | PartName;

const describers: Readonly<Record<ModelName, (size: ArchitectureSize) => Architecture>> = {
  resnet18: (size) => resNet('resnet18', size),
  resnet50: (size) => resNet('resnet50', size),
  resnet152: (size) => resNet('resnet152', size),
  alexnet: alexNet,
  vgg19,
  'inception-v3': inceptionV3,
  googlenet: googLeNet,
  'bert-base': bertBase,
  'stable-diffusion/text_encoder': clipText,
  'stable-diffusion/unet': diffusionUnet,
  'stable-diffusion/vae_decoder': vaeDecoder,
};

export function describeArchitecture(name: ModelName, size: ArchitectureSize): Architecture {
  return describers[name](size);
}

export function isModelName(name: string): name is ModelName {
  return Object.hasOwn(describers, name);
}

export function isPipelineName(name: string): name is PipelineName {
  return (pipelineNames as readonly string[]).includes(name);
}

export function partsOf(pipeline: PipelineName): PartName[] {
  return pipelineParts.map((part) => `${pipeline}/${part}` as const);
}

export function isPartName(name: string): name is PartName {
  return pipelineNames.some((pipeline) => (partsOf(pipeline) as readonly string[]).includes(name));
}

/** The UNet's weights are beside its graph, at either size, as exporters put what is over 2 GB. */
export function hasExternalData(part: PartName): boolean {
  return part.endsWith('/unet');
}
