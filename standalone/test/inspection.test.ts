// What tools ask of a running server: its state, its events, and to load or off-load.
import { strict as assert } from 'node:assert';
import { basicAuthorization } from '../../common/basic-authorization.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { guestKey } from '../namespaces.ts';
import { callApi, type Answer } from '../testing/api-call.ts';
import { megabytes, otherKey, ServedSystem } from '../testing/served-system.ts';
import type { ActivationView, HistoryView, SystemStatus } from '../inspection/views.ts';

const declared = { annotations: [{ key: 'preload', value: { libraries: ['zod'] } }] };

describe('inspecting a standalone server', function () {
  this.timeout(60_000);
  let served: ServedSystem;

  before(async () => {
    // Room for what is loaded, however much a blank slot takes on a busy machine.
    served = await ServedSystem.start({ scheduler: { poolMemoryBytes: 512 * megabytes, stemCellMemoryBytes: 256 * megabytes } });
    await served.create('echo', 'function main(p) { return p; }');
    await served.create('declaring', 'function main(p) { return p; }', declared);
  });
  after(() => served.stop());

  const ask = (route: string, body?: unknown, key = guestKey): Promise<Answer> => callApi(`${served.address}/instainfer/v1${route}`, { key, ...(body === undefined ? {} : { method: 'POST', body }) });
  const status = async (key?: string): Promise<SystemStatus> => (await ask('/status', undefined, key)).body as SystemStatus;

  it('tells of each action where it is held and what is expected of it', async () => {
    const before = Date.now();
    await served.call('/namespaces/_/actions/echo?blocking=true', { method: 'POST', body: {} });
    const echo = (await status()).actions.find(({ qualifiedName }) => qualifiedName === 'guest/echo');
    assert.equal(echo?.heldIn.length, 1);
    assert.ok(Number(echo.forecast?.lastArrivalAt) >= before - 1 && Number(echo.forecast?.lastArrivalAt) <= Date.now());
    assert.ok(Number(echo.forecast?.offloadDueAt) > Date.now());
    assert.equal(echo.declaresArtifacts, false);
  });

  it('hides the names of other namespaces\' actions, and what their artifacts are worth', async () => {
    const seen = await status(otherKey);
    assert.equal(seen.namespace, 'other');
    assert.deepEqual(seen.actions, []);
    assert.ok(seen.containers.length > 0);
    const text = JSON.stringify(seen);
    assert.doesNotMatch(text, /guest/);
    assert.doesNotMatch(text, /valueMs/);
  });

  it('loads and off-loads what is asked for, and says in which container', async () => {
    // The deployment may have been prepared for already, or that is under way; then it is taken back first.
    await eventually(async () => {
      const { containers, loadsInFlight } = await status();
      for (const { id, residents } of containers) {
        for (const { action } of residents) await ask('/offload', { container: id, action });
      }
      return loadsInFlight === 0 && containers.length === 2 && containers.every(({ phase, residents }) => phase === 'idle' && residents.length === 0);
    }, 'two idle containers with nothing resident', 20_000);
    const loaded = await ask('/load', { action: 'guest/declaring' });
    assert.equal(loaded.status, 200, JSON.stringify(loaded.body));
    const { container } = loaded.body as { container: string };
    await eventually(async () => isResident(await status(), container), 'the load', 20_000);
    assert.deepEqual((await ask('/offload', { container, action: 'guest/declaring' })).body, { container });
    await eventually(async () => !isResident(await status(), container), 'the off-load');
  });

  it('refuses what it cannot do, and moves nobody else\'s action', async () => {
    assert.equal((await ask('/load', { action: 'guest/absent' })).status, 404);
    assert.equal((await ask('/load', { action: 'guest/declaring' }, otherKey)).status, 404);
    assert.equal((await ask('/load', { action: 'guest/echo' })).status, 409);
    assert.equal((await ask('/offload', { action: 'guest/declaring', container: 'nowhere' })).status, 409);
    assert.equal((await ask('/load', {})).status, 400);
    assert.equal((await ask('/load', { action: 'guest/declaring' }, 'no:body')).status, 401);
  });

  it('streams what has been, every change and every answer of the caller\'s', async () => {
    const aborting = new AbortController();
    const events = read(aborting.signal);
    const history = (await next(events, 'history')) as HistoryView;
    assert.ok(history.activations.some(({ action }) => action.startsWith('guest/echo@')));
    assert.ok(history.memory.length > 0);
    assert.equal(((await next(events, 'status')) as SystemStatus).namespace, 'guest');
    const called = (await served.call('/namespaces/_/actions/echo?blocking=true', { method: 'POST', body: {} })).body as { activationId: string };
    const { activationId, startType, status: outcome, runMs } = (await next(events, 'activation')) as ActivationView;
    assert.deepEqual([activationId, startType, outcome], [called.activationId, 'warm', 'success']);
    assert.ok(runMs >= 0);
    const { at } = (await next(events, 'status')) as SystemStatus;
    assert.ok(Math.abs(at - Date.now()) < 10_000);
    aborting.abort();
  });

  it('forgets readers that have gone, and says so where there are too many', async () => {
    const open = async (): Promise<{ status: number; close: () => void }> => {
      const aborting = new AbortController();
      const { status } = await fetch(`${served.address}/instainfer/v1/events`, { headers: { authorization: basicAuthorization(guestKey) }, signal: aborting.signal });
      return { status, close: () => { aborting.abort(); } };
    };
    const readers = await Promise.all(Array.from({ length: 64 }, open));
    assert.ok(readers.every(({ status }) => status === 200));
    assert.equal((await open()).status, 503);
    for (const { close } of readers) close();
    // The server hears of it a moment later.
    await eventually(async () => {
      const again = await Promise.all(Array.from({ length: 64 }, open));
      for (const { close } of again) close();
      return again.every(({ status }) => status === 200);
    }, 'room for as many as before');
  });

  it('streams no activation of another namespace', async () => {
    const aborting = new AbortController();
    const events = read(aborting.signal, otherKey);
    assert.deepEqual(((await next(events, 'history')) as HistoryView).activations, []);
    await served.call('/namespaces/_/actions/echo?blocking=true', { method: 'POST', body: {} });
    // The next thing it hears of is the state that the call has left.
    for (let count = 0; count < 2; count += 1) assert.equal((await events.next()).value?.name, 'status');
    aborting.abort();
  });

  async function* read(signal: AbortSignal, key = guestKey): AsyncGenerator<{ name: string; data: unknown }> {
    const response = await fetch(`${served.address}/instainfer/v1/events`, { headers: { authorization: basicAuthorization(key) }, signal });
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        const [, name = '', data = 'null'] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
        yield { name, data: JSON.parse(data) as unknown };
      }
    }
  }

  /** The next event of that name; others on the way are passed over. */
  async function next(events: AsyncGenerator<{ name: string; data: unknown }>, wanted: string): Promise<unknown> {
    for (;;) {
      const { value, done } = await events.next();
      if (done === true) throw new Error(`the stream ended before ${wanted}`);
      if (value.name === wanted) return value.data;
    }
  }
});

const isResident = ({ containers }: SystemStatus, container: string): boolean => containers.some(({ id, residents }) => id === container && residents.some(({ action }) => action.startsWith('guest/declaring@')));
