import { strict as assert } from 'node:assert';
import { messageOf, serialiseThrown, stackOf, textOf } from '../thrown.ts';

/** Everything about it throws. */
class EvilError extends Error {
  override get name(): string {
    throw new Error('evil name');
  }
  override get message(): string {
    throw new Error('evil message');
  }
  override get stack(): string {
    throw new Error('evil stack');
  }
}

describe('what user code throws', () => {
  it('becomes name, message, stack and own properties when it is an error', () => {
    const error = Object.assign(new TypeError('wrong'), { code: 'E1', details: { at: [1, 2] } });
    const { stack, ...rest } = serialiseThrown(error) as Record<string, unknown>;
    assert.deepEqual(rest, { name: 'TypeError', message: 'wrong', code: 'E1', details: { at: [1, 2] } });
    assert.match(String(stack), /^TypeError: wrong\n/);
  });

  it('keeps causes', () => {
    const serialised = serialiseThrown(new Error('outer', { cause: new Error('inner') })) as { cause: { message: string } };
    assert.equal(serialised.cause.message, 'inner');
  });

  it('loses cycles and depth, not the rest', () => {
    const cyclic: Record<string, unknown> = { a: 1 };
    cyclic['self'] = cyclic;
    assert.deepEqual(serialiseThrown(cyclic), { a: 1, self: '[Circular]' });
    let deep: unknown = 'bottom';
    for (let level = 0; level < 50; level++) deep = { deep };
    assert.doesNotThrow(() => JSON.stringify(serialiseThrown(deep)));
  });

  it('stays what JSON makes of it when it is no error', () => {
    for (const value of ['text', 5, true, null, [1, { a: 'b' }]]) assert.deepEqual(serialiseThrown(value), value);
    assert.equal(serialiseThrown(10n), '10');
  });

  it('never makes another error, however hostile it is', () => {
    const evil = new EvilError();
    assert.doesNotThrow(() => JSON.stringify(serialiseThrown(evil)));
    assert.equal(typeof textOf(evil), 'string');
    assert.equal(typeof stackOf(evil), 'string');
    assert.equal(typeof messageOf(evil), 'string');
    assert.equal(typeof textOf({ toString: () => { throw new Error('no'); } }), 'string');
    assert.equal(typeof textOf(Object.create(null)), 'string');
  });
});
