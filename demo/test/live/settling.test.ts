import { strict as assert } from 'node:assert';
import type { SchedulerCommand } from '../../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../../invoker-plugin/core/events.ts';
import { Settling } from '../../live/settling.ts';

const deployed: SchedulerEvent = { type: 'actionDeployed', at: 0, actionKey: 'guest/a@0.0.1', namespace: 'guest', memoryLimitBytes: 1, declaresArtifacts: true, estimatedLoadMs: 1, estimatedResidentBytes: 1 };
const create: SchedulerCommand = { type: 'createContainer', containerId: 'c1', memoryLimitBytes: 1, reason: 'stem-cell' };
const load: SchedulerCommand = { type: 'load', containerId: 'c1', actionKey: 'guest/a@0.0.1', reason: 'deployed' };

describe('a scheduler counts as settled', () => {
  it('only when every expected action is deployed', () => {
    const settling = new Settling(2);
    settling.observe(deployed, []);
    assert.ok(!settling.isSettled);
    settling.observe({ ...deployed, actionKey: 'guest/b@0.0.1' }, []);
    assert.ok(settling.isSettled);
  });

  it('not for an action that two invokers know', () => {
    const settling = new Settling(2);
    settling.observe(deployed, []);
    settling.observe(deployed, []);
    assert.ok(!settling.isSettled);
  });

  it('only when containers that are starting have started and loads have ended', async () => {
    const settling = new Settling(1);
    settling.observe(deployed, [create]);
    let settled = false;
    const waiting = settling.settled().then(() => {
      settled = true;
    });
    settling.observe({ type: 'containerStarted', at: 1, containerId: 'c1', startMs: 1, usedBytes: 1 }, [load]);
    assert.ok(!settling.isSettled);
    settling.observe({ type: 'loadFailed', at: 2, containerId: 'c1', actionKey: 'guest/a@0.0.1', reason: 'memory' }, []);
    await waiting;
    assert.ok(settled);
  });

  it('when a container it waited for is gone', () => {
    const settling = new Settling(0);
    settling.observe({ type: 'ticked', at: 0 }, [create]);
    assert.ok(!settling.isSettled);
    settling.observe({ type: 'containerRemoved', at: 1, containerId: 'c1', reason: 'start-failed' }, []);
    assert.ok(settling.isSettled);
  });
});
