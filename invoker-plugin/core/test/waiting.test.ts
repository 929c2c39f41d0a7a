// How calls take turns with pre-loading: who waits for a container of its own action, and who may go before whom.
import { strict as assert } from 'node:assert';
import { MiB, TestScheduler } from './builders.ts';

const a = 'ann/a@1';
const b = 'ann/b@1';

/** A pool of so many containers with pre-loading; the first one runs `a0` of action a, which has run there before. */
function withBusyA(containers: number, runMs = 100, maxQueuedActivations = 100): TestScheduler {
  const scheduler = new TestScheduler({ preload: true, maxConcurrentLoads: 0, maxQueuedActivations, poolMemoryBytes: containers * 256 * MiB });
  scheduler.deploy(a, { estimatedLoadMs: 2000 });
  scheduler.deploy(b, { estimatedLoadMs: 2000 });
  scheduler.arrive('first', a);
  scheduler.started('c1');
  scheduler.finished('first', 'c1', { runMs, loadMs: 2000 });
  scheduler.arrive('a0', a);
  assert.equal(scheduler.the('startActivation').startType, 'warm');
  return scheduler;
}

describe('a call whose own container runs another', () => {
  it('waits for it where that is sooner than starting and loading', () => {
    const scheduler = withBusyA(2);
    scheduler.arrive('a1', a);
    assert.deepEqual(scheduler.commands, []);
    assert.equal(scheduler.state.waiting.get('a1')?.state, 'awaiting-own');
    scheduler.finished('a0', 'c1');
    assert.deepEqual([scheduler.the('startActivation').activationId, scheduler.the('startActivation').startType], ['a1', 'warm']);
  });

  it('gets another one where the run takes longer than that', () => {
    const scheduler = withBusyA(2, 30_000);
    scheduler.arrive('a1', a);
    assert.equal(scheduler.the('createContainer').reason, 'activation');
  });

  it('gets another one where so many wait already that its turn would come later', () => {
    const scheduler = withBusyA(2, 1000);
    let waited = 0;
    while (scheduler.arrive(`a${waited + 1}`, a).length === 0) waited += 1;
    // Start and load take 2500 ms or so, the container comes free after 1000 and then each second.
    assert.ok(waited >= 1 && waited <= 2, `${waited} waited`);
    assert.equal(scheduler.the('createContainer').reason, 'activation');
  });

  it('holds up nobody else', () => {
    const scheduler = withBusyA(2);
    scheduler.arrive('a1', a);
    scheduler.arrive('b1', b);
    assert.equal(scheduler.the('createContainer').reason, 'activation');
  });

  it('gets another one when the container it waits for is lost', () => {
    const scheduler = withBusyA(1);
    scheduler.arrive('a1', a);
    scheduler.removed('c1', 'crashed');
    assert.deepEqual(scheduler.commands.map(({ type }) => type), ['failActivation', 'createContainer']);
  });

  it('is refused where as many wait as may', () => {
    const scheduler = withBusyA(1, 100, 1);
    scheduler.arrive('a1', a);
    scheduler.arrive('a2', a);
    assert.equal(scheduler.the('failActivation').reason, 'queue-full');
  });
});

describe('a container that has run, while calls wait', () => {
  it('serves a later call of its own action before an earlier one that would have to load', () => {
    const scheduler = withBusyA(1);
    scheduler.arrive('b1', b);
    scheduler.arrive('a1', a);
    scheduler.finished('a0', 'c1');
    assert.deepEqual([scheduler.the('startActivation').activationId, scheduler.the('startActivation').startType], ['a1', 'warm']);
  });

  it('lets the call without room be overtaken eight times, not more, however many of the other action come', () => {
    const scheduler = withBusyA(1);
    scheduler.arrive('b1', b);
    for (let number = 1; number <= 20; number += 1) scheduler.arrive(`a${number}`, a);
    const order: string[] = [];
    for (let running = 'a0'; running !== 'b1'; running = order.at(-1) ?? '') {
      scheduler.finished(running, 'c1');
      order.push(scheduler.the('startActivation').activationId);
    }
    assert.deepEqual(order, ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'b1']);
  });

  it('serves calls of its own action in the order in which they came', () => {
    const scheduler = withBusyA(1);
    for (const id of ['a1', 'a2', 'a3']) scheduler.arrive(id, a);
    const order: string[] = [];
    for (let running = 'a0'; order.length < 3; running = order.at(-1) ?? '') {
      scheduler.finished(running, 'c1');
      order.push(scheduler.the('startActivation').activationId);
    }
    assert.deepEqual(order, ['a1', 'a2', 'a3']);
  });
});
