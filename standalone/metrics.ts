// The metrics of a standalone system: its invoker's and its planner's on one page.
import type { RequestHandler } from 'express';
import { Registry } from 'prom-client';
import { createPlannerMetrics } from '../controller-plugin/planner-metrics.ts';
import { InvokerMetrics } from '../invoker-plugin/metrics.ts';
import type { ObservedSystem } from './observed-system.ts';

/** To be called before the system starts: what has happened before is not counted. */
export function standaloneMetrics(system: ObservedSystem): Registry {
  const invoker = new InvokerMetrics();
  invoker.watch(system.measuredInvoker, system.schedulerConfig.poolMemoryBytes);
  system.onStep(({ event, commands, state }) => {
    invoker.observeStep(event, commands, state);
  });
  system.onFinished((finished) => {
    invoker.observeActivation(finished);
  });
  return Registry.merge([invoker.registry, createPlannerMetrics(system.measuredPlanner)]);
}

/** Answers in the format that Prometheus reads, without a key, as every other server's `/metrics`. */
export function metricsHandler(registry: Registry): RequestHandler {
  return async (_request, response) => {
    response.set('content-type', registry.contentType).send(await registry.metrics());
  };
}
