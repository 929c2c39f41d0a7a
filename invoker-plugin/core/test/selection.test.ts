// Which container an activation gets, as sentences; the first part mirrors OpenWhisk's ContainerPoolTests.
import { strict as assert } from 'node:assert';
import { MiB, minute, TestScheduler } from './builders.ts';

const a = 'ann/a@1';
const b = 'ann/b@1';
const foreign = 'bob/f@1';

function withActions(config: ConstructorParameters<typeof TestScheduler>[0], ...keys: string[]): TestScheduler {
  const scheduler = new TestScheduler(config);
  scheduler.tell({ type: 'ticked', at: scheduler.now });
  for (const key of keys) scheduler.deploy(key);
  return scheduler;
}

/** A scheduler with pre-loading and one container (`c1`) of action a, idle, in which b's artifacts are resident. */
function withResidentB(config: ConstructorParameters<typeof TestScheduler>[0] = {}): TestScheduler {
  const scheduler = withActions({ preload: true, ...config }, a);
  assert.equal(scheduler.runOnce('a1', a), 'c1');
  scheduler.deploy(b);
  assert.deepEqual(scheduler.the('load'), { type: 'load', containerId: 'c1', actionKey: b, reason: 'deployed' });
  scheduler.loaded('c1', b, 120 * MiB);
  return scheduler;
}

describe('choosing a container as stock OpenWhisk does', () => {
  it('creates a container for the first activation and starts it cold with init', () => {
    const scheduler = withActions({}, a);
    scheduler.arrive('a1', a);
    assert.deepEqual(scheduler.commands, [{ type: 'createContainer', containerId: 'c1', memoryLimitBytes: 256 * MiB, reason: 'activation' }]);
    scheduler.started('c1');
    assert.deepEqual(scheduler.commands, [
      { type: 'startActivation', activationId: 'a1', containerId: 'c1', actionKey: a, startType: 'cold', clean: 'none', init: true },
    ]);
  });

  it('reuses a warm container without init', () => {
    const scheduler = withActions({}, a);
    scheduler.runOnce('a1', a);
    scheduler.arrive('a2', a);
    assert.deepEqual(scheduler.commands, [
      { type: 'startActivation', activationId: 'a2', containerId: 'c1', actionKey: a, startType: 'warm', clean: 'none', init: false },
    ]);
  });

  it('takes an activation that a warm container refused to another one, and the container goes', () => {
    const scheduler = withActions({}, a);
    scheduler.runOnce('a1', a);
    scheduler.arrive('a2', a);
    scheduler.unserved('a2', 'c1');
    assert.equal(scheduler.the('removeContainer').containerId, 'c1');
    const { containerId } = scheduler.the('createContainer');
    scheduler.removed('c1');
    scheduler.started(containerId);
    const { activationId, init } = scheduler.the('startActivation');
    assert.deepEqual({ activationId, init }, { activationId: 'a2', init: true });
  });

  it('gives an activation up that a second container refuses', () => {
    const scheduler = withActions({}, a);
    scheduler.arrive('a1', a);
    scheduler.arrive('a2', a);
    for (const containerId of ['c1', 'c2']) scheduler.started(containerId);
    for (const [activationId, containerId] of [['a1', 'c1'], ['a2', 'c2']] as const) scheduler.finished(activationId, containerId);
    scheduler.arrive('a3', a);
    const first = scheduler.the('startActivation').containerId;
    scheduler.unserved('a3', first);
    const second = scheduler.the('startActivation').containerId;
    assert.notEqual(second, first);
    scheduler.unserved('a3', second);
    assert.deepEqual(scheduler.all('failActivation'), [{ type: 'failActivation', activationId: 'a3', reason: 'container-failed' }]);
  });

  it('passes over a refusal of an activation that is no longer in the container', () => {
    const scheduler = withActions({}, a);
    scheduler.runOnce('a1', a);
    assert.deepEqual(scheduler.unserved('a1', 'c1'), []);
  });

  it('reuses the container that was used last, so that the others reach the end of their keep-alive', () => {
    const scheduler = withActions({}, a);
    for (const [activationId, containerId] of [['a1', 'c1'], ['a2', 'c2']] as const) {
      scheduler.arrive(activationId, a);
      scheduler.started(containerId);
    }
    scheduler.now += 10;
    scheduler.finished('a2', 'c2');
    scheduler.now += 10;
    scheduler.finished('a1', 'c1');
    scheduler.arrive('a3', a);
    assert.equal(scheduler.the('startActivation').containerId, 'c1');
  });

  it('does not reuse a warm container for another action while nothing is pre-loaded', () => {
    const scheduler = withActions({}, a, b);
    scheduler.runOnce('a1', a);
    scheduler.arrive('b1', b);
    assert.equal(scheduler.the('createContainer').reason, 'activation');
  });

  it('does not reuse a warm container for another version of the action', () => {
    const scheduler = withActions({}, a, 'ann/a@2');
    scheduler.runOnce('a1', a);
    scheduler.arrive('a2', 'ann/a@2');
    assert.equal(scheduler.the('createContainer').containerId, 'c2');
  });

  it('does not give a busy container to a second activation', () => {
    const scheduler = withActions({}, a);
    scheduler.arrive('a1', a);
    scheduler.started('c1');
    scheduler.arrive('a2', a);
    assert.equal(scheduler.the('createContainer').containerId, 'c2');
  });

  it('takes a stem cell before it creates a container, and starts a new stem cell', () => {
    const scheduler = withActions({ prewarmPolicy: 'stemcell' }, a);
    scheduler.started('c1');
    scheduler.arrive('a1', a);
    assert.deepEqual(
      scheduler.commands.map((command) => [command.type, 'startType' in command ? command.startType : 'reason' in command && command.reason]),
      [['startActivation', 'prewarmed'], ['createContainer', 'stem-cell']],
    );
  });

  it('does not take a stem cell of another memory limit', () => {
    const scheduler = withActions({ prewarmPolicy: 'stemcell' });
    scheduler.started('c1');
    scheduler.deploy(a, { memoryLimitBytes: 128 * MiB });
    scheduler.arrive('a1', a);
    assert.equal(scheduler.the('createContainer').memoryLimitBytes, 128 * MiB);
  });

  it('waits for a stem cell that is starting rather than create another container', () => {
    const scheduler = withActions({ prewarmPolicy: 'stemcell' }, a);
    scheduler.arrive('a1', a);
    assert.equal(scheduler.the('createContainer').reason, 'stem-cell');
    scheduler.started('c1');
    assert.equal(scheduler.the('startActivation').startType, 'cold');
  });

  it('does not start stem cells beyond the memory of the pool, nor evict for them', () => {
    const scheduler = withActions({ prewarmPolicy: 'stemcell', stemCellCount: 3, poolMemoryBytes: 512 * MiB });
    assert.deepEqual([...scheduler.state.containers.keys()], ['c1', 'c2']);
  });

  it('removes the container that has been idle longest to make room', () => {
    const scheduler = withActions({ poolMemoryBytes: 512 * MiB }, a, b, foreign);
    scheduler.runOnce('a1', a);
    scheduler.now += 10;
    scheduler.runOnce('b1', b);
    scheduler.arrive('f1', foreign);
    assert.deepEqual(scheduler.commands, [{ type: 'removeContainer', containerId: 'c1', reason: 'evicted-for-activation' }]);
    scheduler.removed('c1');
    assert.equal(scheduler.the('createContainer').containerId, 'c3');
  });

  it('removes several containers where one is not enough, and waits for all of them', () => {
    const scheduler = withActions({ poolMemoryBytes: 512 * MiB }, a, b);
    scheduler.deploy(foreign, { memoryLimitBytes: 512 * MiB });
    scheduler.runOnce('a1', a);
    scheduler.runOnce('b1', b);
    scheduler.arrive('f1', foreign);
    assert.deepEqual(scheduler.all('removeContainer').map(({ containerId }) => containerId), ['c1', 'c2']);
    scheduler.removed('c2');
    assert.deepEqual(scheduler.commands, []);
    scheduler.removed('c1');
    assert.equal(scheduler.the('createContainer').memoryLimitBytes, 512 * MiB);
  });

  it('removes nothing when all idle containers together would not be enough', () => {
    const scheduler = withActions({ poolMemoryBytes: 512 * MiB }, a, b);
    scheduler.deploy(foreign, { memoryLimitBytes: 512 * MiB });
    scheduler.runOnce('a1', a);
    scheduler.arrive('b1', b);
    scheduler.started('c2');
    scheduler.arrive('f1', foreign);
    assert.deepEqual(scheduler.commands, []);
  });

  it('leaves warm containers usable for their own actions while others are removed', () => {
    const scheduler = withActions({ poolMemoryBytes: 512 * MiB }, a, b, foreign);
    scheduler.runOnce('a1', a);
    scheduler.runOnce('b1', b);
    scheduler.arrive('f1', foreign);
    scheduler.arrive('b2', b);
    assert.equal(scheduler.the('startActivation').startType, 'warm');
  });

  it('does not give memory that is promised to a waiting activation to one that comes later', () => {
    const scheduler = withActions({ poolMemoryBytes: 512 * MiB }, a, b, foreign);
    scheduler.runOnce('a1', a);
    scheduler.runOnce('b1', b);
    scheduler.arrive('f1', foreign);
    scheduler.arrive('f2', foreign);
    scheduler.removed('c1');
    assert.equal(scheduler.state.containers.get('c3')?.claimedBy, 'f1');
  });

  it('fails an activation of an action it does not know, or that can never fit the pool', () => {
    const scheduler = withActions({});
    scheduler.arrive('x1', 'ann/unknown@1');
    assert.equal(scheduler.the('failActivation').reason, 'action-unknown');
    scheduler.deploy(a, { memoryLimitBytes: 2048 * MiB });
    scheduler.arrive('x2', a);
    assert.equal(scheduler.the('failActivation').reason, 'memory-limit-exceeds-pool');
  });
});

describe('waiting', () => {
  /** A pool of one container, busy with a. */
  function fullPool(config: ConstructorParameters<typeof TestScheduler>[0] = {}): TestScheduler {
    const scheduler = withActions({ poolMemoryBytes: 256 * MiB, ...config }, a, b);
    scheduler.arrive('a1', a);
    scheduler.started('c1');
    return scheduler;
  }

  it('serves in strict order of arrival, even where a later one would find its warm container', () => {
    const scheduler = fullPool();
    scheduler.arrive('b1', b);
    scheduler.arrive('a2', a);
    scheduler.finished('a1', 'c1');
    assert.deepEqual(scheduler.commands, [{ type: 'removeContainer', containerId: 'c1', reason: 'evicted-for-activation' }]);
  });

  it('lets nothing overtake an activation that found no room, not even one whose warm container is idle', () => {
    const scheduler = withActions({ poolMemoryBytes: 512 * MiB }, a, b);
    scheduler.deploy(foreign, { memoryLimitBytes: 512 * MiB });
    scheduler.runOnce('b1', b);
    scheduler.arrive('a1', a);
    scheduler.started('c2');
    scheduler.arrive('f1', foreign);
    scheduler.arrive('b2', b);
    assert.deepEqual(scheduler.commands, []);
    scheduler.finished('a1', 'c2');
    assert.deepEqual(scheduler.all('removeContainer').map(({ containerId }) => containerId), ['c1', 'c2']);
  });

  it('fails the activation that finds the queue full', () => {
    const scheduler = fullPool({ maxQueuedActivations: 1 });
    scheduler.arrive('a2', a);
    scheduler.arrive('a3', a);
    assert.deepEqual(scheduler.commands, [{ type: 'failActivation', activationId: 'a3', reason: 'queue-full' }]);
  });

  it('lets an activation that waits for its container take a warm one that is free sooner, and keeps the other for the next', () => {
    const scheduler = withActions({}, a, b);
    scheduler.arrive('a1', a);
    scheduler.started('c1');
    scheduler.arrive('a2', a);
    scheduler.finished('a1', 'c1');
    assert.deepEqual([scheduler.the('startActivation').activationId, scheduler.the('startActivation').startType], ['a2', 'warm']);
    scheduler.arrive('b1', b);
    assert.deepEqual(scheduler.commands, []);
    scheduler.started('c2');
    assert.deepEqual([scheduler.the('startActivation').activationId, scheduler.the('startActivation').startType], ['b1', 'cold']);
  });

  it('takes an activation that is delivered twice while it waits only once', () => {
    const scheduler = fullPool();
    scheduler.arrive('a2', a);
    scheduler.arrive('a2', a);
    scheduler.finished('a1', 'c1');
    scheduler.finished('a2', 'c1');
    assert.deepEqual(scheduler.commands, []);
  });

  it('tries a container that did not start again, three times, and then fails the activation', () => {
    const scheduler = withActions({}, a);
    scheduler.arrive('a1', a);
    for (const id of ['c1', 'c2']) {
      scheduler.removed(id, 'start-failed');
      assert.equal(scheduler.the('createContainer').reason, 'activation');
    }
    scheduler.removed('c3', 'start-failed');
    assert.deepEqual(scheduler.commands, [{ type: 'failActivation', activationId: 'a1', reason: 'container-failed' }]);
  });

  it('fails the activation of a container that crashed, and does not run it again', () => {
    const scheduler = fullPool();
    scheduler.removed('c1', 'crashed');
    assert.deepEqual(scheduler.commands, [{ type: 'failActivation', activationId: 'a1', reason: 'container-failed' }]);
  });
});

describe('choosing a container with artifacts resident', () => {
  it('prefers its own warm container to one that holds its artifacts', () => {
    const scheduler = withResidentB({ poolMemoryBytes: 512 * MiB });
    scheduler.arrive('b1', b);
    scheduler.finished('b1', 'c1');
    scheduler.arrive('b2', b);
    assert.equal(scheduler.the('startActivation').startType, 'warm');
  });

  it('starts pre-loaded in another action’s container of the namespace, whose slot stays', () => {
    const scheduler = withResidentB();
    scheduler.arrive('b1', b);
    assert.deepEqual(scheduler.the('startActivation'), {
      type: 'startActivation', activationId: 'b1', containerId: 'c1', actionKey: b, startType: 'preloaded', clean: 'retain', init: true,
    });
    scheduler.finished('b1', 'c1', { usedBytes: 120 * MiB });
    scheduler.arrive('a2', a);
    assert.deepEqual([scheduler.the('startActivation').containerId, scheduler.the('startActivation').startType], ['c1', 'preloaded']);
  });

  it('prefers a container that holds its artifacts to a stem cell', () => {
    const scheduler = withResidentB({ prewarmPolicy: 'stemcell', stemCellCount: 0 });
    scheduler.arrive('b1', b);
    assert.equal(scheduler.the('startActivation').startType, 'preloaded');
  });

  it('never takes a warm container of another namespace', () => {
    const scheduler = withActions({ preload: true }, a, foreign);
    scheduler.runOnce('a1', a);
    assert.deepEqual(scheduler.all('load'), []);
    scheduler.arrive('f1', foreign);
    assert.equal(scheduler.the('createContainer').containerId, 'c2');
  });

  it('of two containers that hold its artifacts takes the one that is missed less', () => {
    const scheduler = withActions({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 2, maxConcurrentLoads: 4 });
    scheduler.started('c1');
    scheduler.started('c2');
    scheduler.deploy(a, { estimatedLoadMs: 2000 });
    scheduler.plan(a, { arrivalRatePerMs: 1 / 1000, preloadWindowMs: 0 });
    scheduler.pass(100);
    for (const container of ['c1', 'c2']) scheduler.loaded(container, a);
    assert.deepEqual([...(scheduler.state.actions.get(a)?.idleResident ?? [])].sort(), ['c1', 'c2']);
    scheduler.deploy(b);
    const shared = scheduler.the('load').containerId;
    scheduler.loaded(shared, b, 120 * MiB);
    scheduler.arrive('a1', a);
    assert.notEqual(scheduler.the('startActivation').containerId, shared);
  });

  it('joins a load of its own artifacts that will be ready sooner than a new one', () => {
    const scheduler = withActions({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 2 });
    scheduler.started('c1');
    scheduler.started('c2');
    scheduler.deploy(a);
    const { containerId } = scheduler.the('load');
    scheduler.now += 200;
    scheduler.arrive('a1', a);
    assert.deepEqual([scheduler.the('startActivation').containerId, scheduler.the('startActivation').startType], [containerId, 'prewarmed']);
  });

  it('does not join a load that will take longer than loading on the path of the call', () => {
    const scheduler = withActions({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 2 });
    scheduler.started('c1');
    scheduler.started('c2');
    scheduler.deploy(a, { estimatedLoadMs: 3000 });
    const { containerId } = scheduler.the('load');
    const action = scheduler.state.actions.get(a)!;
    action.loadMs = { mean: 300, count: 1 };
    action.aheadLoadMs = { mean: 3000, count: 1 };
    scheduler.now += 200;
    scheduler.arrive('a1', a);
    assert.notEqual(scheduler.the('startActivation').containerId, containerId);
  });

  it('takes a stem cell in which nothing is being loaded, so that no load is cancelled', () => {
    const scheduler = withActions({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 2 }, b);
    scheduler.started('c1');
    const { containerId } = scheduler.the('load');
    scheduler.started('c2');
    scheduler.deploy(a, { declaresArtifacts: false });
    scheduler.arrive('a1', a);
    assert.notEqual(scheduler.the('startActivation').containerId, containerId);
  });

  it('cleans another action’s container of the namespace rather than wait for a new one', () => {
    const scheduler = withActions({ preload: true }, a);
    scheduler.runOnce('a1', a);
    scheduler.pass(9 * minute);
    scheduler.deploy(b, { declaresArtifacts: false });
    scheduler.arrive('b1', b);
    assert.deepEqual([scheduler.the('startActivation').startType, scheduler.the('startActivation').clean], ['prewarmed', 'retain']);
  });

  it('discards the former action’s slot where both would not fit', () => {
    const scheduler = withActions({ preload: true }, a);
    scheduler.arrive('a1', a);
    scheduler.started('c1');
    scheduler.finished('a1', 'c1', { usedBytes: 230 * MiB });
    scheduler.pass(9 * minute);
    scheduler.deploy(b, { declaresArtifacts: false });
    scheduler.arrive('b1', b);
    assert.equal(scheduler.the('startActivation').clean, 'discard');
  });

  it('counts as lost what would have to go: takes the container in which there is room, although its own action is called more', () => {
    const scheduler = withActions({ preload: true, poolMemoryBytes: 512 * MiB });
    const big = { estimatedResidentBytes: 150 * MiB, estimatedLoadMs: 2000 };
    scheduler.deploy(a, { ...big, declaresArtifacts: false });
    scheduler.deploy(b, { estimatedLoadMs: 2000, declaresArtifacts: false });
    scheduler.deploy('ann/c@1', { estimatedResidentBytes: 100 * MiB, declaresArtifacts: false });
    for (const [id, key, usedBytes] of [['a1', a, 200 * MiB], ['b1', b, 70 * MiB]] as const) {
      scheduler.arrive(id, key);
      const { containerId } = scheduler.the('createContainer');
      scheduler.started(containerId);
      scheduler.finished(id, containerId, { usedBytes, loadMs: 2000 });
      scheduler.plan(a, { arrivalRatePerMs: 1 / 10_000 });
    }
    scheduler.plan(b, { arrivalRatePerMs: 1 / 8000 });
    scheduler.arrive('c1', 'ann/c@1');
    const { containerId, clean } = scheduler.the('startActivation');
    assert.deepEqual([containerId, clean], ['c2', 'retain']);
  });
});
