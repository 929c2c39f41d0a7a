// Pinned places, priorities and idle times as sentences.
import { strict as assert } from 'node:assert';
import type { SchedulerConfig } from '../config.ts';
import { noWishes, type ActionWishes } from '../wishes.ts';
import { MiB, minute, TestScheduler } from './builders.ts';

const a = 'ann/a@1';
const b = 'ann/b@1';
const pinned = (places: number): { wishes: ActionWishes } => ({ wishes: { ...noWishes, pinnedPlaces: places } });
const idle = (idleMs: number): { wishes: ActionWishes } => ({ wishes: { ...noWishes, idleMs } });

/** A scheduler with idle stem cells `c1`, `c2`, … of 256 MiB that use 20 MiB each. */
function withStemCells(count: number, more: Partial<SchedulerConfig> = {}): TestScheduler {
  const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: count, maxConcurrentLoads: 1, mostPinnedShare: 1, ...more });
  scheduler.tell({ type: 'ticked', at: scheduler.now });
  for (let number = 1; number <= count; number += 1) scheduler.started(`c${number}`);
  return scheduler;
}

describe('a pinned action', () => {
  it('is loaded at its deployment into as many containers as are to be pinned', () => {
    const scheduler = withStemCells(3);
    scheduler.deploy(a, pinned(2));
    assert.equal(scheduler.the('load').reason, 'pinned');
    scheduler.loaded('c1', a);
    assert.deepEqual(scheduler.commands, [{ type: 'load', containerId: 'c2', actionKey: a, reason: 'pinned' }]);
    scheduler.loaded('c2', a);
    assert.deepEqual(scheduler.commands, []);
  });

  it('has a container started for it where no other has room, and keeps it', () => {
    const scheduler = withStemCells(0, { prewarmPolicy: 'none', zygoteWindowMs: minute });
    scheduler.deploy(a, pinned(1));
    assert.equal(scheduler.the('createContainer').reason, 'pinned');
    scheduler.started('c1');
    assert.equal(scheduler.the('load').containerId, 'c1');
    scheduler.loaded('c1', a);
    assert.deepEqual(scheduler.pass(60 * minute), []);
    scheduler.tell({ type: 'actionRemoved', at: scheduler.now, actionKey: a });
    assert.equal(scheduler.the('offload').reason, 'action-removed');
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 * MiB });
    scheduler.pass(3 * minute);
    assert.equal(scheduler.the('removeContainer').reason, 'surplus-stem-cell', 'nothing keeps it now');
  });

  it('tries again to have one started when that has failed, but not at once', () => {
    const scheduler = withStemCells(0, { prewarmPolicy: 'none' });
    scheduler.deploy(a, pinned(1));
    scheduler.removed('c1', 'start-failed');
    assert.deepEqual(scheduler.commands, []);
    scheduler.pass(1000);
    assert.equal(scheduler.the('createContainer').reason, 'pinned');
  });

  it('has none started that would have no room for it either', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a, { ...pinned(1), estimatedResidentBytes: 211 * MiB });
    assert.deepEqual(scheduler.commands, [], '230 MiB of 256 may be used, 20 are');
    scheduler.deploy(b, { ...pinned(1), estimatedResidentBytes: 210 * MiB });
    assert.equal(scheduler.the('load').actionKey, b);
  });

  it('stays when it has not been called for long, and when another is worth more', () => {
    for (const { wishes, expected } of [{ ...pinned(1), expected: [] }, { wishes: noWishes, expected: [[a, 'evicted-for-value']] }]) {
      const scheduler = withStemCells(1, { poolMemoryBytes: 256 * MiB });
      scheduler.deploy(a, { wishes, estimatedResidentBytes: 150 * MiB });
      scheduler.loaded('c1', a, 170 * MiB, 150 * MiB);
      if (wishes.pinnedPlaces > 0) assert.deepEqual(scheduler.pass(60 * minute), []);
      scheduler.deploy(b, { estimatedLoadMs: 60_000, estimatedResidentBytes: 150 * MiB });
      assert.deepEqual(scheduler.all('offload').map(({ actionKey, reason }) => [actionKey, reason]), expected);
    }
  });

  it('puts out what is worth something where there is no room for it', () => {
    const scheduler = withStemCells(1, { poolMemoryBytes: 256 * MiB });
    scheduler.deploy(b, { estimatedResidentBytes: 150 * MiB });
    scheduler.plan(b, { arrivalRatePerMs: 1, preloadWindowMs: 0 });
    scheduler.loaded('c1', b, 170 * MiB, 150 * MiB);
    scheduler.deploy(a, { ...pinned(1), estimatedResidentBytes: 150 * MiB });
    assert.deepEqual(scheduler.the('offload'), { type: 'offload', containerId: 'c1', actionKey: b, reason: 'evicted-for-value' });
  });

  it('goes last where an activation needs the memory of a container, but goes', () => {
    const scheduler = withStemCells(2, { poolMemoryBytes: 512 * MiB });
    scheduler.deploy(a, pinned(1));
    scheduler.loaded('c1', a);
    for (const [number, expected] of [[1, 'c2'], [2, 'c1']] as const) {
      scheduler.deploy(`bob/big${number}@1`, { memoryLimitBytes: 255 * MiB, declaresArtifacts: false });
      scheduler.arrive(`x${number}`, `bob/big${number}@1`);
      assert.equal(scheduler.the('removeContainer').containerId, expected);
      scheduler.removed(expected);
      scheduler.started(scheduler.the('createContainer').containerId);
    }
  });

  it('goes last where a container runs short of memory, but goes', () => {
    for (const { usedMiB, gone } of [{ usedMiB: 250, gone: [b] }, { usedMiB: 255, gone: [b, a] }]) {
      const scheduler = withStemCells(1);
      scheduler.deploy(a, pinned(1));
      scheduler.loaded('c1', a);
      scheduler.deploy(b);
      scheduler.plan(b, { arrivalRatePerMs: 1, preloadWindowMs: 0 });
      scheduler.loaded('c1', b, usedMiB * MiB, 5 * MiB);
      assert.deepEqual(scheduler.all('offload').map(({ actionKey, reason }) => [actionKey, reason]), gone.map((key) => [key, 'memory-pressure']), `${usedMiB} of 256 MiB`);
    }
  });

  it('lets a call of another action take its container only where that saves more than it loses', () => {
    const scheduler = withStemCells(2);
    scheduler.deploy(a, { ...pinned(1), estimatedLoadMs: 3000 });
    scheduler.loaded('c1', a);
    scheduler.deploy('bob/f@1', { declaresArtifacts: false });
    scheduler.arrive('f1', 'bob/f@1');
    assert.equal(scheduler.the('startActivation').containerId, 'c2');
  });

  it('is pinned as far as the memory for it goes, the one deployed first before the next', () => {
    const scheduler = withStemCells(4, { poolMemoryBytes: 1024 * MiB, mostPinnedShare: 0.125 });
    scheduler.deploy(a, pinned(2));
    scheduler.deploy(b, pinned(1));
    const granted = (key: string): number | undefined => scheduler.state.actions.get(key)?.grantedPins;
    assert.deepEqual([granted(a), granted(b)], [2, 0], '128 MiB to pin, 50 MiB a place');
    scheduler.loaded('c1', a, 120 * MiB, 100 * MiB);
    assert.deepEqual([granted(a), granted(b)], [1, 0], 'what it really takes counts once that is known');
    scheduler.tell({ type: 'actionRemoved', at: scheduler.now, actionKey: a });
    assert.equal(granted(b), 1);
  });

  it('is not pinned where its calls are expected at other invokers', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a, { ...pinned(1), declaresArtifacts: false });
    scheduler.plan(a, { elsewhere: true });
    scheduler.deploy(a, pinned(1));
    assert.deepEqual(scheduler.all('load'), []);
  });
});

describe('a pinned action beside another invoker', () => {
  it('is kept in so many of its stem cells, within the share of what these hold together', () => {
    const scheduler = new TestScheduler({ poolMemoryBytes: 0, preload: true, mostPinnedShare: 0.25, maxConcurrentLoads: 1 });
    scheduler.deploy(a, { ...pinned(1), estimatedResidentBytes: 150 * MiB });
    const find = (containerId: string): unknown => scheduler.tell({ type: 'containerFound', at: scheduler.now, containerId, memoryLimitBytes: 256 * MiB, usedBytes: 20 * MiB });
    const granted = (): number | undefined => scheduler.state.actions.get(a)?.grantedPins;
    find('s1');
    find('s2');
    assert.equal(granted(), 0, '128 MiB to pin');
    find('s3');
    assert.equal(granted(), 1, '192 MiB to pin');
    scheduler.removed('s3');
    assert.equal(granted(), 0);
    assert.deepEqual(scheduler.all('createContainer'), []);
  });
});

describe('the priority of an action', () => {
  it('is no reason to let a call of another start cold', () => {
    for (const priority of [1, 100]) {
      const scheduler = withStemCells(1);
      scheduler.deploy(a, { wishes: { ...noWishes, priority } });
      scheduler.plan(a, { arrivalRatePerMs: 1 / 60_000 });
      scheduler.loaded('c1', a);
      scheduler.deploy('bob/f@1', { declaresArtifacts: false });
      scheduler.arrive('f1', 'bob/f@1');
      assert.equal(scheduler.the('startActivation').containerId, 'c1', `priority ${priority}`);
    }
  });
});

describe('the idle time of an action', () => {
  it('gives its artifacts back to the millisecond, whatever the window says', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a, idle(30_000));
    scheduler.plan(a, { arrivalRatePerMs: 1 / 10_000, offloadWindowMs: 60 * minute });
    scheduler.loaded('c1', a);
    assert.deepEqual(scheduler.pass(29_999), []);
    scheduler.pass(1);
    assert.deepEqual(scheduler.commands, [{ type: 'offload', containerId: 'c1', actionKey: a, reason: 'idle-ttl' }]);
  });

  it('counts anew from each call', () => {
    const scheduler = withStemCells(2);
    scheduler.deploy(a, idle(30_000));
    scheduler.loaded('c1', a);
    scheduler.pass(20_000);
    scheduler.arrive('a1', a);
    scheduler.finished('a1', 'c1');
    const [next] = [...scheduler.state.containers.values()].filter(({ load }) => load?.actionKey === a);
    if (next !== undefined) scheduler.loaded(next.id, a);
    assert.deepEqual(scheduler.pass(29_999).filter(({ type }) => type !== 'load'), []);
    assert.ok(scheduler.pass(1).length > 0);
  });

  it('of 0 has nothing loaded ahead, and leaves its own container its keep-alive', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a, idle(0));
    scheduler.plan(a, { arrivalRatePerMs: 1 / 1000, preloadWindowMs: 0 });
    assert.deepEqual(scheduler.commands, []);
    scheduler.tell({ type: 'loadAsked', at: scheduler.now, actionKey: a });
    assert.deepEqual(scheduler.commands, [], 'nor when a person asks');
    scheduler.arrive('a1', a);
    scheduler.finished('a1', 'c1');
    scheduler.started('c2');
    assert.deepEqual(scheduler.pass(9 * minute), []);
    scheduler.pass(minute);
    assert.equal(scheduler.the('removeContainer').reason, 'keep-alive-over');
  });

  it('that is over before a load would be has nothing loaded', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a, { ...idle(300), estimatedLoadMs: 300 });
    assert.deepEqual(scheduler.commands, []);
    scheduler.deploy(b, { ...idle(301), estimatedLoadMs: 300 });
    assert.equal(scheduler.the('load').actionKey, b);
  });

  it('ends its own container too, of which nothing is kept', () => {
    for (const [prewarmPolicy, type] of [['none', 'removeContainer'], ['pagurus', 'cleanContainer']] as const) {
      const scheduler = withStemCells(0, { prewarmPolicy, stemCellCount: 0 });
      scheduler.deploy(a, idle(30_000));
      scheduler.runOnce('a1', a);
      scheduler.pass(30_000);
      assert.equal(scheduler.the(type).reason, 'idle-ttl');
      if (type === 'cleanContainer') assert.equal(scheduler.the(type).retain, false);
    }
  });
});
