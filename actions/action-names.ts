// The inference actions; each has a folder of its name here and a model or a pipeline of its name in the model store.

/** The eight that need one model each. */
export const modelActionNames = ['resnet18', 'resnet50', 'resnet152', 'alexnet', 'vgg19', 'inception-v3', 'googlenet', 'bert-base'] as const;

export const actionNames = [...modelActionNames, 'stable-diffusion'] as const;

export type ActionName = (typeof actionNames)[number];

export function isActionName(name: string): name is ActionName {
  return (actionNames as readonly string[]).includes(name);
}
