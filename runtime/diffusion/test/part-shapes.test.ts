import { strict as assert } from 'node:assert';
import { AppError } from '../../../common/errors.ts';
import { checkParts, type Parts } from '../part-shapes.ts';
import type { Part, PartName, ValueInfo } from '../part.ts';

const value = (name: string, type: string, shape: ValueInfo['shape']): ValueInfo => ({ name, type, shape });
const part = (inputs: ValueInfo[], outputs: ValueInfo[]): Part => ({ inputs, outputs, run: () => Promise.reject(new Error('nothing is run')) });

/** As exported with the floats of this type. */
function exported(floats: Record<PartName, string>): Parts {
  const { text_encoder: text, unet, vae_decoder: vae } = floats;
  return {
    text_encoder: part([value('input_ids', 'int32', ['batch', 77])], [value('last_hidden_state', text, ['batch', 77, 768])]),
    unet: part([value('sample', unet, ['batch', 4, 'height', 'width']), value('timestep', 'int64', []), value('encoder_hidden_states', unet, ['batch', 77, 768])], [value('out_sample', unet, ['batch', 4, 'height', 'width'])]),
    vae_decoder: part([value('latent_sample', vae, ['batch', 4, 'height', 'width'])], [value('sample', vae, ['batch', 3, 'height', 'width'])]),
  };
}

const whole: Record<PartName, string> = { text_encoder: 'float32', unet: 'float32', vae_decoder: 'float32' };

describe('the networks of a pipeline', () => {
  it('fit as they are exported in float32', () => {
    checkParts(exported(whole), 77);
  });

  for (const [name, input] of [
    ['text_encoder', 'last_hidden_state'],
    ['unet', 'sample'],
    ['vae_decoder', 'latent_sample'],
  ] as const) {
    it(`are refused with ${name} in float16, saying how to get float32`, () => {
      assert.throws(
        () => checkParts(exported({ ...whole, [name]: 'float16' }), 77),
        (error) => error instanceof AppError && error.code === 'PIPELINE_CORRUPT' && error.message === `${name}/model.onnx: "${input}" is float16, and this engine computes in float32.` && /--dtype fp32.*models -- import/.test(error.fix ?? ''),
      );
    });
  }

  it('are refused in any other type, with the types that are taken', () => {
    assert.throws(() => checkParts(exported({ ...whole, unet: 'double' }), 77), /"sample" is double; this engine takes float32/);
  });
});
