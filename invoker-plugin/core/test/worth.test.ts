// Containers come and go by what they are worth: `memoryPriceMsPerGibSecond` with pre-loading.
import { strict as assert } from 'node:assert';
import { MiB, minute, TestScheduler } from './builders.ts';
import { isWorthItsMemory, returnProbability, staysWorthMs } from '../worth.ts';
import { actionOf, containerOf } from '../state.ts';

const priced = { preload: true, prewarmPolicy: 'pagurus', stemCellCount: 0, memoryPriceMsPerGibSecond: 1, evictionHysteresis: 1.2 } as const;
const action = { estimatedLoadMs: 2000, estimatedResidentBytes: 100 * MiB };

describe('what a container is worth', () => {
  it('has one started for artifacts that are wanted and have no room, and not while another one comes', () => {
    const scheduler = new TestScheduler(priced);
    scheduler.deploy('ann/a@1', action);
    assert.equal(scheduler.the('createContainer').reason, 'worth-its-memory');
    scheduler.deploy('ann/b@1', action);
    assert.deepEqual(scheduler.commands, []);
  });

  it('starts none where memory costs more than what would be in it saves', () => {
    const scheduler = new TestScheduler({ ...priced, memoryPriceMsPerGibSecond: 100 });
    scheduler.deploy('ann/a@1', action);
    assert.deepEqual(scheduler.commands, []);
  });

  it('has an idle one removed that saves less than its memory costs, long before its keep-alive is over', () => {
    const scheduler = new TestScheduler({ ...priced, memoryPriceMsPerGibSecond: 100 });
    scheduler.deploy('ann/a@1', action);
    const containerId = scheduler.runOnce('x1', 'ann/a@1');
    const removed = scheduler.pass(9 * minute).find(({ type }) => type === 'removeContainer');
    assert.deepEqual(removed, { type: 'removeContainer', containerId, reason: 'not-worth-its-memory' });
  });

  it('keeps the stem cells that were asked for, whatever they are worth', () => {
    const scheduler = new TestScheduler({ ...priced, stemCellCount: 1, memoryPriceMsPerGibSecond: 1000 });
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.started(scheduler.the('createContainer').containerId);
    assert.deepEqual(scheduler.pass(60 * minute), []);
  });

  it('keeps one that a stem cell would take the place of at once', () => {
    const removedWith = (stemCellCount: number): number => {
      const scheduler = new TestScheduler({ ...priced, stemCellCount, poolMemoryBytes: 256 * MiB, memoryPriceMsPerGibSecond: 100 });
      scheduler.deploy('ann/a@1', { ...action, declaresArtifacts: false });
      for (const { containerId } of scheduler.all('createContainer')) scheduler.started(containerId);
      scheduler.runOnce('x1', 'ann/a@1');
      return scheduler.pass(9 * minute).filter(({ type }) => type === 'removeContainer').length;
    };
    assert.deepEqual([removedWith(0), removedWith(1)], [1, 0]);
  });

  it('has one in reserve while calls that find no place come often, and lets it go when they cease', () => {
    const scheduler = new TestScheduler({ ...priced, preload: true, poolMemoryBytes: 4096 * MiB });
    for (const [index, key] of ['ann/a@1', 'bob/b@1', 'cho/c@1'].entries()) {
      scheduler.deploy(key, { ...action, namespace: key.slice(0, 3), declaresArtifacts: false });
      const created = scheduler.arrive(`x${index}`, key).find(({ type }) => type === 'createContainer');
      if (created?.type === 'createContainer') scheduler.started(created.containerId);
    }
    const reserves = [...scheduler.state.containers.values()].filter(({ role }) => role === 'stem');
    assert.equal(reserves.length, 1);
    const [reserve] = reserves;
    scheduler.started(reserve!.id);
    const removed = scheduler.pass(120 * minute).filter(({ type }) => type === 'removeContainer');
    assert.deepEqual(removed.map((command) => command.type === 'removeContainer' && [command.containerId, command.reason]), [[reserve!.id, 'not-worth-its-memory']]);
  });

  it('falls with the silence of its action, and slower than a burst would have it', () => {
    const scheduler = new TestScheduler({ ...priced, memoryPriceMsPerGibSecond: 100 });
    scheduler.deploy('ann/a@1', action);
    const containerId = scheduler.runOnce('x1', 'ann/a@1');
    const known = actionOf(scheduler.state, 'ann/a@1');
    const since = known.lastArrivalAt ?? 0;
    assert.equal(returnProbability(known, since + minute, minute).toFixed(2), '0.29');
    assert.equal(returnProbability(known, since + 10 * minute, minute).toFixed(2), '0.05');
    const isWorthIt = (memoryPriceMsPerGibSecond: number): boolean => {
      const context = { state: scheduler.state, config: { ...scheduler.config, memoryPriceMsPerGibSecond }, now: since + 5 * minute } as Parameters<typeof isWorthItsMemory>[0];
      return isWorthItsMemory(context, containerOf(scheduler.state, containerId));
    };
    assert.deepEqual([1, 100].map(isWorthIt), [true, false]);
  });

  it('is known beforehand for as long as the silence alone decides', () => {
    const scheduler = new TestScheduler(priced);
    scheduler.deploy('ann/a@1', { ...action, declaresArtifacts: false });
    const container = containerOf(scheduler.state, scheduler.runOnce('x1', 'ann/a@1'));
    scheduler.pass(minute);
    const contextAt = (now: number): Parameters<typeof isWorthItsMemory>[0] => ({ state: scheduler.state, config: scheduler.config, now }) as Parameters<typeof isWorthItsMemory>[0];
    const sureMs = staysWorthMs(contextAt(scheduler.now), container);
    assert.ok(sureMs > 10 * minute && sureMs < Infinity, `${sureMs}`);
    assert.equal(Math.round(staysWorthMs(contextAt(scheduler.now + minute), container)), Math.round(sureMs - minute));
    assert.deepEqual([sureMs - 1, sureMs + 1].map((ms) => isWorthItsMemory(contextAt(scheduler.now + ms), container)), [true, false]);
  });
});
