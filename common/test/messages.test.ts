import { strict as assert } from 'node:assert';
import { acknowledgementSchema, activationIdOf, freesSlot, shrink, type Combined } from '../messages/acknowledgement.ts';
import { actionKeyOfMessage, activationMessageSchema, isHealthCheck } from '../messages/activation-message.ts';
import { decode, encode } from '../messages/codec.ts';
import { activationEventOf } from '../messages/event-message.ts';
import { pingMessageSchema } from '../messages/ping-message.ts';

const activationId = '3f2b1c0d9e8f4a5b8c7d6e5f4a3b2c1d';
const wireActivation = {
  transid: ['b6f0c2d4e8a01357b6f0c2d4e8a01357', 1760000000123],
  action: { path: 'guest', name: 'infer', version: '0.0.3' },
  revision: '4-9c1f5c7b2f3e4d5a6b7c8d9e0f1a2b3c',
  user: {
    subject: 'guest',
    namespace: { name: 'guest', uuid: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502' },
    authkey: { api_key: 'key' },
    rights: ['READ'],
    limits: {},
  },
  activationId,
  rootControllerIndex: { asString: '0', instanceType: 'controller' },
  blocking: true,
  content: { k: 'v' },
  initArgs: [],
  lockedArgs: {},
};
const record = {
  namespace: 'guest',
  name: 'infer',
  subject: 'guest',
  activationId,
  start: 1760000000200,
  end: 1760000000450,
  duration: 250,
  response: { statusCode: 0, result: { label: 'cat' }, size: 15 },
  logs: [],
  version: '0.0.3',
  publish: false,
  annotations: [
    { key: 'path', value: 'guest/infer' },
    { key: 'kind', value: 'nodejs:instainfer' },
    { key: 'limits', value: { concurrency: 1, logs: 10, memory: 512, timeout: 60000 } },
    { key: 'initTime', value: 180 },
    { key: 'waitTime', value: 77 },
  ],
};
const instance = { instance: 0, userMemory: '2147483648 B', instanceType: 'invoker' as const, tags: [], dedicatedNamespaces: [], uniqueName: '0' };

describe('an activation message', () => {
  it('survives decoding and encoding unchanged', () => {
    const decoded = decode(activationMessageSchema, JSON.stringify(wireActivation));
    assert.ok(decoded.ok);
    assert.deepEqual(JSON.parse(encode(decoded.message)), wireActivation);
  });

  it('is parsed once for readers of one record, and never taken for that of another', () => {
    const read = (activationId: string): unknown => decode(activationMessageSchema, JSON.stringify({ ...wireActivation, activationId }));
    const [first, second] = ['1'.repeat(32), '2'.repeat(32)];
    assert.equal(read(first), read(first), 'the second reader has the same message');
    for (const id of [first, second, first]) assert.ok(JSON.stringify(read(id)).includes(id));
    assert.equal(decode(pingMessageSchema, JSON.stringify(wireActivation)).ok, false, 'another schema makes something else of it');
  });

  it('is read with fields that are not known', () => {
    const decoded = decode(activationMessageSchema, JSON.stringify({ ...wireActivation, somethingNew: { deep: true } }));
    assert.ok(decoded.ok);
  });

  it('names version, revision and caller of the action by its key', () => {
    const decoded = decode(activationMessageSchema, JSON.stringify(wireActivation));
    assert.ok(decoded.ok);
    assert.equal(actionKeyOfMessage({ ...decoded.message, revision: '4-9c' }), 'guest/infer@0.0.3#4-9c');
    assert.equal(actionKeyOfMessage({ ...decoded.message, revision: null }), 'guest/infer@0.0.3');
    const caller = { ...decoded.message.user, namespace: { name: 'acme', uuid: 'u' } };
    assert.equal(actionKeyOfMessage({ ...decoded.message, revision: null, user: caller }), 'acme:guest/infer@0.0.3');
  });

  it('keeps the transaction id of a health check exactly as it came', () => {
    const transid = ['sid_invokerHealth', 1759990000000, true, ['parent', 1]];
    const decoded = decode(activationMessageSchema, JSON.stringify({ ...wireActivation, transid, revision: null }));
    assert.ok(decoded.ok);
    assert.ok(isHealthCheck(decoded.message));
    assert.deepEqual(decoded.message.transid, transid);
  });

  for (const [title, text] of [
    ['a record that is not JSON', '{"transid":'],
    ['a record of another kind', '{"name":{"instance":0}}'],
    ['an activation id of the wrong form', JSON.stringify({ ...wireActivation, activationId: 'x' })],
  ] as const) {
    it(`is refused with a reason when it is ${title}`, () => {
      const decoded = decode(activationMessageSchema, text);
      assert.ok(!decoded.ok);
      assert.ok(decoded.reason.length > 3);
    });
  }
});

describe('an acknowledgement', () => {
  const transid: [string, number] = ['tid', 1];
  const combined: Combined = { transid, response: record, isSystemError: false, instance };

  for (const { title, wire, frees } of [
    { title: 'combined', wire: combined, frees: true },
    { title: 'a completion', wire: { transid, activationId, isSystemError: false, instance }, frees: true },
    { title: 'a result', wire: { transid, response: record }, frees: false },
    { title: 'combined and shrunk', wire: shrink(combined), frees: true },
  ]) {
    it(`that is ${title} is told apart by its keys and survives a round trip`, () => {
      const decoded = decode(acknowledgementSchema, encode(wire));
      assert.ok(decoded.ok);
      assert.deepEqual(JSON.parse(encode(decoded.message)), JSON.parse(JSON.stringify(wire)));
      assert.equal(freesSlot(decoded.message), frees);
      assert.equal(activationIdOf(decoded.message), activationId);
    });
  }

  it('of an older invoker is read without tags and dedicated namespaces', () => {
    const old = { transid, activationId, isSystemError: false, instance: { instance: 3, userMemory: '1 GB', instanceType: 'invoker' } };
    assert.ok(decode(acknowledgementSchema, JSON.stringify(old)).ok);
  });
});

describe('a user event', () => {
  it('carries the times, the kind and the memory of its activation', () => {
    const event = activationEventOf(record, 'invoker0', 'uuid');
    assert.deepEqual(event?.body, {
      name: 'guest/infer',
      activationId,
      statusCode: 0,
      duration: 250,
      waitTime: 77,
      initTime: 180,
      kind: 'nodejs:instainfer',
      conductor: false,
      memory: 512,
      size: 15,
    });
  });

  it('does not exist for an activation without path and kind', () => {
    assert.equal(activationEventOf({ ...record, annotations: [] }, 'invoker0', 'uuid'), undefined);
  });
});

describe('a ping', () => {
  it('counts as enabled when an older invoker says nothing of it', () => {
    const decoded = decode(pingMessageSchema, JSON.stringify({ name: instance }));
    assert.ok(decoded.ok && decoded.message.isEnabled);
  });
});
