// When an activation goes to another invoker, as sentences.
import { strict as assert } from 'node:assert';
import { chooseForward, expectedStartupMs, freshReportMs, isWorthTaking, quietAfterFailureMs, type ForwardCandidate } from '../forward.ts';
import { actionOf } from '../state.ts';
import { minute, TestScheduler } from './builders.ts';

const a = 'ann/a@1';
const candidate = (overrides: Partial<ForwardCandidate> = {}): ForwardCandidate => ({ invoker: 1, reportAgeMs: 500, queued: 0, freePlaces: 1, sinceFailureMs: Infinity, ...overrides });

describe('the choice of another invoker', () => {
  it('is one that holds the artifacts, when loading them here takes longer than the hop', () => {
    assert.equal(chooseForward(800, 30, [candidate()]), 1);
  });

  it('is nobody when it would be warm here', () => {
    assert.equal(chooseForward(0, 5, [candidate()]), undefined);
  });

  it('is nobody when the gain is a few milliseconds, or a small part of what it takes anyway', () => {
    assert.equal(chooseForward(50, 30, [candidate()]), undefined);
    assert.equal(chooseForward(1000, 850, [candidate()]), undefined);
    assert.equal(chooseForward(1000, 750, [candidate()]), 1);
  });

  it('passes over an invoker that is silent, has a queue, has no free place, or let an offer pass just now', () => {
    for (const unfit of [{ reportAgeMs: freshReportMs + 1 }, { queued: 1 }, { freePlaces: 0 }, { sinceFailureMs: quietAfterFailureMs - 1 }]) {
      assert.equal(chooseForward(800, 30, [candidate(unfit)]), undefined, JSON.stringify(unfit));
      assert.equal(chooseForward(800, 30, [candidate(unfit), candidate({ invoker: 2 })]), 2);
    }
  });

  it('takes the one with most free places, the lowest number among equals', () => {
    assert.equal(chooseForward(800, 30, [candidate({ invoker: 3 }), candidate({ invoker: 2, freePlaces: 2 }), candidate({ invoker: 1, freePlaces: 2 })]), 1);
  });
});

describe('what an activation would wait for here', () => {
  const startup = (scheduler: TestScheduler): number => Math.round(expectedStartupMs(scheduler.state, scheduler.config, actionOf(scheduler.state, a), scheduler.now));
  const worth = (scheduler: TestScheduler, promised = 0): boolean => isWorthTaking(scheduler.state, scheduler.config, actionOf(scheduler.state, a), promised, scheduler.now);

  it('is a container and the load where nothing is up', () => {
    const scheduler = new TestScheduler();
    scheduler.deploy(a);
    assert.equal(startup(scheduler), 500 + 300);
    assert.equal(worth(scheduler), false);
  });

  it('is the load in a stem cell', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'stemcell' });
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.started(scheduler.the('createContainer').containerId);
    scheduler.deploy(a);
    assert.equal(startup(scheduler), 300);
    assert.equal(worth(scheduler), false);
  });

  it('is the rest of a load that is under way, then nothing, and nothing in its own warm container', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'stemcell', preload: true });
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.started(scheduler.the('createContainer').containerId);
    scheduler.deploy(a);
    const { containerId } = scheduler.the('load');
    scheduler.now += 100;
    assert.equal(startup(scheduler), 200);
    scheduler.loaded(containerId, a);
    assert.equal(startup(scheduler), 0);
    assert.equal(worth(scheduler), true);
    scheduler.arrive('1', a);
    scheduler.finished('1', containerId);
    assert.equal(startup(scheduler), 0);
    assert.equal(worth(scheduler), true);
    assert.equal(worth(scheduler, 1), false, 'the place is promised to another already');
  });

  it('is a run of the action where others wait in front of it', () => {
    const scheduler = new TestScheduler({ poolMemoryBytes: 256 * 2 ** 20 });
    scheduler.deploy(a);
    scheduler.arrive('1', a);
    scheduler.started(scheduler.the('createContainer').containerId);
    scheduler.arrive('2', a);
    assert.ok(startup(scheduler) >= 300 + 100, String(startup(scheduler)));
    assert.equal(worth(scheduler), false);
  });

  it('is looked up without changing anything', () => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'pagurus', preload: true });
    scheduler.deploy(a);
    scheduler.runOnce('1', a);
    const before = structuredClone(scheduler.state);
    startup(scheduler);
    worth(scheduler);
    assert.deepEqual(scheduler.state, before);
  });
});

describe('a plan that names other invokers', () => {
  const stemCell = (): TestScheduler => {
    const scheduler = new TestScheduler({ prewarmPolicy: 'stemcell', preload: true });
    scheduler.tell({ type: 'ticked', at: scheduler.now });
    scheduler.started(scheduler.the('createContainer').containerId);
    return scheduler;
  };

  it('is no reason to load here what is called often elsewhere', () => {
    const scheduler = stemCell();
    scheduler.plan(a, { arrivalRatePerMs: 1 / 1000, elsewhere: true });
    scheduler.deploy(a);
    assert.deepEqual(scheduler.pass(minute).filter(({ type }) => type === 'load'), []);
  });

  it('gives way to one that names this invoker', () => {
    const scheduler = stemCell();
    scheduler.plan(a, { arrivalRatePerMs: 1 / 1000, elsewhere: true });
    scheduler.deploy(a);
    scheduler.plan(a, { arrivalRatePerMs: 1 / 1000 });
    assert.ok([...scheduler.commands, ...scheduler.pass(minute)].some(({ type }) => type === 'load'));
  });
});
