// Tells the controllers each second that this invoker is there, and when it no longer wants work.
// Wire facts: core/invoker/InvokerReactive.scala: pings each second, one with isEnabled=false when it is disabled.
import type { Bus } from '../common/bus/bus.ts';
import type { CancelTimer, Clock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { encode } from '../common/messages/codec.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';
import { healthTopic } from '../common/messages/ping-message.ts';

const periodMs = 1000;

export interface HeartbeatOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sent as it is, always the same: a controller takes a changed one for a changed invoker. */
  readonly instance: InvokerInstance;
}

export class Heartbeat {
  private readonly options: HeartbeatOptions;
  private cancel: CancelTimer | undefined;
  private isSending = false;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  get isEnabled(): boolean {
    return this.cancel !== undefined;
  }

  /** @returns whether that changed anything */
  enable(): boolean {
    if (this.isEnabled) return false;
    this.beat(this.options.clock.now());
    return true;
  }

  /** Says once that no work is wanted, then nothing more. @returns whether that changed anything */
  async disable(): Promise<boolean> {
    const wasEnabled = this.isEnabled;
    this.cancel?.();
    this.cancel = undefined;
    await this.send(false);
    return wasEnabled;
  }

  private beat(at: number): void {
    this.cancel = this.options.clock.setTimer(at + periodMs, () => {
      this.beat(Math.max(at + periodMs, this.options.clock.now() - periodMs));
    });
    // While the broker is away a ping waits for it; the pings after it would only pile up behind it.
    if (!this.isSending) void this.send(true);
  }

  private async send(isEnabled: boolean): Promise<void> {
    this.isSending = true;
    try {
      await this.options.bus.publish(healthTopic, encode({ name: this.options.instance, isEnabled }));
    } catch (error) {
      this.options.logger.warn({ reason: describeError(error) }, 'a ping could not be sent');
    } finally {
      this.isSending = false;
    }
  }
}
