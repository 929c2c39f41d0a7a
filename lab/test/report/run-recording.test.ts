import { strict as assert } from 'node:assert';
import { actionKeyOf } from '../../../common/action-identity.ts';
import { RunRecorder } from '../../report/run-recording.ts';

const [a, b] = [actionKeyOf('guest/a'), actionKeyOf('guest/b')];
const start = (actionKey: typeof a, clean: 'none' | 'retain' | 'discard', startType: 'cold' | 'warm' | 'preloaded') => ({ type: 'startActivation', activationId: 'x', containerId: 'c1', actionKey, startType, clean, init: true }) as const;

describe('the recording of a run', () => {
  it("says what a container held and when: its own action, what was loaded beside it, and what it kept of a former one", () => {
    const recorder = new RunRecorder(1000);
    recorder.record({ type: 'ticked', at: 1000 }, [{ type: 'createContainer', containerId: 'c1', memoryLimitBytes: 100, reason: 'activation' }]);
    recorder.record({ type: 'ticked', at: 1010 }, [start(a, 'none', 'cold')]);
    recorder.record({ type: 'loadSucceeded', at: 1020, containerId: 'c1', actionKey: b, loadMs: 5, residentBytes: 10, usedBytes: 20 }, []);
    recorder.record({ type: 'ticked', at: 1030 }, [start(b, 'retain', 'preloaded')]);
    recorder.record({ type: 'ticked', at: 1040 }, [{ type: 'offload', containerId: 'c1', actionKey: a, reason: 'offload-window' }]);
    recorder.record({ type: 'ticked', at: 1050 }, [{ type: 'removeContainer', containerId: 'c1', reason: 'keep-alive-over' }]);
    recorder.record({ type: 'containerRemoved', at: 1060, containerId: 'c1', reason: 'requested' }, []);
    const { held, starts, memory } = recorder.recording(1100);
    assert.deepEqual(held.map(({ action, isOwn, fromMs, toMs }) => [action, isOwn, fromMs, toMs]), [['a', true, 10, 30], ['b', false, 20, 30], ['a', false, 30, 40], ['b', true, 30, 50]]);
    assert.deepEqual(starts.map(({ action, atMs, startType }) => [action, atMs, startType]), [['a', 10, 'cold'], ['b', 30, 'preloaded']]);
    assert.deepEqual(memory.map(({ atMs, bytes }) => [atMs, bytes]), [[0, 100], [60, 0], [100, 0]]);
  });

  it('stops at as many calls as a page can show, and says so', () => {
    const recorder = new RunRecorder(0);
    for (let at = 0; at < 2001; at += 1) recorder.record({ type: 'ticked', at }, [start(a, 'none', 'warm')]);
    const { starts, isCut } = recorder.recording(5000);
    assert.deepEqual([starts.length, isCut], [2000, true]);
  });
});
