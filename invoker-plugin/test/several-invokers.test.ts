// Two invokers of one deployment, with the real runtime in process containers: who runs an activation, who is acknowledged.
import { strict as assert } from 'node:assert';
import path from 'node:path';
import { actionDocument } from '../../common/testing/action-documents.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import { freesSlot, type Acknowledgement } from '../../common/messages/acknowledgement.ts';
import { encode } from '../../common/messages/codec.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { planTopic, type Plan } from '../../controller-plugin/protocol.ts';
import type { SchedulerEvent } from '../core/events.ts';
import { baseConfig, MiB } from '../core/test/builders.ts';
import { ProcessDriver } from '../drivers/process-driver.ts';
import { standingSchema, standingTopic } from '../forwarding/messages.ts';
import { embeddedServing, Invoker } from '../invoker.ts';
import { residencySchema, residencyTopic } from '../protocol.ts';
import { ControllerMessages, recordOf } from '../testing/controller-messages.ts';

const action = actionDocument('hello', {
  code: 'let calls = 0; function main() { calls += 1; return { calls, invoker: process.env.__OW_API_HOST } }',
  limits: { timeoutMs: 10_000 },
  annotations: { 'provide-api-key': false },
});

describe('two invokers', function () {
  this.timeout(60_000);
  let bus: MemoryBus;
  let invokers: Invoker[];
  let controller: ControllerMessages;
  let events: SchedulerEvent[][];

  beforeEach(async () => {
    bus = new MemoryBus();
    const catalog = new MemoryCatalog();
    catalog.put(action);
    controller = await ControllerMessages.on(bus);
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

  /** Sends an activation to an invoker; resolves with its acknowledgements when one has freed the slot. */
  const invoke = async (invoker: number): Promise<readonly Acknowledgement[]> => controller.acknowledged(await controller.send('hello', {}, invoker));
  const resultOf = (acks: readonly Acknowledgement[]): unknown => recordOf(acks).response.result;
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

  it('run an activation where its container is warm, and free the slot of the invoker that the controller chose', async () => {
    const [first, second] = invokers;
    const reported = saidAliveAndWarm();
    const warmedUp = await invoke(1);
    assert.deepEqual(resultOf(warmedUp), { calls: 1, invoker: 'https://host1.example' });
    await reported;
    let acks = await invoke(0);
    assert.deepEqual(resultOf(acks), { calls: 2, invoker: 'https://host1.example' });
    assert.deepEqual(freedBy(acks), [{ instance: 0, userMemory: `${512 * MiB} B`, instanceType: 'invoker', tags: [], dedicatedNamespaces: [], uniqueName: '0' }]);
    await eventually(() => first!.pendingCount + second!.pendingCount === 0, 'nothing is pending');
    assert.deepEqual([first!.forwardingCounts?.handedOver, second!.forwardingCounts?.taken], [1, 1]);
    acks = await invoke(1);
    assert.deepEqual(freedBy(acks), [{ instance: 1, userMemory: `${512 * MiB} B`, instanceType: 'invoker', tags: [], dedicatedNamespaces: [], uniqueName: '1' }]);
  });

  it('prepare for an action only where its plan says so', async () => {
    const plan: Plan = { formatVersion: 1, actionKey: action.actionKey, arrivalRatePerMs: 0.001, sampleCount: 5, lastArrivalAt: Date.now(), invokers: [1] };
    await bus.publish(planTopic, encode(plan), plan.actionKey);
    await eventually(() => events[1]!.some(({ type }) => type === 'planReceived'), 'the plan is there');
    assert.deepEqual(events[0]!.filter(({ type }) => type === 'planReceived' || type === 'actionDeployed'), []);
    await bus.publish(planTopic, encode({ ...plan, invokers: [0] }), plan.actionKey);
    await eventually(() => events[0]!.some(({ type }) => type === 'planReceived') && events[1]!.filter(({ type }) => type === 'planReceived').length === 2, 'both have the second plan');
    const elsewhere = (of: SchedulerEvent[]): (boolean | undefined)[] => of.flatMap((event) => (event.type === 'planReceived' ? [event.elsewhere] : []));
    assert.deepEqual(events.map(elsewhere), [[undefined], [undefined, true]]);
  });
});
