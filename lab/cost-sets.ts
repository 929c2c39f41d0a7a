// The two sets of costs that policies are compared with: those that InstaInfer was published with, and ours as measured. Each
// gives every model of the demo what it takes and weighs, in containers of one size.
import type { ActionCosts, PlatformCosts } from './simulation/costs.ts';
import { actionCostsOf, platformCostsOf } from './simulation/profile-costs.ts';
import type { Profile } from './simulation/profile.ts';
import { demoActions } from './traces/assign-actions.ts';

export interface ModelCosts {
  readonly costs: ActionCosts;
  readonly runSamplesMs: readonly number[];
}

export interface CostSet {
  readonly name: string;
  readonly platform: PlatformCosts;
  readonly containerMemoryBytes: number;
  /** Share of a container that loads ahead leave free for calls. */
  readonly headroomShare: number;
  /** By the names of the demo's actions. */
  readonly models: ReadonlyMap<string, ModelCosts>;
}

export const costSetNames = ['published', 'measured'] as const;
export type CostSetName = (typeof costSetNames)[number];

const bytesPerMib = 2 ** 20;

/** Loading latency of the model in ms, and memory of the loaded process in MB: constants of the original's ContainerPool.scala. */
const publishedModels: Readonly<Record<(typeof demoActions)[number], readonly [modelMs: number, processMb: number]>> = {
  alexnet: [671, 923],
  vgg19: [2410, 1648],
  'inception-v3': [2281, 957],
  resnet18: [210, 649],
  resnet50: [486, 907],
  resnet152: [1180, 1348],
  googlenet: [1351, 1027],
  'bert-base': [2078, 1333],
};
/** Sizes of the model files in MB, as exported (VGG-19: 32-bit weights); the page cache of a simulated host holds them. */
const modelFileMb: Readonly<Record<string, number>> = { alexnet: 244, vgg19: 575, 'inception-v3': 95, resnet18: 47, resnet50: 102, resnet152: 240, googlenet: 26, 'bert-base': 438 };
const fileBytesOf = (model: string): { fileBytes?: number } => (modelFileMb[model] === undefined ? {} : { fileBytes: modelFileMb[model] * 1e6 });

/** The model is 52 % of what loading takes, libraries are the rest (SoCC 2024, §2). */
const modelShareOfLoading = 0.52;
/** A container takes about half a second to start; what is left when everything is loaded is inference and platform, about 245 ms; waking a loaded process takes 5 to 14 ms (same paper). */
const publishedStartMs = 500;
const publishedRunMs = 245;
const publishedWakeMs = 10;
const publishedCodeInitMs = 10;

/**
 * As published. Mean over the eight models: 500 + 10 + 1333 / 0.52 = 3074 ms of cold start; the paper measures 2767 to 3059 ms of
 * warming and loading on stock OpenWhisk, nearly all of whose calls start cold there.
 */
export function publishedCosts(): CostSet {
  return {
    name: 'published',
    platform: { containerStartMs: publishedStartMs, cleanMs: 10, removeMs: 100, offloadMs: 10, emptyContainerBytes: 0 },
    containerMemoryBytes: 2048 * bytesPerMib,
    // The sizes are those of whole processes; the original fills containers to the brim.
    headroomShare: 0,
    models: new Map(
      Object.entries(publishedModels).map(([name, [modelMs, processMb]]) => {
        const loadMs = modelMs / modelShareOfLoading;
        const residentBytes = processMb * bytesPerMib;
        const costs: ActionCosts = {
          initMs: publishedCodeInitMs,
          coldInitMs: publishedCodeInitMs,
          adoptMs: publishedWakeMs,
          loadMs,
          aheadLoadMs: loadMs,
          firstRunExtraMs: 0,
          residentBytes,
          ...fileBytesOf(name),
          estimatedLoadMs: loadMs,
          estimatedResidentBytes: residentBytes,
        };
        return [name, { costs, runSamplesMs: [publishedRunMs] }];
      }),
    ),
  };
}

/** As measured by live runs of this project, models in mapped form, in containers that hold three or four of them. */
export function measuredCosts(profile: Profile): CostSet {
  return {
    name: 'measured',
    platform: platformCostsOf(profile),
    containerMemoryBytes: 256 * bytesPerMib,
    headroomShare: 0.1,
    models: new Map(Object.entries(profile.actions).map(([name, action]) => [name, { costs: { ...actionCostsOf(action, 'mapped'), ...fileBytesOf(name) }, runSamplesMs: action.runSamplesMs.mapped }])),
  };
}
