// Every message of OpenWhisk's Kafka topics, against files that hold it as OpenWhisk writes it.
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import type { z } from 'zod';
import type { DeepReadonly } from '../deep-readonly.ts';
import { acknowledgementSchema, activationIdOf, freesSlot, type Acknowledgement } from '../messages/acknowledgement.ts';
import { activationMessageSchema, isHealthCheck } from '../messages/activation-message.ts';
import { cacheInvalidationSchema } from '../messages/cache-invalidation.ts';
import { decode, encode } from '../messages/codec.ts';
import { activationEventOf, eventMessageSchema } from '../messages/event-message.ts';
import { pingMessageSchema } from '../messages/ping-message.ts';

const folder = path.resolve(import.meta.dirname, '../../../common/test/golden');
const golden = (name: string): Record<string, unknown> => JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as Record<string, unknown>;

const schemas: Readonly<Record<string, z.ZodType>> = {
  'activation-message': activationMessageSchema,
  'activation-message-every-field': activationMessageSchema,
  'activation-message-health': activationMessageSchema,
  result: acknowledgementSchema,
  'result-shrunk': acknowledgementSchema,
  completion: acknowledgementSchema,
  combined: acknowledgementSchema,
  'combined-system-error': acknowledgementSchema,
  'combined-shrunk': acknowledgementSchema,
  ping: pingMessageSchema,
  'event-activation': eventMessageSchema,
  'event-activation-every-field': eventMessageSchema,
  'event-metric': eventMessageSchema,
  'cache-invalidation': cacheInvalidationSchema,
};

function read<T>(schema: z.ZodType<T>, wire: unknown): DeepReadonly<T> {
  const decoded = decode(schema, JSON.stringify(wire));
  assert.ok(decoded.ok, decoded.ok ? '' : decoded.reason);
  return decoded.message;
}

const without = (wire: object, ...fields: string[]): object => Object.fromEntries(Object.entries(wire).filter(([field]) => !fields.includes(field)));

describe('a message of OpenWhisk', () => {
  it('has a golden file for each kind, and each file is tested', () => {
    assert.deepEqual(
      readdirSync(folder).sort(),
      Object.keys(schemas).map((name) => `${name}.json`).sort(),
    );
  });

  for (const [name, schema] of Object.entries(schemas)) {
    it(`(${name}) survives reading and writing with every field as it was`, () => {
      assert.deepEqual(JSON.parse(encode(read(schema, golden(name)))), golden(name));
    });

    it(`(${name}) is read with fields that nobody knows, and without them it is the same`, () => {
      const later = { ...golden(name), aLaterVersion: { says: ['more'] } };
      assert.deepEqual(JSON.parse(encode(read(schema, later))), golden(name));
    });
  }
});

describe('an activation message', () => {
  const message = golden('activation-message');

  it('needs none of the fields that OpenWhisk leaves out', () => {
    const bare = without(message, 'revision', 'content', 'initArgs', 'lockedArgs');
    assert.deepEqual(read(activationMessageSchema, bare).initArgs, []);
  });

  it('takes null for a field that is missing', () => {
    const decoded = read(activationMessageSchema, { ...message, revision: null, content: null, cause: null, traceContext: null });
    assert.equal(decoded.revision, null);
    assert.ok(!('content' in decoded) && !('cause' in decoded));
  });

  for (const [id, path_, name] of [
    ['guest/infer', 'guest', 'infer'],
    ['/guest/pkg/infer', 'guest/pkg', 'infer'],
  ]) {
    it(`takes the bare name ${id} of an action`, () => {
      assert.deepEqual(read(activationMessageSchema, { ...message, action: id }).action, { path: path_, name });
    });
  }

  it('is recognised as a health check by its transaction id', () => {
    assert.ok(isHealthCheck(read(activationMessageSchema, golden('activation-message-health'))));
    assert.ok(!isHealthCheck(read(activationMessageSchema, message)));
  });

  const parent = fc.letrec<{ id: unknown[] }>((tie) => ({
    id: fc.oneof(
      { depthSize: 'small' },
      fc.tuple(fc.string(), fc.maxSafeNat()),
      fc.tuple(fc.string(), fc.maxSafeNat(), fc.constant(true)),
      fc.tuple(fc.string(), fc.maxSafeNat(), tie('id')),
      fc.tuple(fc.string(), fc.maxSafeNat(), fc.constant(true), tie('id')),
    ),
  })).id;

  it('keeps every form of a transaction id exactly as it came', () => {
    fc.assert(
      fc.property(parent, (transid) => {
        assert.deepEqual(JSON.parse(encode(read(activationMessageSchema, { ...message, transid }).transid)), transid);
      }),
    );
  });

  it('is not lost for a transaction id that is none', () => {
    for (const transid of ['x', [], [1, 2], null, {}]) assert.equal(read(activationMessageSchema, { ...message, transid }).transid[0], 'sid_unknown');
  });

  it('survives reading and writing whatever it carries', () => {
    const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    const carried = fc.record(
      {
        blocking: fc.boolean(),
        content: fc.oneof(fc.dictionary(fc.string().filter((key) => key !== '__proto__'), json), fc.array(json)),
        initArgs: fc.array(fc.string()),
        lockedArgs: fc.dictionary(fc.string().filter((key) => key !== '__proto__'), fc.constantFrom('aes-128', 'aes-256')),
        cause: fc.constant('0123456789abcdef0123456789abcdef'),
        revision: fc.string(),
      },
      { requiredKeys: ['blocking', 'initArgs', 'lockedArgs', 'revision'] },
    );
    fc.assert(
      fc.property(carried, (fields) => {
        // Through JSON once: fast-check's objects may have no prototype, which deepEqual tells apart.
        const wire = JSON.parse(JSON.stringify({ ...without(message, 'content'), ...fields })) as object;
        assert.deepEqual(JSON.parse(encode(read(activationMessageSchema, wire))), wire);
      }),
    );
  });
});

describe('an acknowledgement', () => {
  for (const { name, frees, ofId } of [
    { name: 'result', frees: false, ofId: false },
    { name: 'result-shrunk', frees: false, ofId: true },
    { name: 'completion', frees: true, ofId: true },
    { name: 'combined', frees: true, ofId: false },
    { name: 'combined-shrunk', frees: true, ofId: true },
  ]) {
    it(`(${name}) ${frees ? 'frees' : 'does not free'} the slot and names its activation`, () => {
      const ack: Acknowledgement = read(acknowledgementSchema, golden(name));
      assert.equal(freesSlot(ack), frees);
      assert.equal(activationIdOf(ack), '3f2b1c0d9e8f4a5b8c7d6e5f4a3b2c1d');
      assert.equal(!('response' in ack) || typeof ack.response === 'string', ofId);
    });
  }

  it('of OpenWhisk 1.0.0 names its invoker without tags and dedicated namespaces', () => {
    const wire = golden('completion');
    const ack = read(acknowledgementSchema, { ...wire, instance: without(wire['instance'] as object, 'tags', 'dedicatedNamespaces', 'uniqueName') });
    assert.ok('instance' in ack);
    assert.deepEqual(ack.instance.tags, []);
  });

  it('with a broken instance is unreadable: taken for a result it would never free its slot', () => {
    const decoded = decode(acknowledgementSchema, JSON.stringify({ ...golden('combined'), instance: { instance: 'zero' } }));
    assert.ok(!decoded.ok && decoded.reason.startsWith('instance'), JSON.stringify(decoded));
  });

  it('may give its times as ISO 8601 texts', () => {
    const wire = golden('result');
    const ack = read(acknowledgementSchema, { ...wire, response: { ...(wire['response'] as object), start: '2025-10-09T08:53:20.200Z' } });
    assert.ok('response' in ack && typeof ack.response !== 'string');
    assert.equal(ack.response.start, 1_760_000_000_200);
  });
});

describe('a ping', () => {
  it('of OpenWhisk 1.0.0 says nothing of being enabled, and is', () => {
    assert.ok(read(pingMessageSchema, without(golden('ping'), 'isEnabled')).isEnabled);
  });
});

describe('the user event of an activation', () => {
  const ack = read(acknowledgementSchema, golden('result'));
  assert.ok('response' in ack && typeof ack.response !== 'string');
  const activation = ack.response;

  it('is the golden one', () => {
    const event = activationEventOf(activation, 'invoker0', '23bc46b1-71f6-4ed5-8c54-816aa4f8c502');
    assert.deepEqual({ ...event, timestamp: 1_760_000_000_470 }, golden('event-activation'));
  });

  for (const { title, result, status } of [
    { title: 'a number in the error', result: { error: { statusCode: 404 } }, status: 404 },
    { title: 'a numeric text in the error', result: { error: { statusCode: '404' } }, status: 404 },
    { title: 'a number at the top', result: { statusCode: 201 }, status: 201 },
    { title: 'no number', result: { error: { statusCode: 'teapot' } }, status: 400 },
    { title: 'nothing', result: { error: 'plain' }, status: undefined },
  ]) {
    it(`says ${status ?? 'no status'} where the action asked for ${title}`, () => {
      const event = activationEventOf({ ...activation, response: { statusCode: 1, result } }, 'invoker0', 'u');
      assert.equal(event?.body.userDefinedStatusCode, status);
    });
  }
});

describe('whatever lies on a topic', () => {
  it('is a message or unreadable with a reason, and never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.constantFrom(...Object.values(schemas)), (text, schema) => {
        const decoded = decode(schema, text);
        assert.ok(decoded.ok || decoded.reason.length > 0);
      }),
      { numRuns: 500 },
    );
  });
});
