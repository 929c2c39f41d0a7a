// Two invokers of one deployment, with the real runtime in process containers: who runs an activation, who is acknowledged.
import { strict as assert } from 'node:assert';
import path from 'node:path';
import { actionDocument } from '../../common/testing/action-documents.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import { acknowledgementSchema, activationIdOf, completedTopic, freesSlot, type Acknowledgement } from '../../common/messages/acknowledgement.ts';
import { invokerTopic, type ActivationMessage } from '../../common/messages/activation-message.ts';
import { decode, encode } from '../../common/messages/codec.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { planTopic, type Plan } from '../../controller-plugin/protocol.ts';
import type { SchedulerEvent } from '../core/events.ts';
import { baseConfig, MiB } from '../core/test/builders.ts';
import { ProcessDriver } from '../drivers/process-driver.ts';
import { standingSchema, standingTopic } from '../forwarding/messages.ts';
import { embeddedServing, Invoker } from '../invoker.ts';
import { residencySchema, residencyTopic } from '../protocol.ts';

const action = actionDocument('hello', {
  code: 'let calls = 0; function main() { calls += 1; return { calls, invoker: process.env.__OW_API_HOST } }',
  limits: { timeoutMs: 10_000 },
  annotations: { 'provide-api-key': false },
});

describe('two invokers', function () {
  this.timeout(60_000);
  let bus: MemoryBus;
  let invokers: Invoker[];
  let acknowledgements: Acknowledgement[];
  let events: SchedulerEvent[][];
  let heard: () => void;

  beforeEach(async () => {
    bus = new MemoryBus();
    acknowledgements = [];
    heard = () => undefined;
    const catalog = new MemoryCatalog();
    catalog.put(action);
    await bus.subscribe({
      topic: completedTopic('0'),
      group: 'completed0',
      from: 'earliest',
      handle: (record) => {
        const decoded = decode(acknowledgementSchema, record.value);
        assert.ok(decoded.ok);
        acknowledgements.push(decoded.message);
        heard();
      },
      onError: (error) => {
        throw error;
      },
    });
    events = [[], []];
    invokers = [0, 1].map(
      (instance) =>
        new Invoker({
          ...embeddedServing(512 * MiB),
          forward: true,
          instance,
          bus,
          clock: new SystemClock(),
          logger: createLogger('test', 'silent'),
          driver: new ProcessDriver({ runtimeMain: path.resolve(import.meta.dirname, '../../runtime/main.js'), startTimeoutMs: 20_000, graceMs: 500 }),
          catalog,
          scheduler: { ...baseConfig, poolMemoryBytes: 512 * MiB, stemCellCount: 0 },
          environment: { __OW_API_HOST: `https://host${instance}.example` },
          publishEvents: false,
          estimate: () => ({ loadMs: 0, residentBytes: 0 }),
          onFinished: () => undefined,
          onStep: (event) => events[instance]!.push(event),
        }),
    );
    await Promise.all(invokers.map((invoker) => invoker.start()));
  });
  afterEach(async () => {
    await Promise.all(invokers.map((invoker) => invoker.stop()));
    await bus.close();
  });

  /** Sends an activation to an invoker as a controller does; resolves with its acknowledgements when one has freed the slot. */
  const invoke = async (invoker: number, count: number): Promise<readonly Acknowledgement[]> => {
    const activationId = count.toString(16).padStart(32, '0');
    const message: ActivationMessage = {
      transid: ['t'.repeat(32), Date.now()],
      action: { path: 'guest', name: 'hello', version: '0.0.1' },
      revision: null,
      user: { subject: 'guest', namespace: { name: 'guest', uuid: 'u' }, authkey: {}, rights: [], limits: {} },
      activationId,
      rootControllerIndex: { asString: '0', instanceType: 'controller' },
      blocking: true,
      content: {},
      initArgs: [],
      lockedArgs: {},
    };
    await bus.publish(invokerTopic(invoker), encode(message));
    const own = (): Acknowledgement[] => acknowledgements.filter((each) => activationIdOf(each) === activationId);
    while (!own().some(freesSlot)) await new Promise<void>((resolve) => { heard = resolve; });
    return own();
  };
  const resultOf = (acks: readonly Acknowledgement[]): unknown => {
    const [first] = acks;
    return first !== undefined && 'response' in first && typeof first.response === 'object' ? first.response.response.result : undefined;
  };
  const freedBy = (acks: readonly Acknowledgement[]): unknown => acks.filter(freesSlot).map(({ instance }) => instance);
  /** Resolves when invoker 1 has said that it is alive, and that it has an idle container of the action. */
  const saidAliveAndWarm = async (): Promise<void> => {
    const hear = (topic: string, isIt: (value: string) => boolean): Promise<void> =>
      new Promise((resolve) => {
        void bus.subscribe({ topic, from: 'latest', onError: () => undefined, handle: ({ value }) => { if (value !== null && isIt(value)) resolve(); } });
      });
    const isIdle = (value: string): boolean => {
      const { invoker, idle, ownActionKey } = residencySchema.parse(JSON.parse(value));
      return invoker === 1 && idle && ownActionKey === action.actionKey;
    };
    await Promise.all([hear(residencyTopic, isIdle), hear(standingTopic, (value) => standingSchema.parse(JSON.parse(value)).invoker === 1)]);
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  it('run an activation where its container is warm, and free the slot of the invoker that the controller chose', async () => {
    const [first, second] = invokers;
    const reported = saidAliveAndWarm();
    const warmedUp = await invoke(1, 1);
    assert.deepEqual(resultOf(warmedUp), { calls: 1, invoker: 'https://host1.example' });
    await reported;
    let acks = await invoke(0, 2);
    assert.deepEqual(resultOf(acks), { calls: 2, invoker: 'https://host1.example' });
    assert.deepEqual(freedBy(acks), [{ instance: 0, userMemory: `${512 * MiB} B`, instanceType: 'invoker', tags: [], dedicatedNamespaces: [], uniqueName: '0' }]);
    await until(() => first!.pendingCount + second!.pendingCount === 0);
    assert.deepEqual([first!.forwardingCounts?.handedOver, second!.forwardingCounts?.taken], [1, 1]);
    acks = await invoke(1, 3);
    assert.deepEqual(freedBy(acks), [{ instance: 1, userMemory: `${512 * MiB} B`, instanceType: 'invoker', tags: [], dedicatedNamespaces: [], uniqueName: '1' }]);
  });

  it('prepare for an action only where its plan says so', async () => {
    const plan: Plan = { formatVersion: 1, actionKey: action.actionKey, arrivalRatePerMs: 0.001, sampleCount: 5, lastArrivalAt: Date.now(), invokers: [1] };
    await bus.publish(planTopic, encode(plan), plan.actionKey);
    await until(() => events[1]!.some(({ type }) => type === 'planReceived'));
    assert.deepEqual(events[0]!.filter(({ type }) => type === 'planReceived' || type === 'actionDeployed'), []);
    await bus.publish(planTopic, encode({ ...plan, invokers: [0] }), plan.actionKey);
    await until(() => events[0]!.some(({ type }) => type === 'planReceived') && events[1]!.filter(({ type }) => type === 'planReceived').length === 2);
    const elsewhere = (of: SchedulerEvent[]): (boolean | undefined)[] => of.flatMap((event) => (event.type === 'planReceived' ? [event.elsewhere] : []));
    assert.deepEqual(events.map(elsewhere), [[undefined], [undefined, true]]);
  });
});
