import { strict as assert } from 'node:assert';
import type { SchedulerCommand } from '../../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../../invoker-plugin/core/events.ts';
import type { JournalEntry } from '../../../invoker-plugin/journal.ts';
import { poolUsageOf } from '../../report/pool-usage.ts';

const gib = 1024 ** 3;
const tick = (at: number): SchedulerEvent => ({ type: 'ticked', at });
const create = (containerId: string, memoryLimitBytes = 2 * gib): SchedulerCommand => ({ type: 'createContainer', containerId, memoryLimitBytes, reason: 'stem-cell' });
const gone = (at: number, containerId: string): SchedulerEvent => ({ type: 'containerRemoved', at, containerId, reason: 'requested' });
const journal = (...steps: readonly (readonly [SchedulerEvent, ...SchedulerCommand[]])[]): JournalEntry[] =>
  steps.map(([event, ...commands], index) => ({ seq: index + 1, event, commands }));

describe('poolUsageOf', () => {
  it('counts the memory of a container from the command that creates it to the event that it is gone', () => {
    const usage = poolUsageOf(journal([tick(1000), create('a')], [gone(4000, 'a')]), { fromAt: 0, toAt: 10_000 });
    assert.deepEqual([usage.containerSeconds, usage.memoryGibSeconds, usage.containersCreated], [3, 6, 1]);
  });

  it('counts only what lies within the window, and a container that never goes until its end', () => {
    const usage = poolUsageOf(
      journal([tick(0), create('a'), create('b')], [gone(2000, 'a')], [tick(9000), create('late')]),
      { fromAt: 1000, toAt: 5000 },
    );
    assert.deepEqual([usage.containerSeconds, usage.peakContainers, usage.containersCreated], [5, 2, 3]);
  });

  it('does not count a container and its replacement of the same moment as two at once', () => {
    const usage = poolUsageOf(journal([tick(0), create('a')], [gone(1000, 'a'), create('b')]), { fromAt: 0, toAt: 2000 });
    assert.deepEqual([usage.peakContainers, usage.containerSeconds], [1, 2]);
  });

  it('counts loads, off-loads, failures and evictions by reason', () => {
    const load = (reason: 'deployed' | 'preload-window'): SchedulerCommand => ({ type: 'load', containerId: 'a', actionKey: 'k', reason });
    const usage = poolUsageOf(
      journal(
        [tick(0), load('deployed'), load('deployed'), load('preload-window')],
        [{ type: 'loadSucceeded', at: 1, containerId: 'a', actionKey: 'k', loadMs: 1, residentBytes: 1, usedBytes: 1 }],
        [
          { type: 'loadFailed', at: 2, containerId: 'a', actionKey: 'k', reason: 'cancelled' },
          { type: 'offload', containerId: 'a', actionKey: 'k', reason: 'evicted-for-value' },
          { type: 'offload', containerId: 'a', actionKey: 'k', reason: 'offload-window' },
          { type: 'removeContainer', containerId: 'a', reason: 'evicted-for-activation' },
        ],
      ),
      { fromAt: 0, toAt: 1 },
    );
    assert.deepEqual(usage.loadsByReason, { deployed: 2, 'preload-window': 1 });
    assert.deepEqual([usage.loadsSucceeded, usage.loadsFailedByReason], [1, { cancelled: 1 }]);
    assert.deepEqual([usage.offloadsByReason, usage.containersRemovedByReason, usage.evictions], [
      { 'evicted-for-value': 1, 'offload-window': 1 }, { 'evicted-for-activation': 1 }, 2,
    ]);
  });
});
