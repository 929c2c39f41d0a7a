// Answers the controller for every activation: acknowledgements on its `completed` topic, user events on `events`.
// Which message goes when: MessagingActiveAck.scala and ContainerProxy.scala of Apache OpenWhisk (sharding balancer).
import type { Bus } from '../common/bus/bus.ts';
import { AppError, describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import { completedTopic, shrink, type Combined, type Completion, type Result, type WhiskActivation } from '../common/messages/acknowledgement.ts';
import type { ActivationMessage } from '../common/messages/activation-message.ts';
import { encode } from '../common/messages/codec.ts';
import { activationEventOf, eventsTopic } from '../common/messages/event-message.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';

export interface AcknowledgerOptions {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly instance: InvokerInstance;
  /** Who runs the activations, where that is not `instance`. */
  readonly runBy?: InvokerInstance;
  /** Whether the deployment has user events turned on. */
  readonly publishEvents: boolean;
}

/** None of these rejects: an answer that cannot be sent is logged, and the controller gives the slot back by itself. */
export class Acknowledger {
  private readonly options: AcknowledgerOptions;

  constructor(options: AcknowledgerOptions) {
    this.options = options;
  }

  /**
   * Acknowledges for another invoker: the controller frees the memory of the invoker that the acknowledgement names, and
   * has booked it where it sent the activation. Events still name the invoker that ran it.
   */
  onBehalfOf(instance: InvokerInstance): Acknowledger {
    return new Acknowledger({ ...this.options, instance, runBy: this.options.runBy ?? this.options.instance });
  }

  /** The result is there, the slot is not free: only a waiting caller is told. */
  async result(message: ActivationMessage, activation: WhiskActivation): Promise<void> {
    if (!message.blocking) return;
    const result: Result = { transid: message.transid, response: activation };
    await this.sendOrShrink(message, result);
  }

  /** The slot is free; the result, if anybody waited for it, was sent before. */
  async completion(message: ActivationMessage, activation: WhiskActivation): Promise<void> {
    await this.send(message, this.completionOf(message, isSystemError(activation)));
    await this.event(message, activation);
  }

  /** Result and free slot at once; the result is left out where nobody waits for it (`isShrunk`: whoever waits). */
  async combined(message: ActivationMessage, activation: WhiskActivation, isShrunk = !message.blocking): Promise<void> {
    const combined: Combined = { transid: message.transid, response: activation, isSystemError: isSystemError(activation), instance: this.options.instance };
    await this.sendOrShrink(message, isShrunk ? shrink(combined) : combined);
    await this.event(message, activation);
  }

  /** The answer to a controller's health check: it looks at nothing but the transaction id and the invoker. */
  async healthCheck(message: ActivationMessage): Promise<void> {
    await this.send(message, this.completionOf(message, false));
  }

  private completionOf(message: ActivationMessage, systemError: boolean): Completion {
    return { transid: message.transid, activationId: message.activationId, isSystemError: systemError, instance: this.options.instance };
  }

  private async sendOrShrink(message: ActivationMessage, acknowledgement: Combined | Result): Promise<void> {
    const isTooLarge = await this.send(message, acknowledgement);
    // A waiting caller is served out of the database then.
    if (isTooLarge) await this.send(message, shrink(acknowledgement));
  }

  /** @returns whether the topic does not take a record of that size */
  private async send(message: ActivationMessage, acknowledgement: Combined | Completion | Result): Promise<boolean> {
    try {
      await this.options.bus.publish(completedTopic(message.rootControllerIndex.asString), encode(acknowledgement));
      return false;
    } catch (error) {
      if (error instanceof AppError && error.code === 'MESSAGE_TOO_LARGE') return true;
      this.options.logger.error({ activationId: message.activationId, reason: describeError(error) }, 'an acknowledgement could not be sent');
      return false;
    }
  }

  private async event(message: ActivationMessage, activation: WhiskActivation): Promise<void> {
    if (!this.options.publishEvents) return;
    const { instance } = this.options.runBy ?? this.options.instance;
    const event = activationEventOf(activation, `invoker${instance}`, message.user.namespace.uuid);
    if (event === undefined) return;
    try {
      await this.options.bus.publish(eventsTopic, encode(event));
    } catch (error) {
      this.options.logger.warn({ activationId: message.activationId, reason: describeError(error) }, 'a user event could not be sent');
    }
  }
}

function isSystemError(activation: WhiskActivation): boolean {
  return activation.response.statusCode === 3;
}
