// Tells the other invokers each second that this one is alive and how it stands.
import type { Bus } from '../../common/bus/bus.ts';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { encode } from '../../common/messages/codec.ts';
import { standingTopic, type Standing } from './messages.ts';

export interface StandingReporterOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly invoker: number;
  readonly life: string;
  readonly look: () => Pick<Standing, 'queued' | 'running'>;
}

const periodMs = 1_000;

export class StandingReporter {
  private readonly options: StandingReporterOptions;
  private readonly startedAt: number;
  private cancelTimer: CancelTimer | undefined;
  private isSending = false;

  constructor(options: StandingReporterOptions) {
    this.options = options;
    this.startedAt = options.clock.now();
  }

  start(): void {
    const { clock } = this.options;
    // While the broker is away a report waits for it; those after it would only pile up.
    if (!this.isSending) void this.report();
    this.cancelTimer = clock.setTimer(clock.now() + periodMs, () => {
      this.start();
    });
  }

  /** Takes the report back: nobody is to count on this invoker. */
  async stop(): Promise<void> {
    this.cancelTimer?.();
    await this.send(null);
  }

  private async report(): Promise<void> {
    const { clock, invoker, life, look } = this.options;
    const standing: Standing = { formatVersion: 1, invoker, life, startedAt: this.startedAt, at: clock.now(), ...look(), takesOffers: true };
    this.isSending = true;
    await this.send(encode(standing));
    this.isSending = false;
  }

  private async send(value: string | null): Promise<void> {
    try {
      await this.options.bus.publish(standingTopic, value, String(this.options.invoker));
    } catch (error) {
      this.options.logger.warn({ reason: describeError(error) }, 'the standing of this invoker could not be published');
    }
  }
}
