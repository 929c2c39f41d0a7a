// What a controller sends to an invoker and hears of it, for tests that have no controller: activations, and what was
// acknowledged to controller 0.
import { strict as assert } from 'node:assert';
import type { Bus } from '../../common/bus/bus.ts';
import { acknowledgementSchema, activationIdOf, completedTopic, freesSlot, type Acknowledgement, type WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { invokerTopic, type ActivationMessage } from '../../common/messages/activation-message.ts';
import { decode, encode } from '../../common/messages/codec.ts';
import { activationMessage } from '../../controller-plugin/testing/stock-records.ts';

export class ControllerMessages {
  private readonly bus: Bus;
  private readonly acknowledgements: Acknowledgement[] = [];
  private readonly waiters: (() => void)[] = [];
  private count = 0;

  private constructor(bus: Bus) {
    this.bus = bus;
  }

  /** Hears everything that is acknowledged on this bus. */
  static async on(bus: Bus): Promise<ControllerMessages> {
    const messages = new ControllerMessages(bus);
    const topic = completedTopic('0');
    await bus.subscribe({
      topic,
      group: topic,
      from: 'earliest',
      handle: ({ value }) => {
        const decoded = decode(acknowledgementSchema, value);
        assert.ok(decoded.ok);
        messages.acknowledgements.push(decoded.message);
        for (const resolve of messages.waiters.splice(0)) resolve();
      },
      onError: (error) => {
        throw error;
      },
    });
    return messages;
  }

  /** Sends a blocking activation of `guest/name` to an invoker. @returns its id */
  async send(name: string, overrides: Partial<ActivationMessage> = {}, invoker = 0): Promise<string> {
    this.count += 1;
    const message = activationMessage(name, Date.now(), this.count, overrides);
    await this.bus.publish(invokerTopic(invoker), encode(message));
    return message.activationId;
  }

  /** Resolves with the acknowledgements of an activation once one has freed its slot. */
  async acknowledged(activationId: string): Promise<Acknowledgement[]> {
    const own = (): Acknowledgement[] => this.acknowledgements.filter((each) => activationIdOf(each) === activationId);
    while (!own().some(freesSlot)) await new Promise<void>((resolve) => this.waiters.push(resolve));
    return own();
  }
}

/** The record in the first acknowledgement of a blocking activation. */
export function recordOf([first]: readonly Acknowledgement[]): WhiskActivation {
  assert.ok(first !== undefined && 'response' in first && typeof first.response === 'object', 'a result was acknowledged');
  return first.response;
}
