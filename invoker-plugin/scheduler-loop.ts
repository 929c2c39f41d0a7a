// One queue of events through the scheduler's `step`, its commands handed on, its wake-up time kept. It knows nothing of
// Kafka, HTTP or containers: live and in tests the same.
import type { CancelTimer, Clock } from '../common/clock.ts';
import type { SchedulerCommand } from './core/commands.ts';
import type { SchedulerConfig } from './core/config.ts';
import type { SchedulerEvent } from './core/events.ts';
import { createState, type SchedulerState } from './core/state.ts';
import { step } from './core/step.ts';

export interface SchedulerLoopOptions {
  readonly config: SchedulerConfig;
  readonly clock: Clock;
  /** Starts carrying a command out; its outcome comes back through {@link SchedulerLoop.submit}. */
  readonly execute: (command: SchedulerCommand) => void;
  /** Sees every step after it was taken: journal, views, metrics. */
  readonly observe: (event: SchedulerEvent, commands: readonly SchedulerCommand[], state: SchedulerState) => void;
}

export class SchedulerLoop {
  private readonly options: SchedulerLoopOptions;
  private readonly queue: SchedulerEvent[] = [];
  private state: SchedulerState = createState();
  private stepping = false;
  private wake: { readonly at: number; readonly cancel: CancelTimer } | undefined;
  private lastAt = 0;
  private stopped = false;

  constructor(options: SchedulerLoopOptions) {
    this.options = options;
  }

  /** Takes an event in; steps at once unless called out of a step, then right after it. */
  submit(event: SchedulerEvent): void {
    if (this.stopped) return;
    this.queue.push(event);
    if (this.stepping) return;
    this.stepping = true;
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.step(next);
    } finally {
      this.stepping = false;
    }
  }

  /** No further step is taken. */
  stop(): void {
    this.stopped = true;
    this.wake?.cancel();
    this.queue.length = 0;
  }

  private step(incoming: SchedulerEvent): void {
    // Events are stamped where they happen; the core is promised that time never runs backwards.
    const at = Math.max(incoming.at, this.lastAt);
    this.lastAt = at;
    const event = { ...incoming, at };
    const result = step(this.state, event, this.options.config);
    this.state = result.state;
    this.options.observe(event, result.commands, result.state);
    this.wakeAt(result.wakeAt);
    for (const command of result.commands) this.options.execute(command);
  }

  private wakeAt(at: number | undefined): void {
    if (this.wake?.at === at) return;
    this.wake?.cancel();
    this.wake = undefined;
    if (at === undefined) return;
    const cancel = this.options.clock.setTimer(at, () => {
      this.wake = undefined;
      this.submit({ type: 'ticked', at: this.options.clock.now() });
    });
    this.wake = { at, cancel };
  }
}
