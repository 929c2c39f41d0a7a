// Whatever happens, in whatever order: what must hold of every decision of the scheduler.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { prewarmPolicies, type SchedulerConfig } from '../config.ts';
import { createState } from '../state.ts';
import { step } from '../step.ts';
import { MiB, minute } from './builders.ts';
import { RandomWorld, type Happening } from './random-world.ts';

const happening: fc.Arbitrary<Happening> = fc.record({
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

const config: fc.Arbitrary<SchedulerConfig> = fc.record({
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
  maxQueuedActivations: fc.constantFrom(0, 2, 1000),
});

/** All seven actions exist from the start, so that most random arrivals mean something. */
const prologue: Happening[] = [0, 1, 2, 3, 4, 5, 6].map((which) => ({ what: 'deploy', which, how: 100 + 20 * which }));

function live(chosen: SchedulerConfig, happenings: readonly Happening[]): RandomWorld {
  const world = new RandomWorld(chosen);
  for (const each of [...prologue, ...happenings]) world.happen(each);
  return world;
}

const runs = { numRuns: 300 };

describe('the scheduler, whatever happens', function () {
  this.timeout(60_000);

  it('keeps its invariants and asks only for what can be done', () => {
    fc.assert(
      fc.property(config, fc.array(happening, { maxLength: 200, size: 'max' }), (chosen, happenings) => {
        live(chosen, happenings);
      }),
      runs,
    );
  });

  it('starts or fails every activation exactly once when everything is answered', () => {
    fc.assert(
      fc.property(config, fc.array(happening, { maxLength: 200, size: 'max' }), (chosen, happenings) => {
        const world = live(chosen, happenings);
        world.settle();
        const open = [...world.activations].filter(([, fate]) => fate === 'waiting' || fate === 'running');
        assert.deepEqual(open, []);
      }),
      runs,
    );
  });

  it('gives the same commands for the same events, also from a copy of its state', () => {
    fc.assert(
      fc.property(config, fc.array(happening, { maxLength: 200, size: 'max' }), fc.nat({ max: 100 }), (chosen, happenings, copyAt) => {
        const world = live(chosen, happenings);
        let state = createState();
        for (const [index, { event, commands }] of world.log.entries()) {
          if (index === copyAt) state = structuredClone(state);
          assert.deepEqual(step(state, event, chosen).commands, commands);
        }
        assert.deepEqual(state, world.state);
      }),
      runs,
    );
  });
});
