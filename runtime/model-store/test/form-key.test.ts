import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { cpuFeatures, currentFormKey, formKey, installedOrtVersion } from '../form-key.ts';

describe('the key of a loading form', () => {
  it('names version, architecture and the features that decide on weight layouts', () => {
    const features = cpuFeatures('processor : 0\nflags\t\t: fpu sse avx2 avx fma hypervisor avx512f\nbugs : none\n');
    assert.deepEqual(features, ['avx', 'avx2', 'fma', 'avx512f']);
    assert.equal(formKey('1.30.0', 'x64', features), 'onnxruntime 1.30.0, x64, avx+avx2+fma+avx512f');
  });

  it('does not depend on the order of the flags, nor on features that change no layout', () => {
    assert.deepEqual(cpuFeatures('flags : fma avx2 sse4_2'), cpuFeatures('flags : avx2 fma'));
  });

  it('reads the features of an ARM machine', () => {
    assert.deepEqual(cpuFeatures('Features : fp asimd evtstrm asimddp'), ['asimd', 'asimddp']);
  });

  it('is known for a machine that tells no features', () => {
    assert.equal(formKey('1.30.0', 'x64', cpuFeatures('')), 'onnxruntime 1.30.0, x64, no vector features');
  });

  it('carries the version of the installed library', () => {
    const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
    assert.equal(installedOrtVersion(), version);
    assert.ok(currentFormKey().startsWith(`onnxruntime ${version}, ${process.arch}, `));
  });
});
