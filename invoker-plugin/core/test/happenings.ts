// What may happen to a scheduler, and with which settings, for the tests that try it at random.
import fc from 'fast-check';
import { prewarmPolicies, type SchedulerConfig } from '../config.ts';
import { MiB, minute } from './builders.ts';
import type { Happening } from './random-world.ts';

export const happening: fc.Arbitrary<Happening> = fc.record({
  what: fc.oneof(
    { weight: 3, arbitrary: fc.constant('deploy' as const) },
    { weight: 1, arbitrary: fc.constant('remove' as const) },
    { weight: 3, arbitrary: fc.constant('plan' as const) },
    { weight: 12, arbitrary: fc.constant('arrive' as const) },
    { weight: 20, arbitrary: fc.constant('answer' as const) },
    { weight: 1, arbitrary: fc.constant('crash' as const) },
    { weight: 2, arbitrary: fc.constant('pass' as const) },
    { weight: 4, arbitrary: fc.constant('wake' as const) },
  ),
  which: fc.nat({ max: 20 }),
  how: fc.nat({ max: 20_000 }),
});

export const config: fc.Arbitrary<SchedulerConfig> = fc.record({
  poolMemoryBytes: fc.constantFrom(300 * MiB, 512 * MiB, 1024 * MiB, 3000 * MiB),
  prewarmPolicy: fc.constantFrom(...prewarmPolicies),
  preload: fc.boolean(),
  keepAliveMs: fc.constantFrom(1000, 10 * minute),
  zygoteWindowMs: fc.constantFrom(1000, 10 * minute),
  stemCellCount: fc.constantFrom(0, 1, 3),
  stemCellMemoryBytes: fc.constantFrom(256 * MiB, 512 * MiB),
  maxConcurrentLoads: fc.constantFrom(1, 3),
  valueHorizonMs: fc.constantFrom(1000, minute),
  evictionHysteresis: fc.constantFrom(1, 2),
  headroomShare: fc.constantFrom(0, 0.1, 0.5),
  mostPinnedShare: fc.constantFrom(0, 0.25, 1),
  readAheadBytesPerSecond: fc.constantFrom(0, 100e6),
  memoryPriceMsPerGibSecond: fc.constantFrom(0, 2, 20),
  maxQueuedActivations: fc.constantFrom(0, 2, 1000),
});

/** All seven actions exist from the start, so that most random arrivals mean something. */
export const prologue: Happening[] = [0, 1, 2, 3, 4, 5, 6].map((which) => ({ what: 'deploy', which, how: 100 + 20 * which }));
