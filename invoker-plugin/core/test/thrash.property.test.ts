// What keeps the scheduler from working against itself: artifacts that compete for one place do not take turns in it, and
// what happens to one action's namespace and memory class does not change what another gets.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { SchedulerCommand } from '../commands.ts';
import { MiB, TestScheduler } from './builders.ts';
import { PromptExecutor } from './prompt-executor.ts';

const residentBytes = 150 * MiB;

describe('two artifacts that compete for one place', function () {
  this.timeout(60_000);
  const rivals = ['ann/a@1', 'ann/b@1'] as const;

  /** One stem cell, with room for one of the two. */
  function contest(): PromptExecutor {
    const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 1, poolMemoryBytes: 256 * MiB });
    const executor = new PromptExecutor(scheduler, residentBytes);
    executor.carryOut(scheduler.tell({ type: 'ticked', at: scheduler.now }));
    for (const key of rivals) executor.carryOut(scheduler.deploy(key, { estimatedResidentBytes: residentBytes }));
    assert.equal(executor.loads, 1, 'one of them has the place');
    return executor;
  }

  it('take the place from one another at most once while nobody calls either, whatever is known of them', () => {
    const meanGapMs = fc.integer({ min: 1, max: 600_000 });
    fc.assert(
      fc.property(fc.tuple(meanGapMs, meanGapMs), fc.nat({ max: 60_000 }), (gaps, sinceMs) => {
        const executor = contest();
        const { scheduler } = executor;
        for (const [index, gapMs] of gaps.entries()) {
          const lastArrivalAt = scheduler.now - sinceMs * index;
          executor.carryOut(scheduler.plan(rivals[index]!, { arrivalRatePerMs: 1 / gapMs, lastArrivalAt, preloadWindowMs: 0 }));
        }
        executor.evictions = 0;
        executor.pass(120_000);
        assert.ok(executor.evictions <= 1, `${executor.evictions} evictions without a call`);
      }),
      { numRuns: 100 },
    );
  });

  it('do change hands when one is called and the other is not', () => {
    const executor = contest();
    for (let number = 0; number < 5; number += 1) {
      executor.carryOut(executor.scheduler.plan(rivals[1], { arrivalRatePerMs: 1 / 1000, preloadWindowMs: 0 }));
      executor.pass(1000);
    }
    executor.carryOut(executor.scheduler.plan(rivals[0], { arrivalRatePerMs: 1e-7, lastArrivalAt: executor.scheduler.now - 300_000 }));
    executor.carryOut(executor.scheduler.plan(rivals[1], { arrivalRatePerMs: 1 / 1000, preloadWindowMs: 0 }));
    assert.deepEqual([...executor.scheduler.state.containers.get('c1')!.residents.keys()], [rivals[1]]);
  });

  it('cost at most one load for each call, however the calls alternate', () => {
    const arrival = fc.record({ gapMs: fc.integer({ min: 0, max: 5000 }), actionKey: fc.constantFrom(...rivals) });
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 10, maxLength: 40, size: 'max' }), (arrivals) => {
        const executor = contest();
        for (const [index, { gapMs, actionKey }] of arrivals.entries()) {
          executor.pass(gapMs);
          executor.carryOut(executor.scheduler.arrive(`x${index}`, actionKey));
        }
        assert.ok(executor.loads <= arrivals.length + rivals.length, `${executor.loads} loads for ${arrivals.length} calls`);
      }),
      { numRuns: 100 },
    );
  });
});

describe('actions that share nothing', () => {
  it('get the same, in whatever order their simultaneous calls arrive', () => {
    const keys = [0, 1, 2, 3].map((number) => `ann${number}/a@1`);
    const outcome = (order: readonly string[]): string => {
      const scheduler = new TestScheduler({ poolMemoryBytes: 4096 * MiB, preload: true });
      for (const key of keys) scheduler.deploy(key, { memoryLimitBytes: (256 + keys.indexOf(key)) * MiB });
      const started: string[] = [];
      const carryOut = (commands: readonly SchedulerCommand[]): void => {
        for (const command of commands) {
          if (command.type === 'createContainer') carryOut(scheduler.started(command.containerId));
          if (command.type === 'startActivation') started.push(`${command.actionKey} ${command.startType} ${String(command.init)}`);
        }
      };
      for (const key of order) carryOut(scheduler.arrive(key, key));
      return started.sort().join('\n');
    };
    const expected = outcome(keys);
    assert.equal(expected.split('\n').length, keys.length);
    fc.assert(fc.property(fc.shuffledSubarray(keys, { minLength: keys.length }), (order) => { assert.equal(outcome(order), expected); }), { numRuns: 24 });
  });
});
