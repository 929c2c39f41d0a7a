// Stock OpenWhisk without stem cells: a container is made when a call needs one, serves its own action and namespace, and is
// kept idle for ten minutes; for a new one that does not fit, the idle ones used longest ago go.
//
// Source: Apache OpenWhisk, ContainerPool.scala and ContainerProxy.scala (idle-container 10 minutes).
// Known differences: idle containers are not paused after 10 s (pausing costs about 12 ms to undo); a call whose container
// is still starting takes a container of its action that comes free first, which stock does not do (in its favour).
import { corePolicy, labSchedulerConfig } from './core-policy.ts';
import type { PolicyDefinition } from './policy.ts';

export const keepAlive: PolicyDefinition = {
  name: 'keep-alive',
  title: 'keep-alive, 10 min (stock)',
  source: 'Apache OpenWhisk',
  looksAhead: false,
  create: (input) => corePolicy(labSchedulerConfig(input, { prewarmPolicy: 'none' })),
};
