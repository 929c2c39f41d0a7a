// What is believed of the host's page cache, what loads are expected to take by it, and whose files are read ahead.
import { strict as assert } from 'node:assert';
import { aheadLoadMsOf, coldExtraMsOf, learnLoad, noMean, savedMsOf } from '../learn.ts';
import type { ModelFile } from '../events.ts';
import type { Action } from '../action.ts';
import { MiB, minute, TestScheduler } from './builders.ts';

const a = 'ann/a@1';
const b = 'ann/b@1';
const MB = 1e6;
const weights = (id: string, bytes = 100 * MB): ModelFile[] => [{ id, bytes }];

const actionIn = (scheduler: TestScheduler, key: string): Action => {
  const action = scheduler.state.actions.get(key);
  assert.ok(action !== undefined);
  return action;
};

/** Room for one container, which the first action that is called has for itself. */
function withoutRoom(config: ConstructorParameters<typeof TestScheduler>[0] = {}): TestScheduler {
  const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'none', stemCellCount: 0, poolMemoryBytes: 256 * MiB, ...config });
  scheduler.tell({ type: 'ticked', at: scheduler.now });
  return scheduler;
}

const memory = (scheduler: TestScheduler, cacheableBytes: number): void => {
  scheduler.tell({ type: 'hostMemory', at: scheduler.now, cacheableBytes });
};
const ended = (scheduler: TestScheduler, actionKey: string, files: readonly ModelFile[], more: { outcome?: 'read' | 'stopped' | 'memory'; diskBytes?: number } = {}): void => {
  scheduler.tell({ type: 'readAheadEnded', at: scheduler.now, actionKey, outcome: 'read', files, diskBytes: files.reduce((sum, { bytes }) => sum + bytes, 0), tookMs: 1000, ...more });
};

describe('loads from the disk and from the page cache', () => {
  it('are learnt apart, and one that found a part of its files is scaled to the whole', () => {
    const [warm, cold] = [noMean(), noMean()];
    learnLoad(warm, cold, 50, 0.02, 60);
    learnLoad(warm, cold, 250, 0.25, 50);
    assert.deepEqual([warm, cold], [{ mean: 50, count: 1 }, { mean: 850, count: 1 }]);
    learnLoad(warm, cold, 80, undefined, 50);
    assert.equal(warm.count, 2, 'where nobody counts, a load is a load');
  });

  it('are expected by what is believed to be hot: cold before the first use, warm after it, cold again when the files were found gone', () => {
    const scheduler = withoutRoom();
    scheduler.deploy(a, { files: weights('f'), estimatedLoadMs: 50 });
    const action = actionIn(scheduler, a);
    assert.equal(aheadLoadMsOf(action), 50 + 100, 'a millisecond for each MB, until it is measured');
    scheduler.arrive('1', a);
    scheduler.started('c1');
    scheduler.finished('1', 'c1', { loadMs: 40, runMs: 400, diskBytes: 100 * MB });
    assert.equal(action.coldLoadMs.count, 1);
    assert.equal(action.hotShare, 1);
    assert.equal(aheadLoadMsOf(action), 50, 'nothing warm was measured: the estimate stands');
    scheduler.arrive('2', a);
    scheduler.finished('2', 'c1', { loadMs: 0, runMs: 100 });
    assert.ok(savedMsOf(action) < 400, `${savedMsOf(action)} ms`);
    assert.ok(coldExtraMsOf(action) >= 250, `${coldExtraMsOf(action)} ms: the first run pages the weights in`);
  });

  it('of equal files are one: what one action has read another finds', () => {
    const scheduler = withoutRoom({ poolMemoryBytes: 1024 * MiB });
    scheduler.deploy(a, { files: weights('f') });
    scheduler.deploy(b, { files: weights('f') });
    scheduler.runOnce('1', a);
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    assert.deepEqual([actionIn(scheduler, a).hotShare, actionIn(scheduler, b).hotShare], [1, 1]);
    assert.equal(scheduler.state.pageCache.hotBytes, 100 * MB);
    scheduler.tell({ type: 'actionRemoved', at: scheduler.now, actionKey: b });
    assert.equal(scheduler.state.pageCache.files.size, 1);
  });

  it('forget what was pushed out by what was read since, the longest unused first', () => {
    const scheduler = withoutRoom({ poolMemoryBytes: 1024 * MiB, readAheadBytesPerSecond: 0 });
    memory(scheduler, 250 * MB);
    for (const name of ['x', 'y', 'z']) scheduler.deploy(`ann/${name}@1`, { files: weights(name) });
    for (const name of ['x', 'y', 'z']) {
      scheduler.runOnce(name, `ann/${name}@1`);
      scheduler.now += 10;
    }
    assert.deepEqual([...scheduler.state.pageCache.hot.keys()], ['y', 'z']);
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    assert.equal(actionIn(scheduler, 'ann/x@1').hotShare, 0);
  });

  it('show how long files stay: gone after a minute, so that others that old are gone, too', () => {
    const scheduler = withoutRoom({ poolMemoryBytes: 1024 * MiB, keepAliveMs: 1000, readAheadBytesPerSecond: 0 });
    scheduler.deploy(a, { files: weights('f') });
    scheduler.deploy(b, { files: weights('g') });
    for (const key of [a, b]) scheduler.removed(scheduler.runOnce(`1 ${key}`, key), 'crashed');
    scheduler.now += minute;
    scheduler.arrive('2', a);
    scheduler.started(scheduler.the('createContainer').containerId);
    const { containerId } = scheduler.the('startActivation');
    scheduler.finished('2', containerId, { diskBytes: 95 * MB });
    assert.equal(scheduler.state.pageCache.staysHotMs, minute);
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    assert.deepEqual([...scheduler.state.pageCache.hot.keys()], ['f']);
    // Still there after two minutes: they stay longer than was thought.
    scheduler.removed(containerId, 'crashed');
    scheduler.now += 2 * minute;
    scheduler.arrive('3', a);
    scheduler.started(scheduler.the('createContainer').containerId);
    scheduler.finished('3', scheduler.the('startActivation').containerId, { diskBytes: 0 });
    assert.equal(scheduler.state.pageCache.staysHotMs, 4 * minute);
  });
});

describe('reading model files ahead', () => {
  it('is for actions that get no place, and says so', () => {
    const scheduler = withoutRoom();
    memory(scheduler, 1000 * MB);
    scheduler.deploy(a, { files: [...weights('f'), ...weights('g', MB)] });
    assert.deepEqual(scheduler.commands, [{ type: 'readAhead', actionKey: a, files: ['f', 'g'], bytesPerSecond: 100e6, reason: 'no-place' }]);
  });

  it('happens nowhere where nobody can read, where it is off, and for files that are hot', () => {
    const unable = withoutRoom();
    unable.deploy(a, { files: weights('f') });
    assert.deepEqual(unable.commands, []);
    for (const config of [{ readAheadBytesPerSecond: 0 }, { preload: false }]) {
      const off = withoutRoom(config);
      memory(off, 1000 * MB);
      off.deploy(a, { files: weights('f') });
      assert.deepEqual(off.commands, []);
    }
    const hot = withoutRoom();
    memory(hot, 1000 * MB);
    hot.deploy(a, { files: weights('f') });
    ended(hot, a, weights('f'));
    hot.deploy(b, { files: weights('f') });
    assert.deepEqual(hot.commands, []);
    assert.equal(actionIn(hot, b).hotShare, 1);
  });

  it('comes after loads, which take what is hot with them', () => {
    const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 1, maxConcurrentLoads: 1 });
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.started('c1');
    memory(scheduler, 1000 * MB);
    scheduler.deploy(a, { files: weights('f') });
    assert.deepEqual(scheduler.commands.map(({ type }) => type), ['load']);
    scheduler.deploy(b, { files: weights('g') });
    assert.deepEqual(scheduler.all('readAhead'), [], 'not while something is loaded');
    scheduler.tell({ type: 'loadFailed', at: scheduler.now, containerId: 'c1', actionKey: a, reason: 'artifact' });
    assert.deepEqual(scheduler.commands.map(({ type, ...more }) => [type, 'actionKey' in more ? more.actionKey : '']), [['load', b]]);
    scheduler.loaded('c1', b);
    assert.deepEqual([...scheduler.state.pageCache.hot.keys()], ['g']);
  });

  it('stops for a call that loads, goes on when that has loaded, and reads only what is missing', () => {
    const scheduler = withoutRoom({ poolMemoryBytes: 512 * MiB });
    memory(scheduler, 1000 * MB);
    scheduler.deploy(a, { files: [...weights('f'), ...weights('g')] });
    assert.equal(scheduler.the('readAhead').actionKey, a);
    scheduler.deploy(b, { declaresArtifacts: false });
    scheduler.arrive('1', b);
    assert.deepEqual(scheduler.all('stopReading'), [], 'its container has yet to start');
    scheduler.started('c1');
    assert.deepEqual(scheduler.all('stopReading'), [{ type: 'stopReading', actionKey: a, reason: 'call' }]);
    ended(scheduler, a, [...weights('f'), ...weights('g', 20 * MB)], { outcome: 'stopped' });
    assert.deepEqual(scheduler.all('readAhead'), [], 'the call has the disk');
    assert.equal(actionIn(scheduler, a).hotShare, 0.6);
    const again = scheduler.pass(10_000).filter(({ type }) => type === 'readAhead');
    assert.deepEqual(again.map((command) => (command.type === 'readAhead' ? command.files : [])), [['g']]);
  });

  it('takes the best value for each byte first', () => {
    const scheduler = withoutRoom();
    scheduler.deploy('ann/large@1', { files: weights('l', 400 * MB) });
    scheduler.deploy('ann/rare@1', { files: weights('r') });
    scheduler.deploy('ann/often@1', { files: weights('o') });
    for (const [name, perMinute] of [['large', 1], ['rare', 0.2], ['often', 3]] as const) scheduler.plan(`ann/${name}@1`, { arrivalRatePerMs: perMinute / minute, lastArrivalAt: scheduler.now - 20_000 });
    memory(scheduler, 2000 * MB);
    const order: string[] = [];
    for (const [key, files] of [['o', weights('o')], ['l', weights('l', 400 * MB)], ['r', weights('r')]] as const) {
      const { actionKey } = scheduler.the('readAhead');
      order.push(actionKey);
      assert.ok(actionKey.includes(`/${key}`), `${actionKey}, not ${key}`);
      ended(scheduler, actionKey, files);
    }
    assert.equal(order.length, 3);
  });

  it('never pushes out what somebody is expected to need, nor fills the host', () => {
    const scheduler = withoutRoom();
    scheduler.deploy(a, { files: weights('f') });
    scheduler.deploy(b, { files: weights('g') });
    memory(scheduler, 200 * MB);
    const { actionKey } = scheduler.the('readAhead');
    ended(scheduler, actionKey, weights(actionKey === a ? 'f' : 'g'));
    assert.deepEqual(scheduler.commands, [], '200 MB of files in four fifths of 200 MB');
    scheduler.now += 11 * minute;
    const other = actionKey === a ? b : a;
    scheduler.plan(other, { arrivalRatePerMs: 1 / minute, lastArrivalAt: scheduler.now - 30_000 });
    assert.deepEqual(scheduler.all('readAhead').map((command) => command.actionKey), [other], 'nobody calls the first one any more');
  });

  it('is tried again later where memory was short after all', () => {
    const scheduler = withoutRoom();
    memory(scheduler, 1000 * MB);
    scheduler.deploy(a, { files: weights('f') });
    ended(scheduler, a, weights('f', 10 * MB), { outcome: 'memory' });
    assert.deepEqual(scheduler.commands, []);
    assert.deepEqual(scheduler.pass(59_000).filter(({ type }) => type === 'readAhead'), []);
    assert.equal(scheduler.pass(2_000).filter(({ type }) => type === 'readAhead').length, 1);
  });
});
