import { strict as assert } from 'node:assert';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import type { SchedulerCommand } from '../core/commands.ts';
import type { SchedulerConfig } from '../core/config.ts';
import type { SchedulerEvent } from '../core/events.ts';
import { baseConfig, MiB } from '../core/test/builders.ts';
import { SchedulerLoop } from '../scheduler-loop.ts';

const config: SchedulerConfig = { ...baseConfig, poolMemoryBytes: 1024 * MiB, prewarmPolicy: 'none', preload: false, keepAliveMs: 1000, zygoteWindowMs: 1000, stemCellCount: 0, stemCellMemoryBytes: 256 * MiB, maxQueuedActivations: 10 };
const deployed = { type: 'actionDeployed', actionKey: 'guest/a@0.0.1', namespace: 'guest', memoryLimitBytes: 256 * MiB, declaresArtifacts: false, estimatedLoadMs: 0, estimatedResidentBytes: 0 } as const;

describe('the scheduler loop', () => {
  let clock: FakeClock;
  let seen: { event: SchedulerEvent; commands: readonly SchedulerCommand[] }[];
  let loop: SchedulerLoop;
  let answer: (command: SchedulerCommand) => void;

  beforeEach(() => {
    clock = new FakeClock(1000);
    seen = [];
    answer = () => undefined;
    loop = new SchedulerLoop({
      config,
      clock,
      execute: (command) => {
        answer(command);
      },
      observe: (event, commands) => {
        seen.push({ event, commands });
      },
    });
  });
  afterEach(() => {
    loop.stop();
  });

  const started = (containerId: string): SchedulerEvent => ({ type: 'containerStarted', at: clock.now(), containerId, startMs: 1, usedBytes: 1 });

  it('hands the commands of a step on after the step was observed', () => {
    const order: string[] = [];
    answer = (command) => order.push(command.type);
    loop.submit({ at: 1000, ...deployed });
    loop.submit({ type: 'activationArrived', at: 1001, activationId: 'x', actionKey: deployed.actionKey });
    assert.deepEqual(order, ['createContainer']);
    assert.deepEqual(seen.map(({ event }) => event.type), ['actionDeployed', 'activationArrived']);
  });

  it('takes an answer that comes out of a command only after the step is done', () => {
    answer = (command) => {
      if (command.type === 'createContainer') loop.submit(started(command.containerId));
    };
    loop.submit({ at: 1000, ...deployed });
    loop.submit({ type: 'activationArrived', at: 1001, activationId: 'x', actionKey: deployed.actionKey });
    assert.deepEqual(seen.map(({ event }) => event.type), ['actionDeployed', 'activationArrived', 'containerStarted']);
    assert.equal(seen.at(-1)?.commands[0]?.type, 'startActivation');
  });

  it('never lets time run backwards', () => {
    loop.submit({ type: 'ticked', at: 2000 });
    loop.submit({ type: 'ticked', at: 1500 });
    assert.deepEqual(seen.map(({ event }) => event.at), [2000, 2000]);
  });

  it('wakes the scheduler when it asked to be woken', () => {
    answer = (command) => {
      if (command.type === 'createContainer') loop.submit(started(command.containerId));
    };
    loop.submit({ at: 1000, ...deployed });
    loop.submit({ type: 'activationArrived', at: 1000, activationId: 'x', actionKey: deployed.actionKey });
    loop.submit({ type: 'activationFinished', at: 1000, activationId: 'x', containerId: containerOf(), containerUsable: true, initMs: 1, loadMs: 0, runMs: 1 });
    clock.advance(5000);
    const removal = seen.flatMap(({ commands }) => commands).find(({ type }) => type === 'removeContainer');
    assert.deepEqual(removal, { type: 'removeContainer', containerId: containerOf(), reason: 'keep-alive-over' });
  });

  it('takes no step after it was stopped', () => {
    loop.stop();
    loop.submit({ type: 'ticked', at: 3000 });
    assert.deepEqual(seen, []);
  });

  function containerOf(): string {
    const command = seen.flatMap(({ commands }) => commands).find(({ type }) => type === 'createContainer');
    assert.ok(command?.type === 'createContainer');
    return command.containerId;
  }
});
