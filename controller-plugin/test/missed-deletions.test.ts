// What a planner was not told, because it was away for longer than controllers' words are kept: it asks the database, withdraws
// the plans of what is gone, and the invokers off-load it.
import { strict as assert } from 'node:assert';
import path from 'node:path';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import { invokerTopic } from '../../common/messages/activation-message.ts';
import { encode } from '../../common/messages/codec.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import { mayWishOf } from '../../invoker-plugin/action-wishes.ts';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import { baseConfig, MiB } from '../../invoker-plugin/core/test/builders.ts';
import { ProcessDriver } from '../../invoker-plugin/drivers/process-driver.ts';
import { embeddedServing, Invoker } from '../../invoker-plugin/invoker.ts';
import { CouchCatalog } from '../../invoker-plugin/stores/couch-catalog.ts';
import { CouchStandIn } from '../../invoker-plugin/testing/couch-stand-in.ts';
import { defaultPreloaderConfig } from '../core/config.ts';
import { firstReviewWithinMs } from '../core/review.ts';
import { Preloader } from '../preloader.ts';
import { planTopic } from '../protocol.ts';
import { activationMessage } from '../testing/stock-records.ts';

const database = 'whisks';
/** Longest from the end of a round to the first question of the next. */
const longestRestMs = 23 * 60_000;
const logger = createLogger('test', 'silent');

describe('a planner that was away when an action was deleted', function () {
  this.timeout(60_000);
  let bus: MemoryBus;
  let couch: CouchStandIn;
  let catalog: CouchCatalog;
  let clock: FakeClock;
  let running: Preloader[];
  /** The newest record of each key on the topic of plans. */
  let plans: Map<string | null, string | null>;

  beforeEach(async () => {
    bus = new MemoryBus();
    couch = new CouchStandIn();
    catalog = new CouchCatalog({ couch: { baseUrl: await couch.start(), credentials: couch.credentials, timeoutMs: 5000 }, database, cacheBytes: 1_000_000 });
    clock = new FakeClock(Date.now());
    running = [];
    plans = new Map();
    await bus.subscribe({ topic: planTopic, from: 'earliest', handle: ({ key, value }) => void plans.set(key, value), onError: assert.ifError });
  });
  afterEach(async () => {
    await Promise.all(running.map((preloader) => preloader.stop()));
    await bus.close();
    await couch.stop();
  });

  /** Lets time pass until it is so. */
  const passUntil = (isSo: () => boolean, what: string, stepMs = 100): Promise<void> =>
    eventually(() => {
      clock.advance(stepMs);
      return isSo();
    }, what);
  const start = async (): Promise<Preloader> => {
    const preloader = new Preloader({ bus, clock, logger, catalog, invokers: [0], config: defaultPreloaderConfig, keepHistoriesEveryMs: 100 });
    running.push(preloader);
    let isStarted = false;
    void preloader.start().then(() => {
      isStarted = true;
    });
    await passUntil(() => isStarted, 'the planner has started');
    return preloader;
  };
  const deploy = (name: string): string =>
    couch.put(database, `guest/${name}`, {
      entityType: 'action', namespace: 'guest', name, version: '0.0.1', publish: false, updated: 1,
      exec: { kind: 'nodejs:instainfer', binary: false, code: 'function main() {}' },
      parameters: [], limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 }, annotations: [{ key: 'preload', value: { libraries: ['zod'] } }, { key: 'preload-pin', value: 1 }],
    });
  let count = 0;
  const call = (name: string, revision: string): Promise<void> => bus.publish(invokerTopic(0), encode(activationMessage(name, clock.now(), (count += 1), { action: { path: 'guest', name, version: '0.0.1' }, revision })));
  /** Two actions that a planner has planned for. */
  const planned = async (): Promise<{ gone: string; kept: string; preloader: Preloader }> => {
    const [gone, kept] = [`guest/gone@0.0.1#${deploy('gone')}`, `guest/kept@0.0.1#${deploy('kept')}`];
    const preloader = await start();
    for (const key of [gone, kept]) await call(key.slice(6, 10), key.slice(key.indexOf('#') + 1));
    await passUntil(() => typeof plans.get(gone) === 'string' && typeof plans.get(kept) === 'string', 'both are planned for');
    return { gone, kept, preloader };
  };
  const knows = (preloader: Preloader, key: string): boolean => preloader.view.state.histories.has(key);

  it('comes to know of it within a minute of its start, and an invoker off-loads what is resident of it', async () => {
    const { gone, kept, preloader } = await planned();
    await preloader.stop();
    const commands: SchedulerCommand[] = [];
    let residents = 0;
    const invoker = new Invoker({
      ...embeddedServing(512 * MiB),
      instance: 7,
      bus,
      clock: new SystemClock(),
      logger,
      driver: new ProcessDriver({ runtimeMain: path.resolve(import.meta.dirname, '../../runtime/main.js'), startTimeoutMs: 30_000, graceMs: 500 }),
      catalog,
      scheduler: { ...baseConfig, poolMemoryBytes: 512 * MiB, prewarmPolicy: 'stemcell', preload: true, mostPinnedShare: 1 },
      mayWish: mayWishOf(['guest']),
      environment: {},
      publishEvents: false,
      estimate: () => ({ loadMs: 100, residentBytes: 16 * MiB }),
      onFinished: () => undefined,
      onStep: (_event, stepCommands, state) => {
        commands.push(...stepCommands);
        residents = [...state.containers.values()].reduce((sum, container) => sum + container.residents.size, 0);
      },
    });
    try {
      await invoker.start();
      await eventually(() => residents === 2, 'both are resident', 30_000);
      couch.delete(database, 'guest/gone');
      couch.requests.length = 0;
      const next = await start();
      assert.ok(knows(next, gone), 'its history has survived it');
      const startedAt = clock.now();
      await passUntil(() => plans.get(gone) === null, 'its plan is withdrawn', 1000);
      assert.ok(clock.now() - startedAt <= firstReviewWithinMs + 10_000);
      await eventually(() => residents === 1, 'it is off-loaded');
      assert.deepEqual(commands.flatMap((command) => (command.type === 'offload' ? [[command.actionKey, command.reason]] : [])), [[gone, 'action-removed']]);
      assert.ok(!knows(next, gone) && knows(next, kept) && typeof plans.get(kept) === 'string');
      assert.equal(couch.requests.filter((request) => request.endsWith('/_all_docs')).length, 1);
    } finally {
      await invoker.stop();
    }
  });

  it('comes to know of it while it runs, though nobody told, with the next round', async () => {
    const { gone, kept, preloader } = await planned();
    await passUntil(() => couch.requests.some((request) => request.endsWith('/_all_docs')), 'it has asked', 1000);
    couch.delete(database, 'guest/gone');
    const deletedAt = clock.now();
    await passUntil(() => plans.get(gone) === null, 'its plan is withdrawn', 30_000);
    assert.ok(clock.now() - deletedAt <= longestRestMs + 60_000, `${clock.now() - deletedAt} ms`);
    assert.ok(knows(preloader, kept));
  });

  it('takes in a new revision too, with the history of the former one', async () => {
    const { gone: updated, preloader } = await planned();
    const latest = `guest/gone@0.0.1#${deploy('gone')}`;
    await passUntil(() => knows(preloader, latest) && !knows(preloader, updated), 'the new revision is known', 1000);
    assert.notEqual(preloader.view.state.histories.get(latest)?.lastArrivalAt, undefined);
    await passUntil(() => plans.get(updated) === null && typeof plans.get(latest) === 'string', 'its plan has taken the place of the former one');
  });

  it('forgets nothing while the database does not answer, and asks again', async () => {
    couch.fault = (request) => (request.endsWith('/_all_docs') ? 503 : undefined);
    const { gone, kept, preloader } = await planned();
    couch.delete(database, 'guest/gone');
    const asked = (): number => couch.requests.filter((request) => request.endsWith('/_all_docs')).length;
    await passUntil(() => asked() >= 3, 'it is asked in vain', 1000);
    assert.ok(knows(preloader, gone) && knows(preloader, kept));
    couch.fault = undefined;
    await passUntil(() => plans.get(gone) === null, 'its plan is withdrawn', 1000);
  });
});
