import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { modelEnvironment, modelVariable } from '../model-environment.ts';

describe('the variables that say where models lie', () => {
  it('are named after the model, in letters that every shell takes', () => {
    assert.equal(modelVariable('resnet50'), 'MODEL_RESNET50_PATH');
    assert.equal(modelVariable('bert-base.v2/é'), 'MODEL_BERT_BASE_V2___PATH');
  });

  it('go to the model declared first where two names give the same', () => {
    assert.deepEqual(modelEnvironment([{ name: 'a-b', file: '/1' }, { name: 'a.b', file: '/2' }]), { MODEL_A_B_PATH: '/1', MODEL_PATH: '/1' });
  });

  it('are none for an action that declares none', () => {
    assert.deepEqual(modelEnvironment([]), {});
  });

  it('are of the form MODEL_<LETTERS>_PATH or MODEL_PATH for any names, so that none can stand for another setting', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ name: fc.string({ minLength: 1, unit: 'binary' }), file: fc.constant('/f') })), (models) => {
        assert.deepEqual(Object.keys(modelEnvironment(models)).filter((name) => !/^MODEL_([A-Z0-9_]+_)?PATH$/.test(name)), []);
      }),
    );
  });
});
