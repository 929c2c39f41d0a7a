// More actions than one step tries want a place, and there is no room: whose turn it is, and when.
import { strict as assert } from 'node:assert';
import { MiB, minute, TestScheduler } from './builders.ts';

const tick = (scheduler: TestScheduler): void => {
  scheduler.tell({ type: 'ticked', at: scheduler.now });
};
const large = { estimatedResidentBytes: 150 * MiB, estimatedLoadMs: 3000 };
const small = { estimatedResidentBytes: 50 * MiB, estimatedLoadMs: 100 };

/** The stem cell `c1` holds one large artifact and has 60 MiB of room; seventeen as large, worth as much, and a small one worth little wait. */
function crowded(): TestScheduler {
  const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', maxConcurrentLoads: 1 });
  tick(scheduler);
  scheduler.started('c1');
  scheduler.deploy('ann/first@1', large);
  for (let number = 1; number <= 17; number += 1) scheduler.deploy(`ann/large${number}@1`, large);
  scheduler.deploy('ann/small@1', small);
  scheduler.tell({ type: 'loadSucceeded', at: scheduler.now, containerId: 'c1', actionKey: 'ann/first@1', loadMs: 3000, residentBytes: 150 * MiB, usedBytes: 170 * MiB });
  return scheduler;
}

describe('actions that wait for room, more than one step tries', () => {
  it('are tried sixteen at a time, those worth most first, and the next ones after a second', () => {
    const scheduler = crowded();
    assert.deepEqual(scheduler.commands, [], 'the small one would fit, but sixteen are worth more');
    scheduler.now += 900;
    tick(scheduler);
    assert.deepEqual(scheduler.commands, []);
    scheduler.now += 200;
    tick(scheduler);
    assert.deepEqual(scheduler.commands, [{ type: 'load', containerId: 'c1', actionKey: 'ann/small@1', reason: 'deployed' }]);
  });

  it('are tried at once where a container has got room', () => {
    const scheduler = crowded();
    scheduler.deploy('ann/own@1', { declaresArtifacts: false });
    scheduler.arrive('own1', 'ann/own@1');
    const { containerId } = scheduler.the('createContainer');
    scheduler.started(containerId);
    const load = scheduler.the('load');
    assert.equal(load.containerId, containerId);
    assert.match(load.actionKey, /large/);
  });

  it('do not hold up one that comes and is worth more', () => {
    const scheduler = crowded();
    scheduler.deploy('ann/hot@1', large);
    assert.deepEqual(scheduler.commands, []);
    scheduler.plan('ann/hot@1', { arrivalRatePerMs: 1 / 100, preloadWindowMs: 0, lastArrivalAt: scheduler.now - minute / 60 });
    assert.deepEqual(scheduler.commands, [{ type: 'offload', containerId: 'c1', actionKey: 'ann/first@1', reason: 'evicted-for-value' }]);
  });
});
