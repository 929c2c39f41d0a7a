// Actions whose limit allows several activations in one container, as OpenWhisk's ContainerPool and ContainerProxy run them.
import { strict as assert } from 'node:assert';
import { expectedStartupMs, isWorthTaking } from '../forward.ts';
import { MiB, TestScheduler } from './builders.ts';

const a = 'ann/a@1';
const b = 'ann/b@1';

/** The first call of an action that takes `limit` at once is starting in the one container there is room for, or in one of more. */
function withStarting(limit: number, containers = 1, preload = false): TestScheduler {
  const scheduler = new TestScheduler({ preload, maxConcurrentLoads: 0, poolMemoryBytes: containers * 256 * MiB });
  scheduler.deploy(a, { concurrencyLimit: limit });
  scheduler.deploy(b);
  scheduler.arrive('a1', a);
  scheduler.started('c1');
  return scheduler;
}

function initialized(scheduler: TestScheduler, activationId: string, containerId: string): string[] {
  scheduler.tell({ type: 'activationInitialized', at: scheduler.now, activationId, containerId });
  return startedIds(scheduler);
}

const startedIds = (scheduler: TestScheduler): string[] => scheduler.all('startActivation').map(({ activationId }) => activationId);

/** The first call runs in c1, which is initialised. */
function withRunning(limit: number, containers = 1, preload = false): TestScheduler {
  const scheduler = withStarting(limit, containers, preload);
  initialized(scheduler, 'a1', 'c1');
  return scheduler;
}

for (const preload of [false, true]) {
  describe(`an action that takes several calls in one container, with pre-loading ${preload ? 'on' : 'off'}`, () => {
    it('gets them into the container that runs it, warm and at once, up to its limit', () => {
      const scheduler = withRunning(3, 2, preload);
      scheduler.arrive('a2', a);
      assert.deepEqual(scheduler.commands, [{ type: 'startActivation', activationId: 'a2', containerId: 'c1', actionKey: a, startType: 'warm', clean: 'none', init: false }]);
      scheduler.arrive('a3', a);
      assert.deepEqual(startedIds(scheduler), ['a3']);
      scheduler.arrive('a4', a);
      assert.deepEqual(startedIds(scheduler), []);
    });

    it('waits for the container to be initialised instead of starting one for each call', () => {
      const scheduler = withStarting(3, 4, preload);
      scheduler.arrive('a2', a);
      scheduler.arrive('a3', a);
      assert.deepEqual(scheduler.commands, []);
      assert.deepEqual(initialized(scheduler, 'a1', 'c1'), ['a2', 'a3']);
    });

    it('gets all of them in at once when it is initialised, however many waited', () => {
      const scheduler = withStarting(40, 1, preload);
      const ids = Array.from({ length: 39 }, (_, index) => `a${index + 2}`);
      for (const id of ids) scheduler.arrive(id, a);
      assert.deepEqual(initialized(scheduler, 'a1', 'c1'), ids);
    });

    it('waits for a container that is still starting', () => {
      const scheduler = new TestScheduler({ preload, maxConcurrentLoads: 0 });
      scheduler.deploy(a, { concurrencyLimit: 2 });
      scheduler.arrive('a1', a);
      scheduler.arrive('a2', a);
      assert.deepEqual(scheduler.commands, []);
      scheduler.started('c1');
      assert.deepEqual(startedIds(scheduler), ['a1']);
      assert.deepEqual(initialized(scheduler, 'a1', 'c1'), ['a2']);
    });

    it('counts the container’s memory once, and keeps it until the last call has ended', () => {
      const scheduler = withRunning(2, 1, preload);
      scheduler.arrive('a2', a);
      assert.equal(scheduler.state.poolUsedBytes, 256 * MiB);
      scheduler.finished('a1', 'c1');
      scheduler.pass(scheduler.config.keepAliveMs * 2);
      assert.equal(scheduler.state.containers.get('c1')?.phase, 'busy');
      scheduler.finished('a2', 'c1');
      assert.equal(scheduler.state.containers.get('c1')?.phase, 'idle');
    });

    it('gives a place that comes free to the next that waits', () => {
      const scheduler = withRunning(2, 1, preload);
      for (const id of ['a2', 'a3', 'a4']) scheduler.arrive(id, a);
      scheduler.finished('a1', 'c1');
      assert.deepEqual(startedIds(scheduler), ['a3']);
      scheduler.finished('a3', 'c1');
      assert.deepEqual(startedIds(scheduler), ['a4']);
    });

    it('is not joined by another action while one of its calls runs', () => {
      const scheduler = withRunning(3, 1, preload);
      scheduler.arrive('b1', b);
      assert.deepEqual(startedIds(scheduler), []);
      scheduler.finished('a1', 'c1');
      assert.equal(scheduler.all('startActivation').length + scheduler.all('removeContainer').length, 1);
    });

    it('loses its container to a failed call only when the others in it have ended, and gives it none meanwhile', () => {
      const scheduler = withRunning(3, 2, preload);
      scheduler.arrive('a2', a);
      scheduler.finished('a1', 'c1', { containerUsable: false });
      assert.deepEqual(scheduler.all('removeContainer'), []);
      scheduler.arrive('a3', a);
      assert.equal(scheduler.the('createContainer').containerId, 'c2');
      scheduler.finished('a2', 'c1');
      assert.deepEqual(scheduler.the('removeContainer'), { type: 'removeContainer', containerId: 'c1', reason: 'unusable' });
    });

    it('answers those that waited for an initialisation that failed as the one that failed', () => {
      const scheduler = withStarting(3, 1, preload);
      scheduler.arrive('a2', a);
      scheduler.arrive('a3', a);
      scheduler.finished('a1', 'c1', { containerUsable: false });
      assert.deepEqual(
        scheduler.all('failActivation'),
        ['a2', 'a3'].map((activationId) => ({ type: 'failActivation', activationId, reason: 'initialization-failed', failedIn: 'c1' })),
      );
    });

    it('tries a call again that its container refused, elsewhere, and lets the others end', () => {
      const scheduler = withRunning(3, 2, preload);
      scheduler.arrive('a2', a);
      scheduler.unserved('a2', 'c1');
      assert.equal(scheduler.the('createContainer').containerId, 'c2');
      scheduler.finished('a1', 'c1');
      assert.equal(scheduler.the('removeContainer').containerId, 'c1');
    });

    it('loses every call with a container that ends', () => {
      const scheduler = withRunning(3, 1, preload);
      scheduler.arrive('a2', a);
      scheduler.removed('c1', 'crashed');
      assert.deepEqual(scheduler.all('failActivation').map(({ activationId, reason }) => [activationId, reason]), [['a1', 'container-failed'], ['a2', 'container-failed']]);
    });
  });
}

describe('calls that come at once and are more than one container takes', () => {
  it('get a second container, and wait for that one too', () => {
    const scheduler = withStarting(2, 4);
    for (const id of ['a2', 'a3', 'a4']) scheduler.arrive(id, a);
    assert.deepEqual([...scheduler.state.waiting.values()].map(({ state }) => state), ['awaiting-own', 'awaiting-start', 'awaiting-own']);
    assert.equal(scheduler.state.containers.size, 2);
  });
});

describe('another invoker’s activation of an action that takes several calls in one container', () => {
  it('is welcome while a place is free beside those that run and those promised', () => {
    const scheduler = withRunning(3, 1, true);
    const action = scheduler.state.actions.get(a);
    assert.ok(action !== undefined);
    const isWelcome = (promised: number): boolean => isWorthTaking(scheduler.state, scheduler.config, action, promised, scheduler.now);
    assert.deepEqual([isWelcome(0), isWelcome(1), isWelcome(2)], [true, true, false]);
    assert.equal(expectedStartupMs(scheduler.state, scheduler.config, action, scheduler.now), 0);
  });

  it('would have to wait for the start of the first container where that is still to come', () => {
    const scheduler = new TestScheduler({ preload: true, maxConcurrentLoads: 0 });
    scheduler.deploy(a, { concurrencyLimit: 3, estimatedLoadMs: 300 });
    scheduler.arrive('a1', a);
    const action = scheduler.state.actions.get(a);
    assert.ok(action !== undefined);
    // A start that has not been measured is taken for 500 ms.
    assert.equal(expectedStartupMs(scheduler.state, scheduler.config, action, scheduler.now), 800);
  });
});
