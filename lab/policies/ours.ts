// InstaInfer as this project builds it: the Proactive Pre-loader's plans and the Pre-loading Scheduler, stem cells and zygotes,
// loading ahead by value into idle containers. The very code that runs live; no stem cells are asked for, since containers are
// started where they are worth their memory.
//
// Source: controller-plugin/core/ and invoker-plugin/core/; docs/scheduling.md.
// Known differences from live: plans arrive without the delay of a bus; on several invokers each pre-loader sees the calls of
// its own invoker only.
import { defaultPreloaderConfig } from '../../controller-plugin/core/config.ts';
import { corePolicy, labSchedulerConfig } from './core-policy.ts';
import type { PolicyDefinition } from './policy.ts';

export const ours: PolicyDefinition = {
  name: 'ours',
  title: 'ours',
  source: 'docs/scheduling.md',
  looksAhead: false,
  create: (input) =>
    corePolicy(labSchedulerConfig(input, { prewarmPolicy: 'pagurus', preload: true }), {
      ...defaultPreloaderConfig,
      planContainerWindows: false,
      mostActions: 100_000,
    }),
};
