// What a person may ask of the scheduler: one more load, one off-load.
import { strict as assert } from 'node:assert';
import { heldBackMs } from '../events.ts';
import { TestScheduler } from './builders.ts';

const a = 'ann/a@1';

function withStemCells(count: number): TestScheduler {
  const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: count });
  scheduler.tell({ type: 'ticked', at: scheduler.now });
  for (let number = 1; number <= count; number += 1) scheduler.started(`c${number}`);
  return scheduler;
}

describe('what a person asks for', () => {
  it('loads an action once more than its rate deserves', () => {
    const scheduler = withStemCells(2);
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.tell({ type: 'loadAsked', at: scheduler.now, actionKey: a });
    assert.deepEqual(scheduler.commands, [{ type: 'load', containerId: 'c2', actionKey: a, reason: 'asked' }]);
  });

  it('does nothing where no container has room, or for an action that declares nothing', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.tell({ type: 'loadAsked', at: scheduler.now, actionKey: a });
    assert.deepEqual(scheduler.commands, []);
    scheduler.deploy('ann/b@1', { declaresArtifacts: false });
    scheduler.tell({ type: 'loadAsked', at: scheduler.now, actionKey: 'ann/b@1' });
    assert.deepEqual(scheduler.commands, []);
  });

  it('off-loads, and does not load it ahead again before a while has passed', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.tell({ type: 'offloadAsked', at: scheduler.now, containerId: 'c1', actionKey: a });
    assert.deepEqual(scheduler.commands, [{ type: 'offload', containerId: 'c1', actionKey: a, reason: 'asked' }]);
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 });
    assert.deepEqual(scheduler.commands, []);
    assert.deepEqual(scheduler.pass(heldBackMs - 1).filter(({ type }) => type === 'load'), []);
  });

  it('loads what was held back when that is asked for', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.tell({ type: 'offloadAsked', at: scheduler.now, containerId: 'c1', actionKey: a });
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 });
    scheduler.tell({ type: 'loadAsked', at: scheduler.now, actionKey: a });
    assert.equal(scheduler.the('load').reason, 'asked');
  });

  it('leaves a busy container alone', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.deploy('ann/b@1', { declaresArtifacts: false });
    scheduler.arrive('b1', 'ann/b@1');
    assert.equal(scheduler.the('startActivation').containerId, 'c1');
    scheduler.tell({ type: 'offloadAsked', at: scheduler.now, containerId: 'c1', actionKey: a });
    assert.deepEqual(scheduler.all('offload'), []);
  });
});
