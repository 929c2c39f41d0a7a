// The project's own scheduler core as a policy, with or without the pre-loader core in front of it: what the invoker and the
// controller plugin run live, joined without a bus in between.
import type { PreloaderConfig } from '../../controller-plugin/core/config.ts';
import { createState as createPreloaderState } from '../../controller-plugin/core/state.ts';
import { step as stepPreloader } from '../../controller-plugin/core/step.ts';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import { usualWeighing, type SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import { createState } from '../../invoker-plugin/core/state.ts';
import { step } from '../../invoker-plugin/core/step.ts';
import type { Policy, PolicyInput, PolicyStep } from './policy.ts';

/** OpenWhisk's idle-container timeout (`whisk.container-proxy.timeouts.idle-container`). */
export const stockKeepAliveMs = 600_000;

/** The scheduler's settings in the lab; a policy gives what it differs in. */
export function labSchedulerConfig(input: PolicyInput, own: Partial<SchedulerConfig>): SchedulerConfig {
  const keepAliveMs = input.keepAliveMs ?? stockKeepAliveMs;
  return {
    poolMemoryBytes: input.poolMemoryBytes,
    prewarmPolicy: 'none',
    preload: false,
    keepAliveMs,
    zygoteWindowMs: 2 * keepAliveMs,
    stemCellCount: 0,
    stemCellMemoryBytes: input.containerMemoryBytes,
    maxConcurrentLoads: 1,
    ...usualWeighing,
    headroomShare: input.headroomShare,
    ...input.weighing,
    maxQueuedActivations: 100_000,
    ...own,
  };
}

/** A policy of the core; with a pre-loader, each arrival and deployment becomes a plan that reaches the scheduler at once. */
export function corePolicy(config: SchedulerConfig, preloader?: PreloaderConfig): Policy {
  const state = createState();
  const preloaderState = createPreloaderState();
  const planned = (event: SchedulerEvent): readonly SchedulerEvent[] => {
    if (preloader === undefined || (event.type !== 'activationArrived' && event.type !== 'actionDeployed')) return [];
    const { at, actionKey } = event;
    const { plans } = stepPreloader(preloaderState, { type: event.type === 'activationArrived' ? 'arrivalObserved' : 'actionDeployed', at, actionKey }, preloader);
    return plans.map((plan) => ({ type: 'planReceived', at, ...plan }));
  };
  return {
    step: (event): PolicyStep => {
      const { commands, wakeAt } = step(state, event, config);
      let all: readonly SchedulerCommand[] = commands;
      let last = wakeAt;
      for (const plan of planned(event)) {
        const result = step(state, plan, config);
        if (result.commands.length > 0) all = [...all, ...result.commands];
        last = result.wakeAt;
      }
      return { commands: all, wakeAt: last };
    },
  };
}
