// An executor for tests to which nothing ever happens: it carries every command out at once and counts.
import type { SchedulerCommand } from '../commands.ts';
import type { TestScheduler } from './builders.ts';

/** Answers every command at once; runs take 20 ms. Counts what was asked for. */
export class PromptExecutor {
  readonly scheduler: TestScheduler;
  readonly residentBytes: number;
  loads = 0;
  evictions = 0;

  /** `residentBytes`: what every load takes. */
  constructor(scheduler: TestScheduler, residentBytes: number) {
    this.scheduler = scheduler;
    this.residentBytes = residentBytes;
  }

  carryOut(commands: readonly SchedulerCommand[]): void {
    const pending = [...commands];
    for (let command = pending.shift(); command !== undefined; command = pending.shift()) pending.push(...this.answer(command));
  }

  /** Lets time pass in small steps, so that what falls due is carried out when it does. */
  pass(ms: number): void {
    for (const until = this.scheduler.now + ms; this.scheduler.now < until; ) {
      this.carryOut(this.scheduler.pass(Math.min(100, until - this.scheduler.now)));
    }
  }

  private answer(command: SchedulerCommand): SchedulerCommand[] {
    const { scheduler, residentBytes } = this;
    if (command.type === 'failActivation' || command.type === 'readAhead' || command.type === 'stopReading') return [];
    const { containerId } = command;
    const usedBytes = scheduler.state.containers.get(containerId)?.usedBytes ?? 0;
    switch (command.type) {
      case 'load':
        this.loads += 1;
        return scheduler.loaded(containerId, command.actionKey, usedBytes + residentBytes, residentBytes);
      case 'offload':
        this.evictions += 1;
        return scheduler.tell({ type: 'offloadCompleted', at: scheduler.now, containerId, actionKey: command.actionKey, usedBytes: usedBytes - residentBytes });
      case 'createContainer':
        return scheduler.started(containerId);
      case 'removeContainer':
        return scheduler.removed(containerId);
      case 'startActivation':
        scheduler.now += 20;
        return scheduler.finished(command.activationId, containerId, { usedBytes: undefined });
      case 'cleanContainer':
        return scheduler.tell({ type: 'containerCleaned', at: scheduler.now, containerId, usedBytes });
    }
  }
}
