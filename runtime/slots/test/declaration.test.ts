import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { artifactsSchema } from '../../protocol.ts';
import { parseDeclaration } from '../declaration.ts';

const text = fc.oneof(fc.constantFrom('', 'resnet', 'x'.repeat(200), 'x'.repeat(201), 'x'.repeat(214), 'x'.repeat(215), 'x'.repeat(1001)), fc.string({ maxLength: 5 }));
const anything = fc.oneof(text, fc.jsonValue());
const model = fc.oneof(fc.record({ name: anything, path: anything, store: anything }, { requiredKeys: [] }), fc.record({ name: text, path: text }), fc.record({ name: text, store: text }));
const declaration = fc.record({ models: fc.oneof(fc.array(fc.oneof({ weight: 9, arbitrary: model }, anything), { maxLength: 3 }), anything), libraries: fc.oneof(fc.array(text, { maxLength: 70 }), anything), pipelines: fc.oneof(fc.array(fc.oneof({ weight: 9, arbitrary: model }, anything), { maxLength: 9 }), anything) }, { requiredKeys: [] });

describe('the declaration of an archive', () => {
  it('is taken and refused exactly as the protocol takes and refuses artifacts', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: declaration }, fc.jsonValue()), (json) => {
        const expected = artifactsSchema.safeParse(json);
        if (!expected.success) {
          assert.throws(() => parseDeclaration(json), /^Error: instainfer\.json: /);
          return;
        }
        taken += 1;
        assert.deepEqual(parseDeclaration(json), expected.data);
      }),
      { numRuns: 2000 },
    );
    assert.ok(taken > 50, `only ${taken} were good`);
  });
});
