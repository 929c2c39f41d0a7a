import { strict as assert } from 'node:assert';
import { AppError } from '../../common/errors.ts';
import { readConfig } from '../config.ts';

describe('the settings of the runtime', () => {
  it('are OpenWhisk\'s without any variable', () => {
    const { port, host, loading, cache, blankSlots, onnxRuntime, concurrent, token, graceMs } = readConfig({});
    assert.deepEqual({ port, host, loading, cache, blankSlots, onnxRuntime, concurrent, token, graceMs }, { port: 8080, host: undefined, loading: 'mapped', cache: 'warm', blankSlots: 1, onnxRuntime: 'on-demand', concurrent: false, token: undefined, graceMs: 10_000 });
  });

  it('take an empty variable for one that is not set', () => {
    assert.equal(readConfig({ PORT: '', INSTAINFER_MODEL_STORE: '' }).port, 8080);
  });

  it('allow overlapping runs in any spelling of true', () => {
    assert.equal(readConfig({ __OW_ALLOW_CONCURRENT: 'True' }).concurrent, true);
    assert.equal(readConfig({ __OW_ALLOW_CONCURRENT: 'false' }).concurrent, false);
  });

  it('pass on to actions what OpenWhisk sets, and no secret', () => {
    const { actionEnvironment } = readConfig({ PATH: '/bin', __OW_API_HOST: 'host', INSTAINFER_TOKEN: 'secret', AWS_SECRET_ACCESS_KEY: 'secret', NODE_PATH: '/x', NODE_OPTIONS: '--x' });
    assert.deepEqual(actionEnvironment, { PATH: '/bin', __OW_API_HOST: 'host' });
  });

  for (const [variable, value] of [
    ['PORT', 'eighty'],
    ['PORT', '70000'],
    ['INSTAINFER_LOADING', 'fast'],
    ['INSTAINFER_MEMORY_LIMIT_BYTES', '-1'],
    ['INSTAINFER_BLANK_SLOTS', '2'],
    ['INSTAINFER_ONNX_RUNTIME', 'never'],
  ] as const) {
    it(`refuse ${variable}=${value}, naming both`, () => {
      assert.throws(
        () => readConfig({ [variable]: value }),
        (error) => error instanceof AppError && error.code === 'BAD_OPTION' && error.message.startsWith(`${variable}=${value}: `),
      );
    });
  }
});
