// A process's connection to a bus that others go on using, and that can be cut as when the process dies.
import type { Bus, SubscribeOptions, Subscription, TopicSettings } from '../../common/bus/bus.ts';

export class CrashableBus implements Bus {
  private readonly bus: Bus;
  private readonly subscriptions: Subscription[] = [];
  private isCut = false;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  ensureTopic(topic: string, settings?: TopicSettings): Promise<void> {
    return this.bus.ensureTopic(topic, settings);
  }

  publish(topic: string, value: string | null, key?: string): Promise<void> {
    return this.isCut ? Promise.reject(new Error('the connection is cut')) : this.bus.publish(topic, value, key);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = await this.bus.subscribe(options);
    this.subscriptions.push(subscription);
    return {
      ...subscription,
      // A place that is kept after the cut would be kept by a dead process.
      markPlace: () => {
        const keep = subscription.markPlace();
        return () => (this.isCut ? Promise.reject(new Error('the connection is cut')) : keep());
      },
    };
  }

  /** Nothing gets in or out any more. */
  async cut(): Promise<void> {
    this.isCut = true;
    await this.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.subscriptions.splice(0).map((subscription) => subscription.close()));
  }
}
