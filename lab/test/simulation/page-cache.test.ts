// The page cache of a simulated host, worked out by hand: files of 200 MB cost 200 ms where they come from the disk.
import { strict as assert } from 'node:assert';
import { keepAlive } from '../../policies/keep-alive.ts';
import { ours } from '../../policies/ours.ts';
import { SimulatedPageCache } from '../../simulation/simulated-page-cache.ts';
import { minuteMs, runSmallWorld, type SmallWorld } from '../../testing/small-world.ts';

/** One container for two actions: each call of one takes it from the other, and starts cold. */
const inTurns: SmallWorld = {
  policy: keepAlive,
  actions: [['a', 100, 600], ['b', 100, 600]],
  calls: [[0, 'a'], [10_000, 'b'], [20_000, 'a'], [30_000, 'b']],
  containers: 1,
  fileMb: 200,
};
const startups = (world: SmallWorld): readonly number[] => runSmallWorld(world).starts.map(([, , startupMs]) => startupMs);

describe('the page cache of a simulated host', () => {
  it('is not there unless it is asked for', () => {
    const { fileMb: _fileMb, ...without } = inTurns;
    assert.deepEqual(startups(inTurns), startups(without));
  });

  it('makes the first load of each dearer where it holds both, and every load where it holds one', () => {
    const warm = startups(inTurns);
    const dearerBy = (pageCacheMb: number): readonly number[] => startups({ ...inTurns, pageCacheMb }).map((ms, index) => Math.round(ms - (warm[index] ?? 0)));
    assert.deepEqual(dearerBy(400), [200, 200, 0, 0]);
    assert.deepEqual(dearerBy(399), [200, 200, 200, 200]);
    assert.deepEqual(dearerBy(100), [200, 200, 200, 200]);
  });

  it('lets go of what was used longest ago', () => {
    const cache = new SimulatedPageCache(250);
    assert.deepEqual(['a', 'b', 'a', 'c', 'b', 'a'].map((key) => cache.use(key, 100)), [100, 100, 0, 100, 100, 100]);
    assert.equal(cache.read('a', 40), 0);
    assert.equal(cache.read('d', 40), 40);
    assert.equal(cache.use('d', 100), 60, 'the rest of it');
  });

  it('has our scheduler read files ahead where there is no place to load them', () => {
    // Larger than what a container may be filled with ahead of calls.
    const world: SmallWorld = { ...inTurns, policy: ours, actions: [['a', 100, 1200]], calls: [[minuteMs, 'a']], pageCacheMb: 1000 };
    const [without, withReading] = [startups(world)[0] ?? 0, startups({ ...world, readAheadMbPerSecond: 100 })[0] ?? 0];
    assert.equal(without - withReading, 200);
  });
});
