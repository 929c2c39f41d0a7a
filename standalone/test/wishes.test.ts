// What actions ask of the scheduler, on a server with real process containers: refused where it cannot be followed, kept
// where it can, and to be seen.
import { strict as assert } from 'node:assert';
import { eventually } from '../../common/testing/eventually.ts';
import type { PreparationNote } from '../../invoker-plugin/explanations.ts';
import { guestKey } from '../namespaces.ts';
import type { ActionView, ResidentView, SystemStatus } from '../inspection/views.ts';
import { callApi, type Answer } from '../testing/api-call.ts';
import { megabytes, otherKey, ServedSystem } from '../testing/served-system.ts';

const code = 'function main(p) { return p; }';
const annotations = (more: Record<string, unknown>): { key: string; value: unknown }[] => Object.entries({ preload: { libraries: ['zod'] }, ...more }).map(([key, value]) => ({ key, value }));

describe('actions that ask something of a standalone server', function () {
  this.timeout(60_000);
  let served: ServedSystem;

  beforeEach(async () => {
    // A quarter of it may be pinned: one place, as the test's estimates and measurements go, and never two.
    served = await ServedSystem.start({ scheduler: { poolMemoryBytes: 512 * megabytes } });
  });
  afterEach(() => served.stop());

  const put = (name: string, more: Record<string, unknown>, key = guestKey): Promise<Answer> =>
    served.call(`/namespaces/_/actions/${name}`, { method: 'PUT', key, body: { exec: { kind: 'nodejs:default', code }, annotations: annotations(more) } });
  const ask = async <T>(route: string): Promise<T> => (await callApi(`${served.address}/instainfer/v1${route}`)).body as T;
  const actionNamed = async (name: string): Promise<ActionView | undefined> => (await ask<SystemStatus>('/status')).actions.find(({ qualifiedName }) => qualifiedName === `guest/${name}`);
  const residentsOf = async (name: string): Promise<ResidentView[]> => (await ask<SystemStatus>('/status')).containers.flatMap(({ residents }) => residents.filter(({ action }) => action.startsWith(`guest/${name}@`)));
  /** What `explain` tells of the last call of the action. */
  const preparations = async (name: string): Promise<string[]> => {
    await served.call(`/namespaces/_/actions/${name}?blocking=true`, { method: 'POST', body: {} });
    return (await ask<{ preparations: PreparationNote[] }>('/explain/last')).preparations.map(({ what, why }) => `${what}: ${why}`);
  };

  it('are refused where that cannot be followed, with what to do, and are not created', async () => {
    const malformed = await put('kept', { 'preload-pin': 'always' });
    assert.equal(malformed.status, 400);
    assert.match((malformed.body as { error: string }).error, /preload-pin has to be a whole number.*-a preload-pin 1/);
    const forbidden = await put('kept', { 'preload-pin': 1 }, otherKey);
    assert.equal(forbidden.status, 403);
    assert.match((forbidden.body as { error: string }).error, /namespace other may not.*--wishes-from/);
    assert.equal((await served.call('/namespaces/_/actions/kept')).status, 404);
    assert.equal((await put('harmless', { 'preload-priority': 0.5, 'preload-idle-seconds': 5 }, otherKey)).status, 200);
  });

  it('are pinned by an update alone: loaded before any call, shown as pinned, and explained', async () => {
    await served.create('kept', code, { annotations: annotations({ 'preload-idle-seconds': 0 }) });
    assert.deepEqual(await residentsOf('kept'), []);
    // As `wsk action update kept -a preload-pin 1 --del-annotation preload-idle-seconds` does.
    const updated = await served.call('/namespaces/_/actions/kept?overwrite=true', { method: 'PUT', body: { annotations: [{ key: 'preload-pin', value: 1 }], delAnnotations: ['preload-idle-seconds'] } });
    assert.equal(updated.status, 200, JSON.stringify(updated.body));
    await eventually(async () => (await residentsOf('kept')).some(({ pinned }) => pinned === true), 'it is pinned', 20_000);
    assert.deepEqual((await actionNamed('kept'))?.wishes, { pinnedPlaces: 1, grantedPins: 1, heldPins: 1, priority: 1, text: 'pinned in 1 of 1 containers' });
    assert.ok((await preparations('kept')).includes('load: pinned'));
    assert.ok(Number((await actionNamed('kept'))?.heldIn.length) >= 1, 'its own container is a place too');
  });

  it('are pinned only as far as the memory for it goes', async () => {
    await served.create('greedy', code, { annotations: annotations({ 'preload-pin': 64 }) });
    await eventually(async () => (await actionNamed('greedy'))?.wishes !== undefined, 'the scheduler knows it');
    const { pinnedPlaces, grantedPins } = (await actionNamed('greedy'))?.wishes ?? {};
    assert.equal(pinnedPlaces, 64);
    assert.ok(Number(grantedPins) >= 1 && Number(grantedPins) * 16 <= 128, `${grantedPins} places of at least 16 MB, 128 MB to pin`);
  });

  it('are given back once their idle time is over, and say so', async () => {
    // Small artifacts may not be worth a load by themselves: a priority makes them so.
    const deploy = (): Promise<Answer> => served.call('/namespaces/_/actions/brief?overwrite=true', { method: 'PUT', body: { exec: { kind: 'nodejs:default', code }, annotations: annotations({ 'preload-priority': 100, 'preload-idle-seconds': 10 }) } });
    await deploy();
    await eventually(async () => {
      // A machine that is slow to load has the time over before; a new version has it anew.
      if (Number((await actionNamed('brief'))?.wishes?.idleEndsAt) <= Date.now()) await deploy();
      return (await residentsOf('brief')).length > 0;
    }, 'it is loaded', 30_000);
    await eventually(async () => (await residentsOf('brief')).length === 0, 'it is given back', 20_000);
    const wishes = (await actionNamed('brief'))?.wishes;
    assert.deepEqual([wishes?.idleMs, wishes?.text], [10_000, 'priority 100; given back after 10 s without a call']);
    assert.ok(Number(wishes?.idleEndsAt) <= Date.now());
    const loadAsked = await callApi(`${served.address}/instainfer/v1/load`, { method: 'POST', body: { action: 'guest/brief' } });
    assert.equal(loadAsked.status, 409);
    assert.ok((await preparations('brief')).includes('offload: idle-ttl'));
  });
});
