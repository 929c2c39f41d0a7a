// Attach mode beside a stock invoker: real stem cells of a real engine, started as such an invoker starts them, and plans
// that a planner has published.
import { strict as assert } from 'node:assert';
import Docker from 'dockerode';
import type { ActionDocument } from '../../common/action-document.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { AppError } from '../../common/errors.ts';
import { createLogger } from '../../common/logger.ts';
import { encode } from '../../common/messages/codec.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { planTopic, type Plan } from '../../controller-plugin/protocol.ts';
import { tinyModel } from '../../runtime/model-store/tiny-model.ts';
import type { StatusReply } from '../../runtime/protocol.ts';
import { DockerRuntime, requireEngine, testImage } from '../../runtime/testing/container-engine.ts';
import { zipBase64 } from '../../runtime/testing/zip.ts';
import { Attachment, borrowingSchedulerConfig } from '../attach/attachment.ts';
import type { SchedulerCommand } from '../core/commands.ts';
import type { SchedulerEvent } from '../core/events.ts';
import { invokerLabel } from '../drivers/docker-driver.ts';
import { residencySchema, residencyTopic, type Residency } from '../protocol.ts';

const memoryMegabytes = 256;
const token = 'token-of-the-deployment';
const kind = 'nodejs:instainfer';
const patienceMs = 30_000;

const documents = new Map<string, Promise<ActionDocument>>();

/** The same document for the same name: what a plan loads is what the other invoker initialises. */
function actionOf(name: string): Promise<ActionDocument> {
  const known = documents.get(name) ?? makeAction(name);
  documents.set(name, known);
  return known;
}

async function makeAction(name: string): Promise<ActionDocument> {
  const code = `const { model } = require('instainfer'); exports.main = async () => ({ inputs: (await model('${name}')).inputNames });`;
  return {
    // As CouchDB's documents have it; the other invoker's /init names no revision.
    actionKey: `guest/${name}@0.0.1#1-${name}`,
    qualifiedName: `guest/${name}`,
    version: '0.0.1',
    kind,
    main: 'main',
    code: await zipBase64({ 'index.js': code, 'model.onnx': Buffer.from(tinyModel) }),
    binary: true,
    limits: { memoryMegabytes, timeoutMs: 60_000, logsMegabytes: 10, concurrency: 1 },
    annotations: { preload: { models: [{ name, path: 'model.onnx' }], libraries: [] } },
  };
}

describe('attach mode', function () {
  this.timeout(120_000);
  let engine: Docker;
  let bus: MemoryBus;
  let catalog: MemoryCatalog;
  let attachments: Attachment[];
  let containers: DockerRuntime[];
  let events: SchedulerEvent[];
  let commands: SchedulerCommand[];
  let residency: Map<string, Residency>;
  let count = 0;

  before(async function () {
    engine = await requireEngine(this);
  });
  beforeEach(async () => {
    bus = new MemoryBus();
    catalog = new MemoryCatalog();
    attachments = [];
    containers = [];
    events = [];
    commands = [];
    residency = new Map();
    await bus.subscribe({
      topic: residencyTopic,
      from: 'earliest',
      handle: ({ key, value }) => {
        if (value === null) residency.delete(key ?? '');
        else residency.set(key ?? '', residencySchema.parse(JSON.parse(value)));
      },
      onError: assert.ifError,
    });
  });
  afterEach(async () => {
    await Promise.all(attachments.map((attachment) => attachment.stop()));
    await Promise.all(containers.map((container) => container.remove()));
    await bus.close();
  });

  /** A container as a stock invoker with our image in its manifest starts it for nobody in particular. */
  const stemCell = async (more: { name?: string; labels?: Record<string, string> } = {}): Promise<DockerRuntime> => {
    count += 1;
    const name = `wsk${process.pid}test0_${count}_prewarm_nodejsinstainfer`;
    const container = await DockerRuntime.start(engine, { __OW_API_HOST: 'http://api.example', INSTAINFER_TOKEN: token }, { name, memoryBytes: memoryMegabytes * 2 ** 20, ...more });
    containers.push(container);
    return container;
  };
  const attach = async (more: { pollMs?: number; image?: string } = {}): Promise<Attachment> => {
    const attachment = new Attachment({
      invoker: 0,
      bus,
      clock: new SystemClock(),
      logger: createLogger('attach-test', 'silent'),
      engine,
      catalog,
      image: testImage,
      kind,
      pollMs: 200,
      scheduler: borrowingSchedulerConfig,
      estimate: () => ({ loadMs: 500, residentBytes: 60 * 2 ** 20 }),
      onStep: (event, stepCommands) => {
        events.push(event);
        commands.push(...stepCommands);
      },
      ...more,
    });
    attachments.push(attachment);
    await attachment.start();
    return attachment;
  };
  const plan = async (name: string, more: Partial<Plan> = {}): Promise<void> => {
    const action = await actionOf(name);
    catalog.put(action);
    const value: Plan = { formatVersion: 1, actionKey: action.actionKey, arrivalRatePerMs: 1 / 5000, sampleCount: 10, lastArrivalAt: Date.now() - 4000, preloadWindowMs: 100, ...more };
    await bus.publish(planTopic, encode(value), action.actionKey);
  };
  const statusOf = async (container: DockerRuntime): Promise<StatusReply> => (await container.call('GET', '/status', undefined, { authorization: `Bearer ${token}` })).json as StatusReply;
  const residentsOf = async (container: DockerRuntime): Promise<string[]> => (await statusOf(container)).slots.filter(({ state }) => state === 'resident').map(({ action }) => action);
  const holds = async (container: DockerRuntime, ...actions: string[]): Promise<void> => {
    await eventually(async () => (await residentsOf(container)).sort().join() === actions.sort().join(), `${actions.join()} resident`, patienceMs);
  };
  const found = async (number: number): Promise<void> => {
    await eventually(() => events.filter(({ type }) => type === 'containerFound').length === number, `${number} stem cells found`, patienceMs);
  };
  const lost = (): number => events.filter(({ type }) => type === 'containerRemoved').length;
  const init = async (container: DockerRuntime, name: string): Promise<string> => {
    const { code, main, binary } = await actionOf(name);
    const env = { __OW_ACTION_NAME: `/guest/${name}`, __OW_NAMESPACE: 'guest', __OW_ACTION_VERSION: '0.0.1' };
    const reply = await container.call('POST', '/init', { value: { name, main, code, binary, env } });
    assert.equal(reply.status, 200, reply.text);
    return reply.headers.get('server-timing') ?? '';
  };

  it("loads what is planned into a stock invoker's stem cells, so that its own /init finds it there", async () => {
    const [first, second] = await Promise.all([stemCell(), stemCell()]);
    await attach();
    await plan('a');
    await Promise.all([holds(first, 'guest/a'), holds(second, 'guest/a')]);
    assert.match(await init(first, 'a'), /slot;desc="resident"/);
    const reply = await first.call('POST', '/run', { value: {} });
    assert.deepEqual(reply.json, { inputs: ['x'] });
  });

  it('reports what is resident where, and that a stem cell is taken', async () => {
    const container = await stemCell();
    await attach();
    await plan('a');
    await eventually(() => [...residency.values()].some(({ resident }) => resident[0]?.actionKey === 'guest/a@0.0.1#1-a'), 'a residency report', patienceMs);
    await init(container, 'a');
    await eventually(() => residency.size === 0, 'the report taken back', patienceMs);
  });

  it('finds stem cells that start later', async () => {
    await attach();
    await plan('a');
    await holds(await stemCell(), 'guest/a');
  });

  it('never touches a container that is initialised, before it attaches or after', async () => {
    const initialised = await stemCell();
    await init(initialised, 'own');
    const taken = await stemCell();
    await attach();
    await found(1);
    await init(taken, 'own');
    await eventually(() => lost() === 1, 'the container let go', patienceMs);
    await plan('a');
    const later = await stemCell();
    await holds(later, 'guest/a');
    for (const container of [initialised, taken]) assert.deepEqual((await statusOf(container)).slots.map(({ action }) => action), ['guest/own']);
  });

  it('takes no for an answer when a container is initialised between the look and the load', async () => {
    const container = await stemCell();
    await attach({ pollMs: 3_600_000 });
    await found(1);
    await init(container, 'own');
    await plan('a');
    await eventually(() => lost() === 1, 'the container let go', patienceMs);
    assert.equal(commands.filter(({ type }) => type === 'load').length, 1);
    assert.deepEqual((await statusOf(container)).slots.map(({ action }) => action), ['guest/own']);
  });

  it('lets go of a container that its owner pauses', async () => {
    const container = await stemCell();
    await attach({ pollMs: 3_600_000 });
    await found(1);
    // An engine cannot freeze a container in which a process is just starting.
    await eventually(() => container.container.pause().then(() => true, () => false), 'the pause', patienceMs);
    await eventually(() => lost() === 1, 'the container let go', patienceMs);
    await container.container.unpause();
  });

  it('survives the loss of containers at any moment, in the middle of a load too, and loads elsewhere', async () => {
    const victims = await Promise.all([stemCell(), stemCell()]);
    await attach();
    await found(2);
    await plan('a');
    await eventually(() => commands.some(({ type }) => type === 'load'), 'a load', patienceMs);
    await Promise.all(victims.map((victim) => victim.remove()));
    await eventually(() => lost() === 2, 'both let go', patienceMs);
    await plan('b');
    const replacement = await stemCell();
    await holds(replacement, 'guest/a', 'guest/b');
  });

  it('leaves alone what is not a stem cell of the kind, of another image, or our own invoker', async () => {
    await stemCell({ name: `wsk${process.pid}test0_900_prewarm_nodejs20` });
    await stemCell({ name: `wsk${process.pid}test0_901_guest_hello` });
    await stemCell({ labels: { [invokerLabel]: '/0' } });
    await attach({ image: testImage });
    await attach({ image: 'instainfer/another:image' });
    await stemCell();
    await found(1);
  });

  it('begins anew where an earlier one ended', async () => {
    const container = await stemCell();
    const former = await attach();
    await plan('a', { lastArrivalAt: Date.now() });
    await holds(container, 'guest/a');
    await former.stop();
    assert.deepEqual(await residentsOf(container), ['guest/a']);
    bus = new MemoryBus();
    await attach();
    await holds(container);
    await plan('b');
    await holds(container, 'guest/b');
  });

  it('asks for nothing but loads and off-loads, and starts and removes nothing', async () => {
    const container = await stemCell();
    await attach();
    await plan('a', { prewarmWindowMs: 1, keepAliveWindowMs: 1 });
    await plan('b', { prewarmWindowMs: 1, keepAliveWindowMs: 1 });
    await holds(container, 'guest/a', 'guest/b');
    assert.deepEqual([...new Set(commands.map(({ type }) => type))], ['load']);
  });
});

describe('attach mode without an engine', () => {
  it('says that none answers, and where it has to run', async () => {
    const attachment = new Attachment({
      invoker: 0,
      bus: new MemoryBus(),
      clock: new SystemClock(),
      logger: createLogger('attach-test', 'silent'),
      engine: new Docker({ socketPath: '/nonexistent/docker.sock' }),
      catalog: new MemoryCatalog(),
      image: testImage,
      kind,
      pollMs: 1000,
      scheduler: borrowingSchedulerConfig,
      estimate: () => ({ loadMs: 0, residentBytes: 0 }),
      onStep: () => undefined,
    });
    await assert.rejects(attachment.start(), (error: unknown) => error instanceof AppError && error.code === 'CONTAINER_START' && /No container engine answers/.test(error.message) && /where the invoker does/.test(error.fix));
  });
});
