// The Proactive Pre-loader on a bus: what it makes of OpenWhisk's own records, and what survives it.
import { strict as assert } from 'node:assert';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { completedTopic, type Combined } from '../../common/messages/acknowledgement.ts';
import type { ActionCatalog, ActionDocument } from '../../common/action-document.ts';
import { cacheInvalidationTopic } from '../../common/messages/cache-invalidation.ts';
import { invokerTopic, type ActivationMessage } from '../../common/messages/activation-message.ts';
import { encode } from '../../common/messages/codec.ts';
import { eventsTopic } from '../../common/messages/event-message.ts';
import { healthTopic } from '../../common/messages/ping-message.ts';
import { createRandom } from '../../common/random.ts';
import { actionDocument } from '../../common/testing/action-documents.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { defaultPreloaderConfig } from '../core/config.ts';
import { hourMs } from '../core/hourly-counts.ts';
import { observedRate, type ObservedRate } from '../core/observed-rate.ts';
import type { ArrivalHistory } from '../core/state.ts';
import { MemoryCatalog } from '../embedded/memory-catalog.ts';
import { Preloader, type PreloaderOptions } from '../preloader.ts';
import { planSchema, planTopic, type Plan } from '../protocol.ts';
import { CrashableBus } from '../testing/crashable-bus.ts';
import { activationEvent, activationMessage, activationRecord, apiKey, healthTestMessage, invokerInstance } from '../testing/stock-records.ts';

const key = 'guest/hello@0.0.1';
const start = 480_000 * hourMs;

describe('the Proactive Pre-loader on a bus', () => {
  let bus: MemoryBus;
  let preloader: Preloader;
  let logged: string;
  let running: Preloader[];

  const createPreloader = (options: Partial<PreloaderOptions> = {}): Preloader => {
    const logger = pino({ level: 'trace' }, new Writable({ write: (chunk: Buffer, _encoding, done) => { logged += chunk.toString(); done(); } }));
    const created = new Preloader({ bus, clock: new SystemClock(), logger, catalog: new MemoryCatalog(), invokers: [0], config: defaultPreloaderConfig, ...options });
    running.push(created);
    return created;
  };
  const started = async (options: Partial<PreloaderOptions> = {}): Promise<Preloader> => {
    const created = createPreloader(options);
    await created.start();
    return created;
  };
  const historyOf = (of: Preloader = preloader): ArrivalHistory => {
    const history = of.view.state.histories.get(key);
    assert.ok(history !== undefined, 'nothing is known of the action');
    return history;
  };
  const allRead = (of: Preloader = preloader): Promise<void> => eventually(async () => [...(await of.lag()).values()].every((lag) => lag === 0), 'everything is read');

  beforeEach(() => {
    bus = new MemoryBus({ retainedRecords: 100_000 });
    logged = '';
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((each) => each.stop()));
    await bus.close();
  });

  /** Poisson arrivals of a known rate; returns their times. */
  const arrivalTimes = (count: number, meanGapMs: number): number[] => {
    const random = createRandom(11);
    let at = start;
    return Array.from({ length: count }, () => Math.round((at += random.exponential(meanGapMs))));
  };
  const rateAtEnd = (times: readonly number[], of: Preloader = preloader): { observed: ObservedRate; truePerMs: number } => {
    const now = times.at(-1)!;
    return { observed: observedRate(historyOf(of), now, 168), truePerMs: (times.length - 1) / (now - times[0]!) };
  };

  it('knows the rate of a known arrival process within 1 %, however late it reads it', async () => {
    const times = arrivalTimes(5000, 700);
    for (const [index, at] of times.entries()) await bus.publish(invokerTopic(0), encode(activationMessage('hello', at, index)));
    preloader = await started();
    await allRead();
    const { observed, truePerMs } = rateAtEnd(times);
    assert.equal(observed.arrivals, times.length);
    assert.ok(Math.abs(observed.ratePerMs / truePerMs - 1) < 0.01, `${observed.ratePerMs} for ${truePerMs}`);
    assert.deepEqual(historyOf().gapsMs, times.slice(-65).flatMap((at, index, last) => (index === 0 ? [] : [at - last[index - 1]!])));
  });

  it('knows it from the user events alone, though they come when activations end', async () => {
    preloader = await started({ arrivalsFrom: 'events', invokers: [] });
    const random = createRandom(12);
    const times = arrivalTimes(3000, 700);
    const events = times.map((at, index) => activationEvent('hello', at, index, { durationMs: Math.round(random.exponential(2000)), waitMs: 20 }));
    for (const event of events.toSorted((a, b) => a.timestamp - b.timestamp)) await bus.publish(eventsTopic, encode(event));
    await allRead();
    const { observed, truePerMs } = rateAtEnd(times);
    assert.equal(observed.arrivals, times.length);
    assert.ok(Math.abs(observed.ratePerMs / truePerMs - 1) < 0.01, `${observed.ratePerMs} for ${truePerMs}`);
    assert.equal(historyOf().lastArrivalAt, times.at(-1));
  });

  it('counts neither health tests nor what runs in no container', async () => {
    preloader = await started({ arrivalsFrom: 'events' });
    await bus.publish(eventsTopic, encode(activationEvent('composed', start, 1, { durationMs: 5, waitMs: 1 }, { source: 'controller0' })));
    await bus.publish(eventsTopic, encode({ ...activationEvent('x', start, 2, { durationMs: 5, waitMs: 1 }), body: { ...activationEvent('x', start, 2, { durationMs: 5, waitMs: 1 }).body, name: 'whisk.system/invokerHealthTestAction0' } }));
    await bus.publish(eventsTopic, encode(activationEvent('hello', start, 3, { durationMs: 5, waitMs: 1 })));
    await allRead();
    assert.deepEqual([...preloader.view.state.histories.keys()], [key]);
    await preloader.stop();
    const onTopics = await started();
    await bus.publish(invokerTopic(0), encode(healthTestMessage(start, 1)));
    await bus.publish(invokerTopic(0), encode(activationMessage('other', start, 2)));
    await allRead(onTopics);
    assert.deepEqual([...onTopics.view.state.histories.keys()], ['guest/other@0.0.1']);
  });

  it('learns what activations take from acknowledgements and from events', async () => {
    preloader = await started();
    await bus.publish(invokerTopic(0), encode(activationMessage('hello', start, 1)));
    const combined: Combined = { transid: ['t', start], response: activationRecord('hello', start, 1, { durationMs: 300, waitMs: 40, initMs: 200 }), isSystemError: false, instance: invokerInstance(0) };
    await bus.publish(completedTopic('0'), encode(combined));
    await eventually(() => historyOf().times.count === 1, 'the acknowledgement is read');
    await bus.publish(eventsTopic, encode(activationEvent('hello', start, 2, { durationMs: 100, waitMs: 20 })));
    await eventually(() => historyOf().times.count === 2, 'the event is read');
    assert.deepEqual(historyOf().times, { count: 2, durationMs: 200, waitMs: 30, coldCount: 1, initMs: 200 });
    assert.equal(historyOf().memoryMegabytes, 512);
  });

  it('finds invokers by their heartbeats and reads their topics from the beginning', async () => {
    preloader = await started({ invokers: [] });
    await bus.publish(invokerTopic(5), encode(activationMessage('hello', start, 1)));
    await bus.publish(healthTopic, encode({ name: invokerInstance(5), isEnabled: true }));
    await eventually(() => preloader.arrivals === 1, 'the arrival is read');
    assert.equal(preloader.view.state.invokers.get(5)?.userMemoryBytes, 2 ** 31);
    assert.deepEqual([...historyOf().invokers], [[5, 1]]);
  });

  it('skips and counts what it cannot read, says where it was, and never shows a secret', async () => {
    preloader = await started();
    await bus.publish(invokerTopic(0), `{"authkey":"${apiKey}"`);
    await bus.publish(invokerTopic(0), encode({ ...activationMessage('hello', start, 1), activationId: 'no id' }));
    await bus.publish(invokerTopic(0), encode(activationMessage('hello', start, 2)));
    await eventually(() => preloader.arrivals === 1, 'the arrival is read');
    assert.equal(preloader.view.unreadable.get(invokerTopic(0)), 2);
    assert.match(logged, /"topic":"invoker0","partition":0,"offset":1/);
    assert.ok(!logged.includes(apiKey));
  });

  it('publishes plans on a compacted topic, no more than one of an action in 100 ms', async () => {
    const plans: Plan[] = [];
    await bus.subscribe({ topic: planTopic, from: 'earliest', handle: (record) => void plans.push(planSchema.parse(JSON.parse(record.value ?? ''))), onError: (error) => { throw error; } });
    preloader = await started();
    for (let index = 0; index < 500; index += 1) await bus.publish(invokerTopic(0), encode(activationMessage('hello', start + 10 * index, index)));
    await eventually(() => plans.at(-1)?.lastArrivalAt === start + 4990, 'the last plan is out');
    assert.ok(plans.length < 100, `${plans.length} plans`);
    assert.ok(Math.abs(plans.at(-1)!.arrivalRatePerMs / 0.1 - 1) < 0.01);
  });

  it('withdraws the plan of an action that it forgets', async () => {
    const values = new Map<string | null, string | null>();
    await bus.subscribe({ topic: planTopic, from: 'earliest', handle: (record) => void values.set(record.key, record.value), onError: (error) => { throw error; } });
    preloader = await started({ config: { ...defaultPreloaderConfig, mostActions: 1 } });
    await bus.publish(invokerTopic(0), encode(activationMessage('hello', start, 1)));
    await eventually(() => typeof values.get(key) === 'string', 'the plan is out');
    await bus.publish(invokerTopic(0), encode(activationMessage('other', start, 2)));
    await eventually(() => values.get(key) === null, 'the plan is withdrawn');
  });

  describe('that reads the documents of actions', () => {
    const catalog = (): { find: ActionCatalog['find']; findLatest: ActionCatalog['findLatest']; asked: number; latest: ActionDocument | undefined; isAway: boolean } => ({
      asked: 0,
      latest: undefined,
      isAway: false,
      find: () => Promise.resolve(undefined),
      async findLatest() {
        this.asked += 1;
        if (this.isAway) throw new Error('the database is away');
        return Promise.resolve(this.latest);
      },
    });
    const documentOf = (revision: string, memoryMegabytes: number, version = '0.0.1'): ActionDocument => ({ ...actionDocument('hello', { version, limits: { memoryMegabytes } }), actionKey: `guest/hello@${version}#${revision}` });
    const call = (revision: string, at: number, version = '0.0.1', user?: ActivationMessage['user']): Promise<void> =>
      bus.publish(invokerTopic(0), encode(activationMessage('hello', start + at, at, { action: { path: 'guest', name: 'hello', version }, revision, ...(user === undefined ? {} : { user }) })));
    const histories = (): ReadonlyMap<string, ArrivalHistory> => preloader.view.state.histories;

    it('fetches the one of an action that it has not heard of when the first activation comes, once', async () => {
      const documents = catalog();
      documents.latest = documentOf('1-a', 512);
      preloader = await started({ catalog: documents });
      await call('1-a', 1);
      await eventually(() => histories().get('guest/hello@0.0.1#1-a')?.memoryMegabytes === 512, 'the document is read');
      for (let at = 2; at < 10; at += 1) await call('1-a', at);
      await allRead();
      assert.equal(documents.asked, 1);
    });

    it('gives a newer version, which nobody told it of, the history of the former one, and withdraws the plan of that', async () => {
      const documents = catalog();
      documents.latest = documentOf('1-a', 256);
      preloader = await started({ catalog: documents });
      for (let at = 1; at < 5; at += 1) await call('1-a', at);
      await eventually(() => histories().size === 1, 'the first version is known');
      documents.latest = documentOf('2-b', 512, '0.0.2');
      await call('2-b', 5, '0.0.2');
      await eventually(() => histories().size === 1 && histories().get('guest/hello@0.0.2#2-b')?.memoryMegabytes === 512, 'only the newer version is known');
      assert.equal(histories().get('guest/hello@0.0.2#2-b')?.gapsMs.length, 4);
      // One that was under way counts for its successor.
      await call('1-a', 6);
      await eventually(() => histories().get('guest/hello@0.0.2#2-b')?.gapsMs.length === 5, 'the late one is counted');
      assert.equal(histories().size, 1);
    });

    it('asks again at a later activation where the database was away', async () => {
      const documents = catalog();
      documents.latest = documentOf('1-a', 512);
      documents.isAway = true;
      preloader = await started({ catalog: documents });
      let at = 1;
      await call('1-a', at);
      await eventually(() => documents.asked === 1, 'it is asked in vain');
      documents.isAway = false;
      await eventually(async () => {
        await call('1-a', (at += 1));
        return histories().get('guest/hello@0.0.1#1-a')?.memoryMegabytes === 512;
      }, 'the document is read');
      assert.equal(documents.asked, 2);
    });

    it('forgets a deleted action that it knows from its activations alone, whoever called it', async () => {
      const documents = catalog();
      preloader = await started({ catalog: documents });
      await call('1-a', 1);
      await call('1-a', 2, '0.0.1', { subject: 'other', namespace: { name: 'other', uuid: 'o' }, authkey: {}, rights: [], limits: {} });
      await eventually(() => histories().size === 2, 'both callers are known');
      await bus.publish(cacheInvalidationTopic, encode({ key: { mainId: 'guest/hello' }, instanceId: 'controller0' }));
      await eventually(() => histories().size === 0, 'nothing is known of it');
    });

    it('keeps the history of an action that is updated', async () => {
      const documents = catalog();
      documents.latest = documentOf('1-a', 256);
      preloader = await started({ catalog: documents });
      for (let at = 1; at < 5; at += 1) await call('1-a', at);
      await allRead();
      documents.latest = documentOf('2-b', 256, '0.0.2');
      await bus.publish(cacheInvalidationTopic, encode({ key: { mainId: 'guest/hello' }, instanceId: 'controller0' }));
      await eventually(() => histories().size === 1 && histories().get('guest/hello@0.0.2#2-b')?.gapsMs.length === 3, 'the new version has it');
    });
  });

  describe('that keeps its histories', () => {
    const publishFrom = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index += 1) await bus.publish(invokerTopic(0), encode(activationMessage('hello', start + 1000 * index, index)));
    };

    it('goes on where it was stopped, with all that it knew', async () => {
      preloader = await started({ keepHistoriesEveryMs: 20 });
      await publishFrom(0, 300);
      await allRead();
      await preloader.stop();
      const before = structuredClone(historyOf());
      await publishFrom(300, 310);
      const next = await started({ keepHistoriesEveryMs: 20 });
      await allRead(next);
      assert.equal(observedRate(historyOf(next), start + 309_000, 168).arrivals, 310);
      assert.deepEqual(historyOf(next).gapsMs, before.gapsMs);
    });

    it('withdraws the plans of those that are one too many for a successor that remembers fewer', async () => {
      const plans = new Map<string | null, string | null>();
      await bus.subscribe({ topic: planTopic, from: 'earliest', handle: (record) => void plans.set(record.key, record.value), onError: (error) => { throw error; } });
      preloader = await started({ keepHistoriesEveryMs: 20 });
      await bus.publish(invokerTopic(0), encode(activationMessage('hello', start, 1)));
      await bus.publish(invokerTopic(0), encode(activationMessage('other', start, 2)));
      await allRead();
      await preloader.stop();
      const next = await started({ keepHistoriesEveryMs: 20, config: { ...defaultPreloaderConfig, mostActions: 1 } });
      await eventually(() => plans.get(key) === null, 'the plan is withdrawn');
      assert.equal(typeof plans.get('guest/other@0.0.1'), 'string');
      assert.deepEqual([...next.view.state.histories.keys()], ['guest/other@0.0.1']);
    });

    it('loses nothing and counts nothing twice when it dies without a word', async () => {
      const connection = new CrashableBus(bus);
      const dying = await started({ bus: connection, keepHistoriesEveryMs: 20 });
      await publishFrom(0, 50);
      await allRead(dying);
      const readAt = performance.timeOrigin + performance.now();
      await eventually(() => (dying.view.historiesKeptAt ?? 0) > readAt, 'the histories and places are kept');
      await publishFrom(50, 80);
      await allRead(dying);
      // Of the last thirty the history may have been kept, but at most that: cut now, the new planner reads them again.
      await connection.cut();
      const next = await started({ keepHistoriesEveryMs: 20 });
      await eventually(() => historyOf(next).lastArrivalAt === start + 79_000, 'everything is read again');
      assert.equal(observedRate(historyOf(next), start + 79_000, 168).arrivals, 80);
      assert.deepEqual(historyOf(next).gapsMs, new Array(64).fill(1000));
    });
  });
});

