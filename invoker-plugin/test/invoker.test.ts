// The invoker against the real runtime in process containers, spoken to as a controller does: messages in, acknowledgements out.
import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { actionDocument } from '../../common/testing/action-documents.ts';
import type { ActionDocument } from '../../common/action-document.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { freesSlot, type Acknowledgement, type WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { invokerTopic, type ActivationMessage } from '../../common/messages/activation-message.ts';
import { decode } from '../../common/messages/codec.ts';
import { eventMessageSchema, eventsTopic } from '../../common/messages/event-message.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import type { SchedulerConfig } from '../core/config.ts';
import { baseConfig, MiB } from '../core/test/builders.ts';
import { ProcessDriver } from '../drivers/process-driver.ts';
import { embeddedServing, Invoker } from '../invoker.ts';
import { ControllerMessages, recordOf } from '../testing/controller-messages.ts';

const scheduler: SchedulerConfig = { ...baseConfig, poolMemoryBytes: 512 * MiB, prewarmPolicy: 'none', preload: false, keepAliveMs: 60_000, zygoteWindowMs: 60_000, stemCellCount: 0, stemCellMemoryBytes: 256 * MiB, maxQueuedActivations: 10 };

function actionOf(name: string, code: string, limits: Partial<ActionDocument['limits']> = {}): ActionDocument {
  return actionDocument(name, { code, limits: { timeoutMs: 10_000, ...limits }, annotations: { 'provide-api-key': false } });
}

describe('the invoker', function () {
  this.timeout(60_000);
  let bus: MemoryBus;
  let invoker: Invoker;
  let catalog: MemoryCatalog;
  let controller: ControllerMessages;
  let logged: Record<string, unknown>[];
  /** Of each container, as it was in the last step. */
  let phases: Map<string, string>;

  beforeEach(async () => {
    bus = new MemoryBus();
    catalog = new MemoryCatalog();
    logged = [];
    phases = new Map();
    controller = await ControllerMessages.on(bus);
    invoker = new Invoker({
      ...embeddedServing(scheduler.poolMemoryBytes),
      instance: 0,
      bus,
      clock: new SystemClock(),
      logger: pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line) as Record<string, unknown>) }),
      driver: new ProcessDriver({ runtimeMain: path.resolve(import.meta.dirname, '../../runtime/main.js'), startTimeoutMs: 20_000, graceMs: 500 }),
      catalog,
      scheduler,
      environment: {},
      publishEvents: true,
      estimate: () => ({ loadMs: 0, residentBytes: 0 }),
      onFinished: () => undefined,
      onStep: (_event, _commands, state) => {
        for (const { id, phase } of state.containers.values()) phases.set(id, phase);
      },
    });
    await invoker.start();
  });
  afterEach(async () => {
    await invoker.stop();
    await bus.close();
  });

  const send = (name: string, overrides: Partial<ActivationMessage> = {}): Promise<string> => controller.send(name, { revision: '1-x', ...overrides });
  const acknowledged = (activationId: string): Promise<Acknowledgement[]> => controller.acknowledged(activationId);

  it('runs an activation elsewhere when the process of its warm container has ended between two runs', async () => {
    catalog.put(actionOf('mortal', 'function main() { setTimeout(() => process.exit(1), 20); return { pid: process.pid } }'));
    const pidOf = (record: WhiskActivation): number => (record.response.result as { pid: number }).pid;
    const first = pidOf(recordOf(await acknowledged(await send('mortal'))));
    // Gone from there means that its parent, the proxy, has taken note of its end.
    await eventually(() => !existsSync(`/proc/${first}`), 'the process of the action ends');
    const second = recordOf(await acknowledged(await send('mortal')));
    assert.equal(second.response.statusCode, 0, JSON.stringify(second.response.result));
    assert.notEqual(pidOf(second), first);
    assert.ok(second.annotations.some(({ key }) => key === 'initTime'), 'it was initialised in another container');
  });

  it('answers a blocking activation with its result, then with the freed slot', async () => {
    catalog.put(actionOf('hello', 'function main(args) { return { greeting: "hello " + args.name } }'));
    const acks = await acknowledged(await send('hello', { content: { name: 'you' } }));
    assert.equal(acks.length, 2);
    const record = recordOf(acks);
    assert.deepEqual(record.response.result, { greeting: 'hello you' });
    assert.ok(record.annotations.some(({ key }) => key === 'initTime'));
    assert.ok(!freesSlot(acks[0]!) && freesSlot(acks[1]!));
  });

  it('answers at once and for all when the action has no logs to wait for', async () => {
    catalog.put(actionOf('quiet', 'function main() { return {} }', { logsMegabytes: 0 }));
    const acks = await acknowledged(await send('quiet'));
    assert.equal(acks.length, 1);
    assert.ok('response' in acks[0]! && 'instance' in acks[0]);
  });

  it('tells a controller whose caller does not wait only that the slot is free', async () => {
    catalog.put(actionOf('hello', 'function main() { return {} }'));
    const acks = await acknowledged(await send('hello', { blocking: false }));
    assert.equal(acks.length, 1);
    assert.ok(!('response' in acks[0]!));
  });

  it('runs once what came twice, as a producer whose connection broke sends it', async () => {
    catalog.put(actionOf('count', 'let n = 0; function main() { n += 1; return { n } }', { memoryMegabytes: 512 }));
    const activationId = 'd'.repeat(32);
    await send('count', { activationId });
    await send('count', { activationId });
    // The pool holds one container of this size, so what comes runs in order.
    const record = recordOf(await acknowledged(await send('count')));
    assert.deepEqual(record.response.result, { n: 2 });
    assert.equal((await acknowledged(activationId)).filter(freesSlot).length, 1);
  });

  it('reuses the container of an action, without init', async () => {
    catalog.put(actionOf('count', 'let n = 0; function main() { n += 1; return { n } }'));
    await acknowledged(await send('count'));
    const record = recordOf(await acknowledged(await send('count')));
    assert.deepEqual(record.response.result, { n: 2 });
    assert.ok(!record.annotations.some(({ key }) => key === 'initTime'));
  });

  it('passes init arguments to the environment and not to the run', async () => {
    catalog.put(actionOf('env', 'const secret = process.env.TOKEN; function main(args) { return { secret, args, ns: process.env.__OW_NAMESPACE, key: process.env.__OW_API_KEY ?? null } }'));
    const record = recordOf(await acknowledged(await send('env', { content: { TOKEN: 'abc', visible: 1 }, initArgs: ['TOKEN'] })));
    assert.deepEqual(record.response.result, { secret: 'abc', args: { visible: 1 }, ns: 'guest', key: null });
  });

  it('reports an action that is gone as an application error', async () => {
    const record = recordOf(await acknowledged(await send('gone')));
    assert.equal(record.response.statusCode, 1);
    assert.deepEqual(record.response.result, { error: 'Action could not be found or may have been deleted.' });
  });

  it('replaces the container after a developer error', async () => {
    catalog.put(actionOf('moody', 'let n = 0; function main(args) { n += 1; if (args.die) process.exit(1); return { n } }'));
    await acknowledged(await send('moody'));
    const failed = recordOf(await acknowledged(await send('moody', { content: { die: true } })));
    assert.equal(failed.response.statusCode, 2);
    assert.deepEqual(failed.response.result, { error: 'The action did not produce a valid response and exited unexpectedly.' });
    const fresh = recordOf(await acknowledged(await send('moody')));
    assert.deepEqual(fresh.response.result, { n: 1 });
  });

  it('ends an activation at its time limit', async () => {
    catalog.put(actionOf('slow', 'function main() { return new Promise(() => {}) }', { timeoutMs: 3000 }));
    const record = recordOf(await acknowledged(await send('slow')));
    assert.deepEqual(record.response.result, { error: 'The action exceeded its time limits of 3000 milliseconds.' });
    assert.ok(record.annotations.some(({ key, value }) => key === 'timeout' && value === true));
  });

  it('answers every activation of a burst that is larger than the pool', async () => {
    catalog.put(actionOf('busy', 'function main(args) { return new Promise((resolve) => setTimeout(() => resolve({ i: args.i }), 20)) }'));
    const ids = await Promise.all(Array.from({ length: 9 }, (_, i) => send('busy', { content: { i } })));
    const results = await Promise.all(ids.map(async (id) => recordOf(await acknowledged(id)).response.result));
    assert.deepEqual(
      results,
      Array.from({ length: 9 }, (_, i) => ({ i })),
    );
  });

  it('fails an action that is larger than the pool with the way out', async () => {
    catalog.put(actionOf('huge', 'function main() { return {} }', { memoryMegabytes: 4096 }));
    const [ack] = await acknowledged(await send('huge'));
    // It is the action's fault, which must not take the invoker out of rotation.
    assert.ok(ack !== undefined && 'isSystemError' in ack && !ack.isSystemError);
    assert.match(JSON.stringify(recordOf([ack]).response.result), /more memory than this invoker has/);
  });

  it('skips an unreadable record and goes on', async () => {
    catalog.put(actionOf('hello', 'function main() { return {} }'));
    await bus.publish(invokerTopic(0), '{"not":"an activation"}');
    await bus.publish(invokerTopic(0), 'not even JSON');
    assert.equal(recordOf(await acknowledged(await send('hello'))).response.statusCode, 0);
  });

  it('logs each activation that has ended by its id, with how it started, and nothing of what it was given', async () => {
    catalog.put(actionOf('hello', 'function main() { return {} }'));
    const id = await send('hello');
    await acknowledged(id);
    await eventually(() => logged.some(({ msg }) => msg === 'an activation has ended'), 'the log line');
    const { activationId, actionKey, startType, status, startupMs, runMs } = logged.find(({ msg }) => msg === 'an activation has ended') ?? {};
    assert.deepEqual([activationId, actionKey, startType, status], [id, 'guest/hello@0.0.1', 'cold', 'success']);
    assert.ok(Number(startupMs) > 0 && Number(runMs) > 0);
    assert.ok(logged.every((line) => !('content' in line) && !JSON.stringify(line).includes('authkey')));
  });

  it('publishes the user event of an activation', async () => {
    catalog.put(actionOf('hello', 'function main() { return {} }'));
    const id = await send('hello');
    await acknowledged(id);
    const names: string[] = [];
    await new Promise<void>((resolve) => {
      void bus.subscribe({
        topic: eventsTopic,
        group: 'test',
        from: 'earliest',
        handle: (record) => {
          const decoded = decode(eventMessageSchema, record.value);
          assert.ok(decoded.ok && decoded.message.eventType === 'Activation');
          names.push(decoded.message.body.name, decoded.message.body.activationId);
          resolve();
        },
        onError: () => undefined,
      });
    });
    assert.deepEqual(names, ['guest/hello', id]);
  });

  it('says nothing of the containers that its own end removes: idle, running and starting ones', async () => {
    catalog.put(actionOf('idle', 'function main() { return {} }', { logsMegabytes: 0 }));
    catalog.put(actionOf('endless', 'function main() { return new Promise(() => {}) }', { memoryMegabytes: 128 }));
    catalog.put(actionOf('starting', 'function main() { return {} }', { memoryMegabytes: 128 }));
    await acknowledged(await send('idle'));
    const endless = await send('endless');
    await eventually(() => phases.get('c2') === 'busy', 'the second action runs', 20_000);
    const unserved = await send('starting');
    await eventually(() => phases.get('c3') === 'starting', 'a third container starts');
    await invoker.stop();
    for (const id of [endless, unserved]) assert.match(JSON.stringify(recordOf(await acknowledged(id)).response.result), /The invoker was stopped/);
    assert.deepEqual(logged.filter(({ level }) => Number(level) >= 40), []);
  });
});
