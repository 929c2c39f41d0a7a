// What has to be true of every policy, whatever is called: nothing is lost, nothing is better than the bound, and the same
// calls give the same result. The simulation itself checks that no container runs two calls and that memory is enough.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { policies } from '../../policies/index.ts';
import { runSmallWorld, type SmallWorld } from '../../testing/small-world.ts';

const actions = [['a', 1000, 600], ['b', 200, 300], ['c', 3000, 450], ['d', 20, 900], ['e', 500, 100]] as const;
const callsArbitrary = fc
  .array(fc.tuple(fc.oneof(fc.nat(500), fc.nat(30_000), fc.nat(900_000)), fc.constantFrom('a', 'b', 'c', 'd', 'e')), { minLength: 1, maxLength: 40 })
  .map((gaps) => {
    let at = 0;
    return gaps.map(([gapMs, action]) => [(at += gapMs), action] as const);
  });

describe('every policy', () => {
  for (const policy of policies) {
    it(`${policy.name}: serves every call, never below the floor, always alike`, function () {
      this.timeout(60_000);
      fc.assert(
        fc.property(callsArbitrary, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2000 }), (calls, containers, runMs) => {
          const world: SmallWorld = { policy, actions, calls, containers, runMs };
          const { measures, starts } = runSmallWorld(world);
          assert.equal(measures.activations, calls.length);
          assert.equal(measures.failed, 0);
          assert.equal(starts.length, calls.length);
          assert.ok(measures.regret > -1e-9, `regret ${measures.regret}`);
          assert.ok(measures.loadRemovedShare >= 0 && measures.loadRemovedShare <= 1);
          assert.ok(measures.wastedGibSeconds <= measures.memoryGibSeconds + 1e-9);
          assert.deepEqual(runSmallWorld(world).measures, measures);
        }),
        { numRuns: 40 },
      );
    });
  }
});
