// Tells the other parts which artifacts are resident where: one record for each container, when that changes, but not more
// often than ten times a second. It reads the scheduler's state and changes nothing.
import type { Bus } from '../common/bus/bus.ts';
import type { CancelTimer, Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { encode } from '../common/messages/codec.ts';
import type { SchedulerCommand } from './core/commands.ts';
import type { SchedulerEvent } from './core/events.ts';
import type { Container } from './core/container.ts';
import { ownSlotsOf, type SchedulerState } from './core/state.ts';
import { residencyTopic, type Residency } from './protocol.ts';

export interface ResidencyReporterOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly invoker: number;
  /** Names this life of the process. */
  readonly life: string;
}

/** From the first change of a container to its report. */
const reportAfterMs = 100;

export class ResidencyReporter {
  private readonly options: ResidencyReporterOptions;
  private readonly changed = new Set<string>();
  /** What each container's last report said, less its time. */
  private readonly reported = new Map<string, string>();
  private cancelTimer: CancelTimer | undefined;
  private state: SchedulerState | undefined;

  constructor(options: ResidencyReporterOptions) {
    this.options = options;
  }

  /** To be called after every step: what it names may have changed what it holds. */
  observe(event: SchedulerEvent, commands: readonly SchedulerCommand[], state: SchedulerState): void {
    this.state = state;
    if ('containerId' in event) this.changed.add(event.containerId);
    for (const command of commands) if ('containerId' in command) this.changed.add(command.containerId);
    if (this.changed.size === 0 || this.cancelTimer !== undefined) return;
    const { clock } = this.options;
    this.cancelTimer = clock.setTimer(clock.now() + reportAfterMs, () => {
      this.cancelTimer = undefined;
      this.report();
    });
  }

  /** Reports what is not reported yet, and nothing after that. */
  stop(): void {
    this.cancelTimer?.();
    this.report();
  }

  private report(): void {
    const { state } = this;
    if (state === undefined) return;
    for (const id of this.changed) {
      const container = state.containers.get(id);
      const report = container === undefined ? undefined : this.reportOf(container, ownSlotsOf(state, container));
      const content = report === undefined ? '' : encode(report);
      if (this.reported.get(id) === content) continue;
      if (report === undefined) this.reported.delete(id);
      else this.reported.set(id, content);
      this.publish(id, report === undefined ? null : encode({ ...report, at: this.options.clock.now() } satisfies Residency));
    }
    this.changed.clear();
  }

  private publish(containerId: string, value: string | null): void {
    this.options.bus.publish(residencyTopic, value, `${this.options.invoker}/${containerId}`).catch((error: unknown) => {
      this.options.logger.warn({ containerId, reason: describeError(error) }, 'residency could not be published');
    });
  }

  private reportOf(container: Container, ownSlots: number): Omit<Residency, 'at'> {
    return {
      formatVersion: 1,
      invoker: this.options.invoker,
      life: this.options.life,
      containerId: container.id,
      idle: container.phase === 'idle',
      ...(ownSlots > 1 || (ownSlots > 0 && container.phase !== 'idle') ? { ownSlots } : {}),
      ownActionKey: container.ownActionKey ?? null,
      resident: [...container.residents.values()].map(({ actionKey, residentBytes }) => ({ actionKey, residentBytes })),
      usedBytes: container.usedBytes,
      limitBytes: container.memoryLimitBytes,
    };
  }
}
