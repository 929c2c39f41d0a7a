// Tells the other parts which artifacts are resident where: one record for each container, when that changes. It reads
// the scheduler's state and changes nothing.
import type { Bus } from '../common/bus/bus.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { encode } from '../common/messages/codec.ts';
import type { SchedulerEvent } from './core/events.ts';
import type { Container, SchedulerState } from './core/state.ts';
import { residencyTopic, type Residency } from './protocol.ts';

export interface ResidencyReporterOptions {
  readonly bus: Bus;
  readonly invoker: number;
  readonly logger: Logger;
}

export class ResidencyReporter {
  private readonly options: ResidencyReporterOptions;

  constructor(options: ResidencyReporterOptions) {
    this.options = options;
  }

  /** To be called after every step: an event that names a container may have changed what it holds. */
  observe(event: SchedulerEvent, state: SchedulerState): void {
    if (!('containerId' in event)) return;
    const container = state.containers.get(event.containerId);
    const value = container === undefined ? null : encode(this.reportOf(container, event.at));
    this.options.bus.publish(residencyTopic, value, `${this.options.invoker}/${event.containerId}`).catch((error: unknown) => {
      this.options.logger.warn({ containerId: event.containerId, reason: describeError(error) }, 'residency could not be published');
    });
  }

  private reportOf(container: Container, at: number): Residency {
    return {
      formatVersion: 1,
      invoker: this.options.invoker,
      containerId: container.id,
      at,
      ownActionKey: container.ownActionKey ?? null,
      resident: [...container.residents.values()].map(({ actionKey, residentBytes }) => ({ actionKey, residentBytes })),
      usedBytes: container.usedBytes,
      limitBytes: container.memoryLimitBytes,
    };
  }
}
