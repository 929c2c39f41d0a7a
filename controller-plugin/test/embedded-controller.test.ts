import { strict as assert } from 'node:assert';
import { actionDocument } from '../../common/testing/action-documents.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import { completedTopic, type Combined, type WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { activationMessageSchema, invokerTopic, type ActivationMessage } from '../../common/messages/activation-message.ts';
import { cacheInvalidationTopic } from '../../common/messages/cache-invalidation.ts';
import { decode, encode } from '../../common/messages/codec.ts';
import { onlyInvoker } from '../embedded/balancer.ts';
import { EmbeddedController } from '../embedded/controller.ts';
import { MemoryCatalog } from '../embedded/memory-catalog.ts';

const action = actionDocument('hello', { code: 'function main() { return {} }' });
const instance = { instance: 0, userMemory: '1 B', instanceType: 'invoker' as const, tags: [], dedicatedNamespaces: [] };

function recordOf(message: ActivationMessage): WhiskActivation {
  return {
    namespace: 'guest',
    name: 'hello',
    subject: 'guest',
    activationId: message.activationId,
    start: 1,
    end: 2,
    response: { statusCode: 0, result: { greeting: 'hi' } },
    logs: [],
    version: '0.0.1',
    publish: false,
    annotations: [],
  };
}

describe('the embedded controller', () => {
  let bus: MemoryBus;
  let controller: EmbeddedController;
  const catalog = new MemoryCatalog();

  beforeEach(async () => {
    bus = new MemoryBus();
    const user = { subject: 'guest', namespace: { name: 'guest', uuid: 'u' }, authkey: { api_key: 'k' }, rights: [], limits: {} };
    controller = new EmbeddedController({ bus, clock: new SystemClock(), logger: createLogger('test', 'silent'), catalog, controllerId: '7', balancer: onlyInvoker(3), user });
    await controller.start();
  });
  afterEach(async () => {
    await controller.stop();
    await bus.close();
  });

  /** Answers every activation on the invoker's topic with what `answer` gives. */
  const actAsInvoker = (answer: (message: ActivationMessage) => object[]): Promise<unknown> =>
    bus.subscribe({
      topic: invokerTopic(3),
      group: 'invoker3',
      from: 'earliest',
      handle: async (record) => {
        const decoded = decode(activationMessageSchema, record.value);
        assert.ok(decoded.ok);
        for (const acknowledgement of answer(decoded.message)) await bus.publish(completedTopic('7'), encode(acknowledgement));
      },
      onError: (error) => {
        throw error;
      },
    });

  it('gives the caller the record of a combined acknowledgement', async () => {
    await actAsInvoker((message) => [{ transid: message.transid, response: recordOf(message), isSystemError: false, instance } satisfies Combined]);
    const { activationId, finished } = controller.invoke(action, { name: 'x' });
    const result = await finished;
    assert.ok('record' in result);
    assert.equal(result.record.activationId, activationId);
  });

  it('waits for the completion after a result', async () => {
    const order: string[] = [];
    await actAsInvoker((message) => [
      { transid: message.transid, response: recordOf(message) },
      { transid: message.transid, activationId: message.activationId, isSystemError: false, instance },
    ]);
    const { finished } = controller.invoke(action, {});
    await finished.then((result) => order.push('record' in result ? 'record' : 'none'));
    assert.deepEqual(order, ['record']);
  });

  it('skips an unreadable acknowledgement and takes the next', async () => {
    await actAsInvoker((message) => [{ nonsense: true }, { transid: message.transid, response: recordOf(message), isSystemError: false, instance }]);
    assert.ok('record' in (await controller.invoke(action, {}).finished));
  });

  it('announces a deployment on the topic that controllers use among themselves', async () => {
    const announced: string[] = [];
    await bus.subscribe({
      topic: cacheInvalidationTopic,
      group: 'test',
      from: 'earliest',
      handle: (record) => {
        announced.push(record.value ?? '');
      },
      onError: (error) => {
        throw error;
      },
    });
    await controller.deploy(action);
    await bus.close();
    assert.deepEqual(announced, ['{"key":{"mainId":"guest/hello"},"instanceId":"controller7"}']);
    assert.equal(await catalog.findLatest('guest/hello'), action);
  });

  it('settles every waiting caller when it stops', async () => {
    const { finished } = controller.invoke(action, {});
    await controller.stop();
    assert.deepEqual(await finished, { isSystemError: true });
  });
});
