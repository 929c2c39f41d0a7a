// Answers the controller for every activation: acknowledgements on its `completed` topic, user events on `events`.
// Which message goes when: MessagingActiveAck.scala and ContainerProxy.scala of Apache OpenWhisk (sharding balancer).
import type { Bus } from '../common/bus/bus.ts';
import { completedTopic, shrink, type Combined, type Completion, type Result, type WhiskActivation } from '../common/messages/acknowledgement.ts';
import type { ActivationMessage } from '../common/messages/activation-message.ts';
import { encode } from '../common/messages/codec.ts';
import { activationEventOf, eventsTopic } from '../common/messages/event-message.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';

export interface AcknowledgerOptions {
  readonly bus: Bus;
  readonly instance: InvokerInstance;
  /** Whether the deployment has user events turned on. */
  readonly publishEvents: boolean;
}

export class Acknowledger {
  private readonly options: AcknowledgerOptions;

  constructor(options: AcknowledgerOptions) {
    this.options = options;
  }

  /** The result is there, the slot is not free: only a waiting caller is told. */
  async result(message: ActivationMessage, activation: WhiskActivation): Promise<void> {
    if (!message.blocking) return;
    const result: Result = { transid: message.transid, response: activation };
    await this.send(message, result);
  }

  /** The slot is free; the result, if anybody waited for it, was sent before. */
  async completion(message: ActivationMessage, activation: WhiskActivation): Promise<void> {
    const completion: Completion = {
      transid: message.transid,
      activationId: message.activationId,
      isSystemError: isSystemError(activation),
      instance: this.options.instance,
    };
    await this.send(message, completion);
    await this.event(message, activation);
  }

  /** Result and free slot at once; the result is left out where nobody waits for it. */
  async combined(message: ActivationMessage, activation: WhiskActivation): Promise<void> {
    const combined: Combined = {
      transid: message.transid,
      response: activation,
      isSystemError: isSystemError(activation),
      instance: this.options.instance,
    };
    await this.send(message, message.blocking ? combined : shrink(combined));
    await this.event(message, activation);
  }

  private async send(message: ActivationMessage, acknowledgement: Combined | Completion | Result): Promise<void> {
    await this.options.bus.publish(completedTopic(message.rootControllerIndex.asString), encode(acknowledgement));
  }

  private async event(message: ActivationMessage, activation: WhiskActivation): Promise<void> {
    if (!this.options.publishEvents) return;
    const event = activationEventOf(activation, `invoker${this.options.instance.instance}`, message.user.namespace.uuid);
    if (event !== undefined) await this.options.bus.publish(eventsTopic, encode(event));
  }
}

function isSystemError(activation: WhiskActivation): boolean {
  return activation.response.statusCode === 3;
}
