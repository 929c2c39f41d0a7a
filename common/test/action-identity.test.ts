import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { actionKeyOf, parseActionKey, shortNameOf, unversionedNameOf } from '../action-identity.ts';

describe('an action key', () => {
  it('names the version, and the revision where there is one', () => {
    assert.equal(actionKeyOf('/guest/infer'), 'guest/infer@0.0.1');
    assert.equal(actionKeyOf('guest/infer', '0.0.3', { revision: null }), 'guest/infer@0.0.3');
    assert.equal(actionKeyOf('guest/infer', '0.0.3', { revision: '4-9c' }), 'guest/infer@0.0.3#4-9c');
  });

  it('names the caller only where it is not the provider', () => {
    assert.equal(actionKeyOf('guest/infer', '0.0.1', { namespace: 'guest' }), 'guest/infer@0.0.1');
    assert.equal(actionKeyOf('shared/vision/infer', '0.0.1', { namespace: 'acme' }), 'acme:shared/vision/infer@0.0.1');
  });

  it('gives the short name of an action in a package', () => {
    assert.equal(shortNameOf('acme:shared/vision/infer@0.0.1#1-a'), 'infer');
  });

  it('keeps its name over versions and revisions, for each caller', () => {
    assert.equal(unversionedNameOf('guest/infer@0.0.2#3-b'), 'guest/infer');
    assert.equal(unversionedNameOf('acme:shared/infer@0.0.2#3-b'), 'acme:shared/infer');
  });

  it('is taken apart as it was put together, whatever OpenWhisk allows in names', () => {
    const name = fc.stringMatching(/^\w([\w@ .&-]{0,20}[\w@.&-])?$/);
    const parts = fc.record(
      {
        qualifiedName: fc.array(name, { minLength: 2, maxLength: 3 }).map((path) => path.join('/')),
        version: fc.stringMatching(/^\d{1,3}\.\d{1,3}\.\d{1,3}$/),
        revision: fc.option(fc.stringMatching(/^\d{1,3}-[0-9a-f]{1,32}$/), { nil: undefined }),
        namespace: name,
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(parts, (identity) => {
        assert.deepEqual(parseActionKey(actionKeyOf(identity.qualifiedName, identity.version, identity)), identity);
      }),
    );
  });
});
