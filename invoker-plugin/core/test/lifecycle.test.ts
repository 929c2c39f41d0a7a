// How long containers live under each pre-warm policy, as sentences.
import { strict as assert } from 'node:assert';
import { prewarmPolicies } from '../config.ts';
import { MiB, minute, TestScheduler } from './builders.ts';
import { PromptExecutor } from './prompt-executor.ts';

const a = 'ann/a@1';
const b = 'ann/b@1';
const foreign = 'bob/f@1';

describe('the life of a container', () => {
  for (const prewarmPolicy of ['none', 'stemcell'] as const) {
    it(`ends with its keep-alive under ${prewarmPolicy}`, () => {
      const scheduler = new TestScheduler({ prewarmPolicy, stemCellCount: 0 });
      scheduler.deploy(a);
      scheduler.runOnce('a1', a);
      assert.deepEqual(scheduler.pass(10 * minute - 1), []);
      assert.deepEqual(scheduler.pass(1), [{ type: 'removeContainer', containerId: 'c1', reason: 'keep-alive-over' }]);
    });
  }

  it('goes on as a zygote under pagurus, which ends with the zygote window', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'pagurus', stemCellCount: 0, zygoteWindowMs: 2 * minute });
    scheduler.deploy(a);
    scheduler.runOnce('a1', a);
    assert.deepEqual(scheduler.pass(10 * minute), [{ type: 'cleanContainer', containerId: 'c1', retain: false, reason: 'keep-alive-over' }]);
    scheduler.tell({ type: 'containerCleaned', at: scheduler.now, containerId: 'c1', usedBytes: 20 * MiB });
    assert.deepEqual(scheduler.pass(2 * minute), [{ type: 'removeContainer', containerId: 'c1', reason: 'zygote-window-over' }]);
  });

  it('lets any namespace take a zygote, and only a zygote', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'pagurus', stemCellCount: 0 });
    scheduler.deploy(a);
    scheduler.deploy(foreign);
    scheduler.runOnce('a1', a);
    scheduler.pass(10 * minute);
    scheduler.tell({ type: 'containerCleaned', at: scheduler.now, containerId: 'c1', usedBytes: 20 * MiB });
    scheduler.arrive('f1', foreign);
    assert.deepEqual(scheduler.the('startActivation'), {
      type: 'startActivation', activationId: 'f1', containerId: 'c1', actionKey: foreign, startType: 'prewarmed', clean: 'none', init: true,
    });
  });

  it('keeps the former action’s slot in its zygote when pre-loading is on', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'pagurus', stemCellCount: 0, preload: true });
    scheduler.deploy(a);
    scheduler.runOnce('a1', a);
    scheduler.pass(10 * minute);
    assert.equal(scheduler.the('cleanContainer').retain, true);
    scheduler.tell({ type: 'containerCleaned', at: scheduler.now, containerId: 'c1', usedBytes: 70 * MiB });
    scheduler.arrive('a2', a);
    assert.equal(scheduler.the('startActivation').startType, 'preloaded');
  });

  it('is counted from the end of the last activation, not prolonged by loads', () => {
    const scheduler = new TestScheduler({ preload: true });
    scheduler.deploy(a);
    scheduler.runOnce('a1', a);
    scheduler.pass(5 * minute);
    scheduler.deploy(b);
    scheduler.loaded('c1', b);
    assert.deepEqual(scheduler.pass(5 * minute).map(({ type }) => type), ['removeContainer']);
  });

  it('starts anew with each activation', () => {
    const scheduler = new TestScheduler();
    scheduler.deploy(a);
    scheduler.runOnce('a1', a);
    scheduler.pass(9 * minute);
    scheduler.runOnce('a2', a);
    assert.deepEqual(scheduler.pass(9 * minute), []);
    assert.equal(scheduler.pass(minute).length, 1);
  });

  it('follows the plan’s keep-alive window within a tenth and four times the configured one', () => {
    for (const [plannedMs, expectedMs] of [[2 * minute, 2 * minute], [1000, minute], [1e9, 40 * minute]] as const) {
      const scheduler = new TestScheduler();
      scheduler.deploy(a);
      scheduler.plan(a, { keepAliveWindowMs: plannedMs });
      scheduler.runOnce('a1', a);
      assert.deepEqual(scheduler.pass(expectedMs - 1), []);
      assert.equal(scheduler.pass(1).length, 1);
    }
  });

  it('ends at once after an error that leaves the container unusable', () => {
    const scheduler = new TestScheduler();
    scheduler.deploy(a);
    scheduler.arrive('a1', a);
    scheduler.started('c1');
    scheduler.finished('a1', 'c1', { containerUsable: false });
    assert.deepEqual(scheduler.commands, [{ type: 'removeContainer', containerId: 'c1', reason: 'unusable' }]);
  });

  for (const prewarmPolicy of prewarmPolicies) {
    it(`does not clean or remove a busy container under ${prewarmPolicy}, however late it is`, () => {
      const scheduler = new TestScheduler({ prewarmPolicy, stemCellCount: 0 });
      scheduler.deploy(a);
      scheduler.runOnce('a1', a);
      scheduler.pass(9 * minute);
      scheduler.arrive('a2', a);
      assert.deepEqual(scheduler.pass(60 * minute), []);
    });
  }
});

describe('stem cells', () => {
  it('stay for ever up to their count; more of them go after the zygote window', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'stemcell', stemCellCount: 1 });
    scheduler.deploy(a);
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.arrive('a1', a);
    scheduler.started('c1');
    scheduler.arrive('a2', a);
    scheduler.finished('a1', 'c1');
    assert.equal(scheduler.the('startActivation').activationId, 'a2');
    scheduler.started('c2');
    scheduler.started('c3');
    const removed = scheduler.pass(10 * minute).map((command) => command.type === 'removeContainer' && command.reason);
    assert.deepEqual(removed, ['surplus-stem-cell']);
    assert.deepEqual(scheduler.pass(100 * minute), []);
  });

  it('are not started while an activation waits for memory', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'stemcell', poolMemoryBytes: 512 * MiB });
    scheduler.deploy(a);
    scheduler.deploy(b, { memoryLimitBytes: 512 * MiB });
    scheduler.arrive('a1', a);
    scheduler.started('c1');
    scheduler.started('c2');
    scheduler.arrive('b1', b);
    scheduler.removed('c2', 'crashed');
    assert.deepEqual(scheduler.commands, []);
  });

  it('are tried again later and later when they do not start', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'stemcell' });
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.removed('c1', 'start-failed');
    assert.deepEqual(scheduler.commands, []);
    assert.equal(scheduler.pass(1000).length, 1);
    scheduler.removed('c2', 'start-failed');
    assert.deepEqual(scheduler.pass(1999), []);
    assert.equal(scheduler.pass(1).length, 1);
  });

  it('are evicted last', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'stemcell', poolMemoryBytes: 768 * MiB });
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.started('c1');
    scheduler.deploy(a, { memoryLimitBytes: 128 * MiB });
    scheduler.deploy(b, { memoryLimitBytes: 512 * MiB });
    scheduler.now += 1000;
    scheduler.runOnce('a1', a);
    scheduler.arrive('b1', b);
    assert.deepEqual(scheduler.all('removeContainer').map(({ containerId }) => containerId), ['c2']);
  });
});

describe('answers that crossed something else', () => {
  it('are ignored: a start, a load, a run of containers that are gone', () => {
    const scheduler = new TestScheduler({ preload: true });
    scheduler.deploy(a);
    scheduler.started('c9');
    scheduler.loaded('c9', a);
    scheduler.finished('a9', 'c9');
    scheduler.removed('c9', 'crashed');
    assert.deepEqual(scheduler.commands, []);
    assert.equal(scheduler.state.containers.size, 0);
  });

  it('leave nothing behind: timers of an action that is called 1000 times do not pile up', () => {
    const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 2 });
    const executor = new PromptExecutor(scheduler, 50 * MiB);
    executor.carryOut(scheduler.tell({ type: 'ticked', at: scheduler.now }));
    executor.carryOut(scheduler.deploy(a));
    for (let number = 0; number < 1000; number += 1) {
      executor.pass(1000);
      executor.carryOut(scheduler.plan(a, { arrivalRatePerMs: 1 / 1000, preloadWindowMs: 62, offloadWindowMs: 3_600_000 }));
      executor.carryOut(scheduler.arrive(`a${number}`, a));
    }
    assert.ok(scheduler.state.actions.get(a)!.residentIn.size > 0, 'artifacts that expire later are there');
    assert.ok(scheduler.state.timers.length < 100, `${scheduler.state.timers.length} timers`);
  });

  it('do not turn time back', () => {
    const scheduler = new TestScheduler();
    scheduler.deploy(a);
    scheduler.runOnce('a1', a);
    scheduler.tell({ type: 'ticked', at: scheduler.now - minute });
    assert.equal(scheduler.state.now, scheduler.now);
  });
});
