import { strict as assert } from 'node:assert';
import { Explanations, explanationLines } from '../explanations.ts';

const actionKey = 'guest/resnet@0.0.1';

describe('the explanation of an activation', () => {
  it('tells what was done ahead, the decision and the times', () => {
    const explanations = new Explanations();
    explanations.observe({ type: 'ticked', at: 1000 }, [{ type: 'load', containerId: 'c1', actionKey, reason: 'preload-window' }]);
    explanations.observe({ type: 'loadSucceeded', at: 1300, containerId: 'c1', actionKey, loadMs: 300, residentBytes: 1, usedBytes: 1 }, []);
    explanations.observe({ type: 'activationArrived', at: 2000, activationId: 'a', actionKey }, [{ type: 'startActivation', activationId: 'a', containerId: 'c1', actionKey, startType: 'preloaded', clean: 'none', init: true }]);
    explanations.observe({ type: 'activationFinished', at: 2050, activationId: 'a', containerId: 'c1', containerUsable: true, initMs: 3, loadMs: 0, runMs: 40 }, []);
    const explanation = explanations.get('a');
    assert.ok(explanation !== undefined);
    assert.deepEqual(explanationLines(explanation), [
      'a called resnet (guest/resnet@0.0.1) at 1970-01-01T00:00:02.000Z',
      '  -1000.0 ms  c1: load (preload-window)',
      '   -700.0 ms  c1: loaded (300 ms)',
      '     +0.0 ms  c1: started preloaded, in a container that was waiting, in which its libraries and models were already resident',
      '    +50.0 ms  answered: init 3.0 ms, load 0.0 ms, run 40.0 ms',
    ]);
  });

  it('tells whose call a load was for', () => {
    const explanations = new Explanations();
    explanations.observe({ type: 'ticked', at: 1000 }, [{ type: 'load', containerId: 'c1', actionKey, reason: 'predecessor-called', after: 'guest/detect@0.0.2' }]);
    explanations.observe({ type: 'activationArrived', at: 3000, activationId: 'a', actionKey }, [{ type: 'startActivation', activationId: 'a', containerId: 'c1', actionKey, startType: 'preloaded', clean: 'none', init: true }]);
    assert.deepEqual(explanations.get('a')?.preparations.map(({ why }) => why), ['predecessor-called: detect']);
  });

  it('tells that a container with the artifacts was lost, and that the call had to wait', () => {
    const explanations = new Explanations();
    explanations.observe({ type: 'loadSucceeded', at: 1000, containerId: 'c1', actionKey, loadMs: 10, residentBytes: 1, usedBytes: 1 }, []);
    explanations.observe({ type: 'containerRemoved', at: 1100, containerId: 'c1', reason: 'crashed' }, []);
    explanations.observe({ type: 'activationArrived', at: 1200, activationId: 'a', actionKey }, [{ type: 'createContainer', containerId: 'c2', memoryLimitBytes: 1, reason: 'activation' }]);
    explanations.observe({ type: 'containerStarted', at: 1500, containerId: 'c2', startMs: 300, usedBytes: 1 }, [{ type: 'startActivation', activationId: 'a', containerId: 'c2', actionKey, startType: 'cold', clean: 'none', init: true }]);
    const explanation = explanations.get('a');
    assert.deepEqual(explanation?.preparations.map(({ what, why }) => [what, why]), [['loaded', '10 ms'], ['container lost', 'crashed']]);
    assert.equal(explanation?.waited, true);
    assert.equal(explanation?.decision?.startType, 'cold');
  });

  it('tells that what an action had loaded was given up for another', () => {
    const explanations = new Explanations();
    explanations.observe({ type: 'activationArrived', at: 1000, activationId: 'a', actionKey }, [{ type: 'startActivation', activationId: 'a', containerId: 'c1', actionKey, startType: 'cold', clean: 'none', init: true }]);
    explanations.observe({ type: 'ticked', at: 2000 }, [{ type: 'cleanContainer', containerId: 'c1', retain: false, reason: 'evicted-for-value' }]);
    explanations.observe({ type: 'activationArrived', at: 3000, activationId: 'b', actionKey }, [{ type: 'startActivation', activationId: 'b', containerId: 'c1', actionKey, startType: 'prewarmed', clean: 'none', init: true }]);
    assert.deepEqual(explanations.get('b')?.preparations, [{ at: 2000, containerId: 'c1', what: 'offload', why: 'evicted-for-value' }]);
  });

  it('tells that model files were read ahead, why, and how far', () => {
    const explanations = new Explanations();
    explanations.observe({ type: 'hostMemory', at: 1000, cacheableBytes: 1e9 }, [{ type: 'readAhead', actionKey, files: ['f'], bytesPerSecond: 1e8, reason: 'no-place' }]);
    explanations.observe({ type: 'readAheadEnded', at: 1900, actionKey, outcome: 'read', files: [{ id: 'f', bytes: 102e6 }], diskBytes: 96e6, tookMs: 900 }, []);
    explanations.observe({ type: 'activationArrived', at: 2000, activationId: 'a', actionKey }, [{ type: 'createContainer', containerId: 'c2', memoryLimitBytes: 1, reason: 'activation' }, { type: 'startActivation', activationId: 'a', containerId: 'c2', actionKey, startType: 'cold', clean: 'none', init: true }]);
    const explanation = explanations.get('a');
    assert.ok(explanation !== undefined);
    assert.deepEqual(explanationLines(explanation).slice(1, 3), ['  -1000.0 ms  page cache: read ahead (no-place)', '   -100.0 ms  page cache: reading ended (read, 102 MB, 96 MB of it from the disk)']);
  });

  it('tells why one was refused, and remembers ten thousand', () => {
    const explanations = new Explanations();
    for (let number = 0; number <= 10_000; number += 1) {
      const activationId = String(number);
      explanations.observe({ type: 'activationArrived', at: 1, activationId, actionKey }, [{ type: 'failActivation', activationId, reason: 'queue-full' }]);
    }
    assert.equal(explanations.get('0'), undefined);
    const last = explanations.get('10000');
    assert.equal(last?.refusal, 'queue-full');
    assert.ok(last !== undefined && explanationLines(last).some((line) => line.includes('refused: queue-full')));
  });
});
