// Whatever happens, in whatever order: what must hold of every decision of the scheduler.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { SchedulerConfig } from '../config.ts';
import { createState } from '../state.ts';
import { step } from '../step.ts';
import { config, happening, prologue } from './happenings.ts';
import { RandomWorld, type Happening } from './random-world.ts';

function live(chosen: SchedulerConfig, happenings: readonly Happening[]): RandomWorld {
  const world = new RandomWorld(chosen);
  for (const each of [...prologue, ...happenings]) world.happen(each);
  return world;
}

const runs = { numRuns: 300 };

describe('the scheduler, whatever happens', function () {
  this.timeout(60_000);

  it('keeps its invariants and asks only for what can be done', () => {
    let mostAtOnce = 0;
    let readCount = 0;
    fc.assert(
      fc.property(config, fc.array(happening, { maxLength: 200, size: 'max' }), (chosen, happenings) => {
        const world = live(chosen, happenings);
        mostAtOnce = Math.max(mostAtOnce, world.mostAtOnce);
        readCount += world.readCount;
      }),
      runs,
    );
    assert.equal(mostAtOnce, 3, 'what is allowed at once has happened');
    assert.ok(readCount > 10, `files were read ahead ${readCount} times`);
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
