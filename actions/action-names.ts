// The eight inference actions; each has a folder of its name here and a model of its name in the model store.
export const actionNames = ['resnet18', 'resnet50', 'resnet152', 'alexnet', 'vgg19', 'inception-v3', 'googlenet', 'bert-base'] as const;

export type ActionName = (typeof actionNames)[number];

export function isActionName(name: string): name is ActionName {
  return (actionNames as readonly string[]).includes(name);
}
