import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { initValueSchema } from '../../protocol.ts';
import { initValueOf } from '../init-value.ts';

const text = fc.oneof({ weight: 9, arbitrary: fc.string() }, fc.jsonValue());
// Zod leaves a variable named __proto__ out; no environment can have one.
const environment = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()).filter((env) => !Object.hasOwn(Object(env) as object, '__proto__'));
const value = fc.record({ name: text, main: text, code: fc.oneof(text, fc.constant(null)), binary: fc.oneof({ weight: 9, arbitrary: fc.boolean() }, fc.jsonValue()), env: environment, revision: text }, { requiredKeys: [] });

describe('the body of /init', () => {
  it('has a value exactly when the protocol says so', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: value }, fc.jsonValue()), (json) => {
        // JSON knows no undefined and no prototype.
        const plain: unknown = JSON.parse(JSON.stringify(json));
        const expected = initValueSchema.safeParse(plain);
        if (expected.success) taken += 1;
        assert.deepEqual(initValueOf(Buffer.from(JSON.stringify({ value: plain }))), expected.success ? expected.data : {});
      }),
      { numRuns: 1000 },
    );
    assert.ok(taken > 50, `only ${taken} were good`);
  });

  it('is nothing without JSON, and empty without a value', () => {
    for (const [body, expected] of [['', {}], ['{}', {}], ['[]', {}], ['{"value":7}', {}], ['no json', undefined], ['7', undefined], ['null', undefined]] as const) assert.deepEqual(initValueOf(Buffer.from(body)), expected, body);
  });
});
