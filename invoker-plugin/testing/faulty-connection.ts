// One process's connection to a bus that others share, which a test can hold up in either direction, or cut for good:
// a paused process, a slow network, a partition, a death.
import type { Bus, BusRecord, SubscribeOptions, Subscription, TopicSettings } from '../../common/bus/bus.ts';

export class FaultyConnection implements Bus {
  private readonly bus: Bus;
  private readonly subscriptions: Subscription[] = [];
  private readonly heldOut: (() => void)[] = [];
  private readonly heldIn: (() => void)[] = [];
  /** Nothing that is published gets out until {@link letOut}. */
  holdsOut = false;
  /** Nothing gets in until {@link letIn}. */
  holdsIn = false;
  private isCut = false;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  ensureTopic(topic: string, settings?: TopicSettings): Promise<void> {
    return this.bus.ensureTopic(topic, settings);
  }

  async publish(topic: string, value: string | null, key?: string): Promise<void> {
    if (this.holdsOut) await new Promise<void>((resolve) => this.heldOut.push(resolve));
    if (this.isCut) throw new Error('the connection is cut');
    await this.bus.publish(topic, value, key);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const handle = async (record: BusRecord): Promise<void> => {
      if (this.holdsIn) await new Promise<void>((resolve) => this.heldIn.push(resolve));
      if (!this.isCut) await options.handle(record);
    };
    const subscription = await this.bus.subscribe({ ...options, handle });
    this.subscriptions.push(subscription);
    return subscription;
  }

  letOut(): void {
    this.holdsOut = false;
    for (const resolve of this.heldOut.splice(0)) resolve();
  }

  letIn(): void {
    this.holdsIn = false;
    for (const resolve of this.heldIn.splice(0)) resolve();
  }

  /** The process dies: nothing it was about to say is said, nothing it was about to hear is heard. */
  cut(): void {
    this.isCut = true;
    this.letOut();
    this.letIn();
  }

  async close(): Promise<void> {
    await Promise.all(this.subscriptions.splice(0).map((subscription) => subscription.close()));
  }
}
