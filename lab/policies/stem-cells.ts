// Stock OpenWhisk with stem cells: beside keep-alive, two containers without an action stand ready and are replaced when one
// is taken. A call saves the start of a container; everything is still loaded on its path.
//
// Source: Apache OpenWhisk, `whisk.runtimes` prewarming: kind and memory limit, initial count 2 as in its runtimes.json.
// Known differences: no reactive prewarming (minCount, maxCount, ttl, threshold); those of keep-alive.ts.
import { corePolicy, labSchedulerConfig } from './core-policy.ts';
import type { PolicyDefinition } from './policy.ts';

export const stemCellCount = 2;

export const stemCells: PolicyDefinition = {
  name: 'stem-cells',
  title: 'stem cells (stock)',
  source: 'Apache OpenWhisk',
  looksAhead: false,
  create: (input) => corePolicy(labSchedulerConfig(input, { prewarmPolicy: 'stemcell', stemCellCount })),
};
