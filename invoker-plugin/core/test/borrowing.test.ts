// The scheduler beside another invoker: it loads ahead into stem cells that are not its own, and does nothing else to them.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { Load, SchedulerCommand } from '../commands.ts';
import { MiB, minute, TestScheduler } from './builders.ts';

const loadsIn = (commands: readonly SchedulerCommand[]): Load[] => commands.filter((command) => command.type === 'load');

function borrower(): TestScheduler {
  return new TestScheduler({ poolMemoryBytes: 0, prewarmPolicy: 'none', preload: true, stemCellCount: 0, maxConcurrentLoads: 1 });
}
const find = (scheduler: TestScheduler, containerId: string, more: { memoryLimitBytes?: number } = {}): SchedulerCommand[] =>
  scheduler.tell({ type: 'containerFound', at: scheduler.now, containerId, memoryLimitBytes: 256 * MiB, usedBytes: 30 * MiB, ...more });
const lose = (scheduler: TestScheduler, containerId: string): SchedulerCommand[] =>
  scheduler.tell({ type: 'containerRemoved', at: scheduler.now, containerId, reason: 'requested' });
const finish = (scheduler: TestScheduler, { containerId, actionKey }: Load): SchedulerCommand[] =>
  scheduler.tell({ type: 'loadSucceeded', at: scheduler.now, containerId, actionKey, loadMs: 200, residentBytes: 50 * MiB, usedBytes: 80 * MiB });

/** Carries loads out at once until none is asked for; gives `container action` of each. */
function loadAll(scheduler: TestScheduler, commands: readonly SchedulerCommand[]): string[] {
  const done: string[] = [];
  for (let [load] = loadsIn(commands); load !== undefined; ) {
    done.push(`${load.containerId} ${load.actionKey}`);
    [load] = loadsIn(finish(scheduler, load));
  }
  return done;
}

describe("the scheduler with another invoker's stem cells", () => {
  it('loads what is deployed into a stem cell that is found', () => {
    const scheduler = borrower();
    scheduler.deploy('guest/a@1');
    assert.deepEqual(loadsIn(find(scheduler, 's1')).map(({ containerId, actionKey }) => [containerId, actionKey]), [['s1', 'guest/a@1']]);
  });

  it('loads an action into all of them, since their owner takes any', () => {
    const scheduler = borrower();
    find(scheduler, 's1');
    find(scheduler, 's2');
    find(scheduler, 's3');
    assert.deepEqual(loadAll(scheduler, scheduler.deploy('guest/a@1')).sort(), ['s1 guest/a@1', 's2 guest/a@1', 's3 guest/a@1']);
  });

  it('loads only into those of exactly the memory limit of the action', () => {
    const scheduler = borrower();
    find(scheduler, 's1', { memoryLimitBytes: 512 * MiB });
    assert.deepEqual(loadsIn(scheduler.deploy('guest/a@1')), []);
  });

  it('loads into the next one at once when one is taken while it is loaded into', () => {
    const scheduler = borrower();
    scheduler.deploy('guest/a@1');
    find(scheduler, 's1');
    find(scheduler, 's2');
    assert.deepEqual(loadsIn(lose(scheduler, 's1')).map(({ containerId }) => containerId), ['s2']);
  });

  it('keeps a stem cell for as long as its owner does', () => {
    const scheduler = borrower();
    find(scheduler, 's1');
    assert.deepEqual(scheduler.pass(1000 * minute), []);
    assert.equal(scheduler.state.containers.size, 1);
  });

  it('makes room for what is worth more', () => {
    const scheduler = borrower();
    loadAll(scheduler, find(scheduler, 's1'));
    loadAll(scheduler, scheduler.deploy('guest/rare@1', { estimatedResidentBytes: 120 * MiB }));
    scheduler.pass(minute);
    scheduler.tell({ type: 'planReceived', at: scheduler.now, actionKey: 'guest/hot@1', arrivalRatePerMs: 1 / 1000, sampleCount: 10, lastArrivalAt: scheduler.now - 500 });
    const commands = scheduler.deploy('guest/hot@1', { estimatedLoadMs: 3000, estimatedResidentBytes: 180 * MiB });
    assert.deepEqual(commands.filter(({ type }) => type === 'offload').map((command) => 'actionKey' in command && command.actionKey), ['guest/rare@1']);
  });

  it('never asks for anything but loads and off-loads, whatever comes and goes', () => {
    const actionKeys = ['guest/a@1', 'guest/b@1', 'acme/c@1'];
    const stepArbitrary = fc.oneof(
      fc.record({ kind: fc.constant('find' as const), id: fc.nat(5) }),
      fc.record({ kind: fc.constant('lose' as const), id: fc.nat(5) }),
      fc.record({ kind: fc.constant('deploy' as const), id: fc.nat(2) }),
      fc.record({ kind: fc.constant('plan' as const), id: fc.nat(2), gapMs: fc.integer({ min: 1, max: 100_000 }) }),
      fc.record({ kind: fc.constant('pass' as const), id: fc.integer({ min: 0, max: 100_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 60 }), (steps) => {
        const scheduler = borrower();
        const commands: SchedulerCommand[] = [];
        for (const step of steps) {
          const actionKey = actionKeys[step.id] ?? '';
          if (step.kind === 'find') commands.push(...find(scheduler, `s${step.id}`));
          else if (step.kind === 'lose') commands.push(...lose(scheduler, `s${step.id}`));
          else if (step.kind === 'deploy') commands.push(...scheduler.deploy(actionKey));
          else if (step.kind === 'plan') commands.push(...scheduler.plan(actionKey, { arrivalRatePerMs: 1 / step.gapMs, prewarmWindowMs: 1000, keepAliveWindowMs: 1000 }));
          else commands.push(...scheduler.pass(step.id));
          for (const load of loadsIn(commands.slice(-3))) if (step.id % 2 === 0) commands.push(...finish(scheduler, load));
        }
        assert.deepEqual([...new Set(commands.map(({ type }) => type))].filter((type) => type !== 'load' && type !== 'offload'), []);
      }),
    );
  });
});
