// The embedded controller: stores actions, announces them, puts activations on the invoker's topic and waits for their
// acknowledgements, in OpenWhisk's own messages.
import { randomUUID } from 'node:crypto';
import type { ActionDocument } from '../../common/action-document.ts';
import { parseActionKey } from '../../common/action-identity.ts';
import type { Bus, BusRecord, Subscription } from '../../common/bus/bus.ts';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { acknowledgementSchema, activationIdOf, completedTopic, freesSlot, type WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { invokerTopic, type ActivationMessage } from '../../common/messages/activation-message.ts';
import { cacheInvalidationTopic, type CacheInvalidation } from '../../common/messages/cache-invalidation.ts';
import { encode } from '../../common/messages/codec.ts';
import { eventsTopic } from '../../common/messages/event-message.ts';
import type { User } from '../../common/messages/identity.ts';
import { healthTopic } from '../../common/messages/ping-message.ts';
import { RecordReader } from '../../common/messages/record-reader.ts';
import { openWhiskTopicSettings } from '../../common/messages/topics.ts';
import type { Balancer } from './balancer.ts';
import type { MemoryCatalog } from './memory-catalog.ts';

/** What an acknowledged activation came to: its record, or only that it ended. */
export type AcknowledgedActivation = { readonly record: WhiskActivation } | { readonly isSystemError: boolean };

interface Waiting {
  readonly memoryMegabytes: number;
  readonly resolve: (result: AcknowledgedActivation) => void;
  record?: WhiskActivation;
}

export interface EmbeddedControllerOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly catalog: MemoryCatalog;
  readonly controllerId: string;
  readonly balancer: Balancer;
  readonly user: User;
}

export class EmbeddedController {
  private readonly options: EmbeddedControllerOptions;
  private readonly records: RecordReader;
  private readonly waiting = new Map<string, Waiting>();
  private subscription: Subscription | undefined;

  constructor(options: EmbeddedControllerOptions) {
    this.options = options;
    this.records = new RecordReader(options.logger);
  }

  /** Creates the topics that are a controller's to create, and reads its acknowledgements. */
  async start(): Promise<void> {
    const { bus } = this.options;
    const topic = completedTopic(this.options.controllerId);
    await bus.ensureTopic(topic, openWhiskTopicSettings.completed);
    await bus.ensureTopic(healthTopic, openWhiskTopicSettings.health);
    await bus.ensureTopic(cacheInvalidationTopic, openWhiskTopicSettings.cacheInvalidation);
    await bus.ensureTopic(eventsTopic, openWhiskTopicSettings.events);
    this.subscription = await bus.subscribe({
      topic,
      group: topic,
      from: 'latest',
      handle: (record) => {
        this.takeAcknowledgement(record);
      },
      onError: (error) => {
        this.options.logger.error({ topic, reason: String(error) }, 'a record could not be handled');
      },
    });
  }

  /** Stores an action and announces it, as a controller does after every write. */
  async deploy(action: ActionDocument): Promise<void> {
    this.options.catalog.put(action);
    const invalidation: CacheInvalidation = { key: { mainId: action.qualifiedName }, instanceId: `controller${this.options.controllerId}` };
    await this.options.bus.publish(cacheInvalidationTopic, encode(invalidation));
  }

  /**
   * Sends one activation.
   * @returns its id at once, and a promise that resolves when the invoker has freed the slot.
   */
  invoke(action: ActionDocument, content: Record<string, unknown>): { activationId: string; finished: Promise<AcknowledgedActivation> } {
    const activationId = randomUUID().replaceAll('-', '');
    const slash = action.qualifiedName.lastIndexOf('/');
    const message: ActivationMessage = {
      transid: [randomUUID().replaceAll('-', ''), Math.floor(this.options.clock.now())],
      action: { path: action.qualifiedName.slice(0, slash), name: action.qualifiedName.slice(slash + 1), version: action.version },
      revision: parseActionKey(action.actionKey).revision ?? null,
      user: this.options.user,
      activationId,
      rootControllerIndex: { asString: this.options.controllerId, instanceType: 'controller' },
      blocking: true,
      content,
      initArgs: [],
      lockedArgs: {},
    };
    const { memoryMegabytes } = action.limits;
    const finished = new Promise<AcknowledgedActivation>((resolve) => {
      this.waiting.set(activationId, { resolve, memoryMegabytes });
    });
    const invoker = this.options.balancer.choose(this.options.user.namespace.name, action);
    void this.options.bus.publish(invokerTopic(invoker), encode(message)).catch((error: unknown) => {
      this.options.logger.error({ invoker, reason: describeError(error) }, 'an activation could not be sent');
      this.options.balancer.freed(invoker, memoryMegabytes);
      this.waiting.get(activationId)?.resolve({ isSystemError: true });
      this.waiting.delete(activationId);
    });
    return { activationId, finished };
  }

  async stop(): Promise<void> {
    await this.subscription?.close();
    for (const { resolve } of this.waiting.values()) resolve({ isSystemError: true });
    this.waiting.clear();
  }

  private takeAcknowledgement(record: BusRecord): void {
    const acknowledgement = this.records.read(acknowledgementSchema, record);
    if (acknowledgement === undefined) return;
    const activationId = activationIdOf(acknowledgement);
    const waiting = this.waiting.get(activationId);
    if (waiting === undefined) return;
    if ('response' in acknowledgement && typeof acknowledgement.response !== 'string') waiting.record = acknowledgement.response;
    if (!freesSlot(acknowledgement)) return;
    this.waiting.delete(activationId);
    this.options.balancer.freed(acknowledgement.instance.instance, waiting.memoryMegabytes);
    waiting.resolve(waiting.record === undefined ? { isSystemError: acknowledgement.isSystemError } : { record: waiting.record });
  }
}
