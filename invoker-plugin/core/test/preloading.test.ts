// What is loaded ahead, where, and what goes for it, as sentences.
import { strict as assert } from 'node:assert';
import type { SchedulerConfig } from '../config.ts';
import { MiB, minute, TestScheduler } from './builders.ts';

const a = 'ann/a@1';
const b = 'ann/b@1';
const foreign = 'bob/f@1';

/** A scheduler with idle stem cells `c1`, `c2`, … of 256 MiB that use 20 MiB each. */
function withStemCells(count: number, config: Partial<SchedulerConfig> = {}): TestScheduler {
  const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: count, ...config });
  scheduler.tell({ type: 'ticked', at: scheduler.now });
  for (let number = 1; number <= count; number += 1) scheduler.started(`c${number}`);
  return scheduler;
}

describe('loading ahead', () => {
  it('loads an action once when it is deployed, before any call', () => {
    const scheduler = withStemCells(2);
    scheduler.deploy(a);
    assert.deepEqual(scheduler.commands, [{ type: 'load', containerId: 'c1', actionKey: a, reason: 'deployed' }]);
    scheduler.loaded('c1', a);
    assert.deepEqual(scheduler.commands, []);
    scheduler.arrive('a1', a);
    assert.equal(scheduler.the('startActivation').startType, 'preloaded');
  });

  it('loads a deployed action as soon as there is a container, if there was none', () => {
    const scheduler = withStemCells(0, { prewarmPolicy: 'none' });
    scheduler.deploy(a);
    assert.deepEqual(scheduler.commands, []);
    scheduler.deploy(b);
    scheduler.runOnce('b1', b);
    assert.deepEqual(scheduler.all('load').map(({ actionKey, containerId }) => [actionKey, containerId]), [[a, 'c1']]);
  });

  it('loads nothing when pre-loading is off, and nothing for an action that declares no artifacts', () => {
    const off = withStemCells(1, { preload: false });
    off.deploy(a);
    assert.deepEqual(off.commands, []);
    const undeclared = withStemCells(1);
    undeclared.deploy(a, { declaresArtifacts: false });
    assert.deepEqual(undeclared.commands, []);
  });

  it('gives room to the action that it was made for, not back to the one that went for it', () => {
    const scheduler = withStemCells(1, { evictionHysteresis: 1.2 });
    const deploy = (key: string, loadMs: number, mebibytes: number): void => {
      scheduler.deploy(key, { estimatedLoadMs: loadMs, estimatedResidentBytes: mebibytes * MiB, declaresArtifacts: false });
      scheduler.plan(key, { arrivalRatePerMs: 1 / 10_000, preloadWindowMs: 0, lastArrivalAt: scheduler.now - 5000 });
      scheduler.deploy(key, { estimatedLoadMs: loadMs, estimatedResidentBytes: mebibytes * MiB });
    };
    // For each byte the one that goes is worth more than the one that comes.
    deploy('ann/dear@1', 5000, 60);
    scheduler.tell({ type: 'loadSucceeded', at: scheduler.now, containerId: 'c1', actionKey: 'ann/dear@1', loadMs: 5000, residentBytes: 60 * MiB, usedBytes: 80 * MiB });
    deploy('ann/small@1', 1000, 70);
    scheduler.tell({ type: 'loadSucceeded', at: scheduler.now, containerId: 'c1', actionKey: 'ann/small@1', loadMs: 1000, residentBytes: 70 * MiB, usedBytes: 150 * MiB });
    // Something waits for room already, so that it is the value for each byte that counts.
    deploy('ann/waiting@1', 300, 120);
    deploy('ann/large@1', 1600, 140);
    assert.deepEqual(scheduler.commands, [{ type: 'offload', containerId: 'c1', actionKey: 'ann/small@1', reason: 'evicted-for-value' }]);
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: 'ann/small@1', usedBytes: 80 * MiB });
    assert.deepEqual(scheduler.all('load').map(({ actionKey }) => actionKey), ['ann/large@1']);
  });

  it('waits for the pre-load window after the last arrival', () => {
    const scheduler = withStemCells(1);
    scheduler.now += minute;
    scheduler.deploy(a, { at: scheduler.now - 2 * minute, declaresArtifacts: false });
    scheduler.plan(a, { preloadWindowMs: 3000 });
    scheduler.deploy(a, { at: scheduler.now - minute });
    assert.deepEqual(scheduler.all('load'), [], 'not at once');
    assert.deepEqual(scheduler.pass(2999), []);
    scheduler.pass(1);
    assert.equal(scheduler.the('load').reason, 'preload-window');
  });

  it('loads an action that was silent for hours when another was called that it follows, and says so', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a, { declaresArtifacts: false });
    scheduler.plan(a, { offloadWindowMs: minute });
    scheduler.pass(120 * minute);
    scheduler.deploy(a, { at: scheduler.now - 120 * minute });
    const silent = { lastArrivalAt: scheduler.now - 120 * minute, offloadWindowMs: minute, gaps: { regimes: [[1, 30 * minute]] as const } };
    assert.deepEqual(scheduler.plan(a, silent), []);
    const follows = [{ actionKey: b, at: scheduler.now, probability: 0.8, medianDelayMs: 2000, spread: 0.5 }];
    scheduler.plan(a, { ...silent, follows });
    assert.deepEqual(scheduler.commands, [{ type: 'load', containerId: 'c1', actionKey: a, reason: 'predecessor-called', after: b }]);
    scheduler.loaded('c1', a);
    assert.deepEqual(scheduler.pass(minute), [], 'it stays as after a call of its own');
    assert.equal(scheduler.pass(20 * minute).find(({ type }) => type === 'offload')?.type, 'offload');
  });

  it('loads a timer’s artifacts when its next call has come near, though nothing else happens, and once', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(a, { declaresArtifacts: false });
    scheduler.plan(a, { arrivalRatePerMs: 1 / (15 * minute), preloadWindowMs: 1000, offloadWindowMs: 45 * minute, gaps: { regimes: [], regular: { weight: 1, periodMs: 15 * minute, spreadMs: 5000 } } });
    scheduler.deploy(a, { at: scheduler.now - 60 * minute });
    assert.deepEqual(scheduler.pass(13.5 * minute), [], 'not in the middle of the pause');
    const commands = scheduler.pass(minute);
    assert.deepEqual(commands, [{ type: 'load', containerId: 'c1', actionKey: a, reason: 'preload-window' }]);
    scheduler.loaded('c1', a);
    assert.deepEqual(scheduler.pass(24 * 60 * minute).map(({ type }) => type), ['offload'], 'once it has stopped');
  });

  it('never loads into a busy container, and loads when it is idle again', () => {
    const scheduler = withStemCells(0, { prewarmPolicy: 'none', poolMemoryBytes: 256 * MiB });
    scheduler.deploy(b, { declaresArtifacts: false });
    scheduler.arrive('b1', b);
    scheduler.started('c1');
    scheduler.deploy(a);
    assert.deepEqual(scheduler.commands, []);
    scheduler.finished('b1', 'c1');
    assert.equal(scheduler.the('load').actionKey, a);
  });

  it('loads one artifact at a time into a container and no more at once than allowed', () => {
    const scheduler = withStemCells(3, { maxConcurrentLoads: 2 });
    for (const name of ['a', 'b', 'c', 'd']) scheduler.deploy(`ann/${name}@1`);
    const loading = [...scheduler.state.containers.values()].filter(({ load }) => load !== undefined);
    assert.equal(loading.length, 2);
    scheduler.loaded(loading[0]!.id, loading[0]!.load!.actionKey);
    assert.equal(scheduler.state.loadsInFlight, 2);
  });

  it('spreads artifacts over the containers with most room', () => {
    const scheduler = withStemCells(2, { maxConcurrentLoads: 1 });
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.deploy(b);
    assert.equal(scheduler.the('load').containerId, 'c2');
  });

  it('prefers a stem cell to another action’s own container, even with less room', () => {
    const scheduler = withStemCells(1);
    scheduler.deploy(b, { declaresArtifacts: false });
    scheduler.arrive('b1', b);
    scheduler.finished('b1', 'c1', { usedBytes: 20 * MiB });
    scheduler.started('c2');
    scheduler.deploy('ann/c@1');
    scheduler.loaded('c2', 'ann/c@1');
    scheduler.deploy(a);
    assert.equal(scheduler.the('load').containerId, 'c2');
  });

  it('leaves the headroom free', () => {
    const scheduler = withStemCells(1, { headroomShare: 0.5 });
    scheduler.deploy(a, { estimatedResidentBytes: 109 * MiB });
    assert.deepEqual(scheduler.commands, []);
    scheduler.deploy(b, { estimatedResidentBytes: 107 * MiB });
    assert.equal(scheduler.the('load').actionKey, b);
  });

  it('gives a hot action as many places as its bursts need, and no more', () => {
    const scheduler = withStemCells(6, { poolMemoryBytes: 4096 * MiB, maxConcurrentLoads: 1 });
    scheduler.deploy(a);
    scheduler.plan(a, { arrivalRatePerMs: 1 / 1000, lastArrivalAt: scheduler.now - 1000, preloadWindowMs: 0 });
    for (let rounds = 0; scheduler.state.loadsInFlight > 0; rounds += 1) {
      assert.ok(rounds < 6, 'it keeps on loading');
      const [container] = [...scheduler.state.containers.values()].filter(({ load }) => load !== undefined);
      scheduler.loaded(container!.id, a);
    }
    const places = scheduler.state.actions.get(a)!.idleResident.size;
    assert.ok(places >= 2 && places <= 5, `${places} places for one call a second that takes 450 ms`);
  });

  it('loads artifacts of a removed container elsewhere', () => {
    const scheduler = withStemCells(2);
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.removed('c1', 'crashed');
    assert.deepEqual(scheduler.the('load'), { type: 'load', containerId: 'c2', actionKey: a, reason: 'replaced-after-loss' });
  });

  it('loads elsewhere what another namespace’s activation drove out, and keeps what is of its own namespace', () => {
    const scheduler = withStemCells(1, { maxConcurrentLoads: 1 });
    scheduler.deploy(a);
    scheduler.loaded('c1', a);
    scheduler.deploy(foreign);
    scheduler.loaded('c1', foreign, 120 * MiB);
    scheduler.deploy('bob/g@1', { declaresArtifacts: false });
    scheduler.arrive('g1', 'bob/g@1');
    assert.deepEqual([...scheduler.state.containers.get('c1')!.residents.keys()], [foreign]);
    scheduler.started('c2');
    assert.deepEqual(scheduler.the('load'), { type: 'load', containerId: 'c2', actionKey: a, reason: 'replaced-after-loss' });
  });

  it('does not load into a container that is about to go', () => {
    const scheduler = withStemCells(0, { prewarmPolicy: 'none' });
    scheduler.deploy(b, { declaresArtifacts: false });
    scheduler.runOnce('b1', b);
    scheduler.pass(10 * minute - 500);
    scheduler.deploy(a, { estimatedLoadMs: 300 });
    assert.deepEqual(scheduler.commands, []);
    scheduler.deploy('ann/c@1', { estimatedLoadMs: 200 });
    assert.equal(scheduler.the('load').actionKey, 'ann/c@1');
  });

  it('follows a plan that came before its action did', () => {
    const scheduler = withStemCells(1);
    scheduler.plan(a, { lastArrivalAt: scheduler.now - minute, offloadWindowMs: 3 * minute });
    scheduler.now += 1;
    scheduler.deploy(a);
    assert.equal(scheduler.the('load').reason, 'preload-window');
    assert.equal(scheduler.state.plansAhead.size, 0);
  });

  it('starts a container when the pre-warm window is over and the action has no place, once', () => {
    const scheduler = withStemCells(0, { prewarmPolicy: 'none' });
    scheduler.deploy(a);
    scheduler.plan(a, { prewarmWindowMs: 5 * minute });
    const commands = scheduler.pass(5 * minute);
    assert.deepEqual(commands, [{ type: 'createContainer', containerId: 'c1', memoryLimitBytes: 256 * MiB, reason: 'prewarm-window' }]);
    scheduler.started('c1');
    assert.equal(scheduler.the('load').actionKey, a);
  });
});

describe('loads that fail', () => {
  function failing(reason: 'cancelled' | 'memory' | 'artifact' | 'error', predictedBytes?: number): TestScheduler {
    const scheduler = withStemCells(1);
    scheduler.deploy(a);
    scheduler.tell({ type: 'loadFailed', at: scheduler.now, containerId: 'c1', actionKey: a, reason, predictedBytes });
    return scheduler;
  }

  it('are tried elsewhere at once when their container was taken', () => {
    const scheduler = withStemCells(1, { maxConcurrentLoads: 1 });
    scheduler.deploy(a);
    scheduler.deploy('bob/g@1', { declaresArtifacts: false });
    scheduler.arrive('g1', 'bob/g@1');
    scheduler.started('c2');
    scheduler.tell({ type: 'loadFailed', at: scheduler.now, containerId: 'c1', actionKey: a, reason: 'cancelled' });
    assert.deepEqual(scheduler.all('load').map(({ containerId, actionKey }) => [containerId, actionKey]), [['c2', a]]);
  });

  it('are tried again only later when a container refuses although nobody took it', () => {
    const scheduler = failing('cancelled');
    assert.deepEqual(scheduler.commands, []);
    assert.deepEqual(scheduler.pass(999), []);
    assert.equal(scheduler.pass(1)[0]?.type, 'load');
  });

  it('are tried again later and later after an error', () => {
    const scheduler = failing('error');
    const waits: number[] = [];
    for (let failures = 1; failures <= 4; failures += 1) {
      const failedAt = scheduler.now;
      while (scheduler.all('load').length === 0) scheduler.pass(1000);
      waits.push(scheduler.now - failedAt);
      scheduler.tell({ type: 'loadFailed', at: scheduler.now, containerId: 'c1', actionKey: a, reason: 'error' });
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000]);
  });

  it('are not tried again when the artifact is broken, until the action is deployed anew', () => {
    const scheduler = failing('artifact');
    assert.deepEqual(scheduler.pass(9 * minute), []);
    scheduler.deploy(a);
    assert.equal(scheduler.the('load').actionKey, a);
  });

  it('are not tried where what the container asked for does not fit', () => {
    const scheduler = failing('memory', 240 * MiB);
    assert.deepEqual(scheduler.pass(9 * minute).filter(({ type }) => type === 'load'), []);
  });

  it('do not count as resident when the container was taken meanwhile', () => {
    const scheduler = withStemCells(1, { poolMemoryBytes: 256 * MiB });
    scheduler.deploy(a);
    scheduler.deploy('bob/g@1', { declaresArtifacts: false });
    scheduler.arrive('g1', 'bob/g@1');
    scheduler.loaded('c1', a);
    assert.equal(scheduler.state.containers.get('c1')!.residents.size, 0);
  });
});

describe('off-loading', () => {
  /** One stem cell with room for one artifact of 150 MiB; a is resident, expected once in `meanGapMs`. */
  function withOnePlace(meanGapMs: number, config: Partial<SchedulerConfig> = {}): TestScheduler {
    const scheduler = withStemCells(1, { poolMemoryBytes: 256 * MiB, ...config });
    scheduler.deploy(a, { estimatedResidentBytes: 150 * MiB });
    scheduler.loaded('c1', a, 170 * MiB, 150 * MiB);
    scheduler.plan(a, { arrivalRatePerMs: 1 / meanGapMs, preloadWindowMs: 0 });
    return scheduler;
  }
  const hot = { arrivalRatePerMs: 1 / 5000, preloadWindowMs: 0 };

  it('evicts what is worth less for what is worth much more, and loads that when the memory is back', () => {
    const scheduler = withOnePlace(60 * minute);
    scheduler.deploy(b, { estimatedResidentBytes: 150 * MiB, declaresArtifacts: false });
    scheduler.plan(b, hot);
    scheduler.deploy(b, { estimatedResidentBytes: 150 * MiB });
    assert.deepEqual(scheduler.commands, [{ type: 'offload', containerId: 'c1', actionKey: a, reason: 'evicted-for-value' }]);
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 * MiB });
    assert.deepEqual(scheduler.all('load').map(({ actionKey }) => actionKey), [b]);
  });

  describe('of what a container’s own action loaded', () => {
    /** One container that has run a, expected once in `meanGapMs`, with no room for b beside it. */
    function withOwn(meanGapMs: number, config: Partial<SchedulerConfig> = {}): TestScheduler {
      const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'pagurus', stemCellCount: 0, poolMemoryBytes: 256 * MiB, ...config });
      for (const key of [a, b]) scheduler.deploy(key, { estimatedResidentBytes: 150 * MiB, declaresArtifacts: false });
      scheduler.arrive('a1', a);
      scheduler.started('c1');
      scheduler.finished('a1', 'c1', { usedBytes: 170 * MiB });
      scheduler.plan(a, { arrivalRatePerMs: 1 / meanGapMs, preloadWindowMs: 0 });
      scheduler.plan(b, hot);
      scheduler.deploy(b, { estimatedResidentBytes: 150 * MiB });
      return scheduler;
    }

    it('gives it up for an action that has no place and is worth much more, and loads that into the clean container', () => {
      const scheduler = withOwn(60 * minute);
      assert.deepEqual(scheduler.commands, [{ type: 'cleanContainer', containerId: 'c1', retain: false, reason: 'evicted-for-value' }]);
      scheduler.tell({ type: 'containerCleaned', at: scheduler.now, containerId: 'c1', usedBytes: 20 * MiB });
      assert.deepEqual(scheduler.all('load').map(({ containerId, actionKey }) => [containerId, actionKey]), [['c1', b]]);
    });

    it('keeps it where it is worth nearly as much, and where containers never become zygotes', () => {
      assert.deepEqual(withOwn(6000).commands, []);
      assert.deepEqual(withOwn(60 * minute, { prewarmPolicy: 'none' }).commands, []);
    });
  });

  it('does not evict for what is worth only a little more', () => {
    const scheduler = withOnePlace(6000);
    scheduler.deploy(b, { estimatedResidentBytes: 150 * MiB });
    scheduler.plan(b, hot);
    assert.deepEqual(scheduler.pass(3000), []);
  });

  it('evicts the least valuable of several', () => {
    const scheduler = withStemCells(1, { poolMemoryBytes: 256 * MiB });
    for (const [key, gapMs] of [[a, 20_000], ['ann/c@1', 40 * minute], ['ann/d@1', 10_000]] as const) {
      scheduler.deploy(key, { estimatedResidentBytes: 60 * MiB });
      scheduler.loaded('c1', key, scheduler.state.containers.get('c1')!.usedBytes + 60 * MiB, 60 * MiB);
      scheduler.plan(key, { arrivalRatePerMs: 1 / gapMs, preloadWindowMs: 0 });
    }
    scheduler.deploy(b, { estimatedResidentBytes: 60 * MiB });
    if (scheduler.commands.length === 0) scheduler.plan(b, hot);
    assert.deepEqual(scheduler.all('offload').map(({ actionKey }) => actionKey), ['ann/c@1']);
  });

  it('keeps an artifact past its off-load window while nobody needs the room, but not for ever', () => {
    const scheduler = withOnePlace(minute);
    scheduler.plan(a, { offloadWindowMs: 3 * minute, lastArrivalAt: scheduler.now });
    assert.deepEqual(scheduler.pass(12 * minute), []);
    assert.deepEqual(scheduler.pass(minute), [{ type: 'offload', containerId: 'c1', actionKey: a, reason: 'offload-window' }]);
  });

  it('gives the room of an artifact past its off-load window to any other', () => {
    const scheduler = withOnePlace(minute);
    scheduler.plan(a, { offloadWindowMs: 3 * minute });
    scheduler.pass(3 * minute + 1);
    scheduler.deploy(b, { estimatedResidentBytes: 150 * MiB });
    assert.equal(scheduler.the('offload').reason, 'evicted-for-value');
  });

  it('off-loads the artifacts of a removed action', () => {
    const scheduler = withOnePlace(minute);
    scheduler.tell({ type: 'actionRemoved', at: scheduler.now, actionKey: a });
    assert.equal(scheduler.the('offload').reason, 'action-removed');
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 * MiB });
    assert.equal(scheduler.state.actions.size, 0);
  });

  it('off-loads the artifacts of an action of which a newer version is deployed, and still serves calls of the old one', () => {
    const scheduler = withOnePlace(minute);
    scheduler.deploy('ann/a@2', { estimatedResidentBytes: 150 * MiB });
    assert.deepEqual(scheduler.commands, [{ type: 'offload', containerId: 'c1', actionKey: a, reason: 'action-removed' }]);
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 * MiB });
    assert.deepEqual(scheduler.all('load').map(({ actionKey }) => actionKey), ['ann/a@2']);
    scheduler.arrive('a1', a);
    assert.equal(scheduler.the('startActivation').startType, 'prewarmed');
  });

  it('relieves a container that turns out to use more than was predicted', () => {
    const scheduler = withStemCells(1, { poolMemoryBytes: 256 * MiB });
    scheduler.deploy(a);
    scheduler.loaded('c1', a, 250 * MiB);
    assert.equal(scheduler.the('offload').reason, 'memory-pressure');
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 * MiB });
    assert.deepEqual(scheduler.all('offload'), []);
  });

  it('counts memory until the off-load is confirmed', () => {
    const scheduler = withOnePlace(60 * minute);
    scheduler.tell({ type: 'actionRemoved', at: scheduler.now, actionKey: a });
    scheduler.deploy(b, { estimatedResidentBytes: 150 * MiB });
    assert.deepEqual(scheduler.commands, []);
    scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId: 'c1', actionKey: a, usedBytes: 20 * MiB });
    assert.equal(scheduler.the('load').actionKey, b);
  });
});
