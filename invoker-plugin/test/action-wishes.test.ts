// What action annotations may ask of the scheduler, who may ask it, and what is said of what cannot be followed.
import { strict as assert } from 'node:assert';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import { actionDocument } from '../../common/testing/action-documents.ts';
import type { Logger } from '../../common/logger.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { mayWishOf, nobodyMayWish, readWishes, type ReadWishes } from '../action-wishes.ts';
import type { ActionDeployed, SchedulerEvent } from '../core/events.ts';
import { Deployments } from '../deployments.ts';

const preload = { models: [], libraries: ['zod'] };
const everybody = mayWishOf(['*']);
const read = (annotations: Record<string, unknown>, mayWish = everybody): ReadWishes => readWishes({ preload, ...annotations }, ['guest'], mayWish);

describe('the annotations that ask something of the scheduler', () => {
  it('are pinned places, a priority and an idle time', () => {
    assert.deepEqual(read({ 'preload-pin': 2, 'preload-priority': 3 }), { wishes: { pinnedPlaces: 2, priority: 3 }, problems: [] });
    assert.deepEqual(read({ 'preload-priority': 0.5, 'preload-idle-seconds': 1.5 }).wishes, { pinnedPlaces: 0, priority: 0.5, idleMs: 1500 });
    assert.deepEqual(read({ 'preload-idle-seconds': 0 }).wishes, { pinnedPlaces: 0, priority: 1, idleMs: 0 });
  });

  it('are none where there are none, or where they ask for what is the case anyway', () => {
    for (const annotations of [{}, { 'preload-pin': 0 }, { 'preload-priority': 1 }]) assert.deepEqual(read(annotations), { wishes: undefined, problems: [] });
  });

  for (const { title, annotations, says } of [
    { title: 'a pin that is no whole number', annotations: { 'preload-pin': 1.5 }, says: /preload-pin has to be a whole number of containers from 0 to 64, but is 1\.5\. For example: -a preload-pin 1/ },
    { title: 'a pin of too many containers', annotations: { 'preload-pin': 65 }, says: /from 0 to 64, but is 65/ },
    { title: 'a priority of nothing', annotations: { 'preload-priority': 0 }, says: /preload-priority has to be a number from 0\.01 to 100, but is 0\./ },
    { title: 'an idle time below 0', annotations: { 'preload-idle-seconds': -1 }, says: /preload-idle-seconds has to be a number of seconds from 0 to 604800, but is -1/ },
    { title: 'text', annotations: { 'preload-pin': 'yes' }, says: /but is "yes"/ },
    { title: 'something long', annotations: { 'preload-pin': 'y'.repeat(1000) }, says: /but is "y{59}…/ },
    { title: 'a name that is nearly one', annotations: { 'preload-pins': 1 }, says: /There is no annotation preload-pins\. Did you mean preload-pin\?/ },
    { title: 'a name that is like none', annotations: { 'preload-everything-now': 1 }, says: /There are preload-pin, preload-priority, preload-idle-seconds/ },
    { title: 'a pin with an idle time', annotations: { 'preload-pin': 1, 'preload-idle-seconds': 60 }, says: /contradict each other. Remove one/ },
    { title: 'a pin of nothing', annotations: { preload: { libraries: [] }, 'preload-pin': 1 }, says: /nothing to keep.*names no models or libraries/ },
    { title: 'a pin beside an annotation that cannot be read', annotations: { preload: 'resnet50', 'preload-pin': 1 }, says: /nothing to keep/ },
  ]) {
    it(`are not followed, and it is said what to do: ${title}`, () => {
      const { wishes, problems } = read(annotations);
      assert.equal(wishes?.pinnedPlaces ?? 0, 0);
      assert.deepEqual(problems.map(({ kind }) => kind), ['malformed']);
      assert.match(problems[0]?.text ?? '', says);
    });
  }

  it('may be at the expense of others only where both who owns the action and who calls it are allowed to', () => {
    const annotations = { preload, 'preload-pin': 1, 'preload-priority': 5 };
    const mayWish = mayWishOf(['team1', 'team2']);
    assert.deepEqual(readWishes(annotations, ['team1', 'team2'], mayWish), { wishes: { pinnedPlaces: 1, priority: 5 }, problems: [] });
    for (const namespaces of [['stranger', 'team1'], ['team1', 'stranger']]) {
      const { wishes, problems } = readWishes(annotations, namespaces, mayWish);
      assert.equal(wishes, undefined);
      assert.deepEqual(problems.map(({ annotation, kind }) => [annotation, kind]), [['preload-pin', 'forbidden'], ['preload-priority', 'forbidden']]);
      assert.match(problems[0]?.text ?? '', /preload-pin is 1, and the namespace stranger may not ask for more than 0\..*--wishes-from/);
    }
  });

  it('that are at nobody\'s expense are anybody\'s', () => {
    const { wishes, problems } = readWishes({ 'preload-priority': 0.1, 'preload-idle-seconds': 5 }, ['stranger'], nobodyMayWish);
    assert.deepEqual([wishes, problems], [{ pinnedPlaces: 0, priority: 0.1, idleMs: 5000 }, []]);
  });
});

describe('an invoker that deploys an action with wishes', () => {
  it('tells its scheduler of them, and warns of each that it does not follow once for each version', async () => {
    const events: SchedulerEvent[] = [];
    interface Warning { readonly annotation: string; readonly reason: string }
    const warnings: Warning[] = [];
    // Of the logger this part uses one method.
    const logger = { warn: (fields: Warning) => warnings.push(fields) } as unknown as Logger;
    const catalog = new MemoryCatalog();
    const deployments = new Deployments({ catalog, clock: new FakeClock(), logger, mayWish: undefined, invoker: 0, concurrencyMax: 1, estimate: () => ({ loadMs: 1, residentBytes: 1 }), submit: (event) => events.push(event) });
    const deploy = async (version: string, annotations: Record<string, unknown>): Promise<ActionDeployed> => {
      const document = actionDocument('a', { version, annotations: { preload, ...annotations } });
      catalog.put(document);
      await deployments.deploy(document.actionKey);
      await deployments.deploy(document.actionKey);
      return events.at(-1) as ActionDeployed;
    };
    assert.deepEqual((await deploy('0.0.1', { 'preload-priority': 0.5 })).wishes, { pinnedPlaces: 0, priority: 0.5 });
    assert.equal(warnings.length, 0);
    const bad = await deploy('0.0.2', { 'preload-pin': 1, 'preload-priority': 'high', 'preload-idle-seconds': 60 });
    assert.deepEqual(bad.wishes, { pinnedPlaces: 0, priority: 1, idleMs: 60_000 }, 'the rest is followed');
    assert.deepEqual(warnings.map(({ annotation }) => annotation), ['preload-pin', 'preload-priority']);
    await deploy('0.0.3', { 'preload-pin': 1 });
    assert.equal(warnings.length, 3);
    assert.match(warnings[2]?.reason ?? '', /--wishes-from/);
    assert.ok(!('wishes' in (await deploy('0.0.4', {}))));
  });
});
