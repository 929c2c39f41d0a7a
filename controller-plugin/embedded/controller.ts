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
import type { TransactionId, User } from '../../common/messages/identity.ts';
import { healthTopic } from '../../common/messages/ping-message.ts';
import { RecordReader } from '../../common/messages/record-reader.ts';
import { openWhiskTopicSettings } from '../../common/messages/topics.ts';
import type { Balancer } from './balancer.ts';

/** Where the controller keeps what is deployed. */
export interface WritableCatalog {
  put(action: ActionDocument): void;
}

/** What a call may have beside its action and content. */
export interface InvokeOptions {
  /** Who calls; the controller's own user where it is not given. */
  readonly user?: User;
  readonly transid?: TransactionId;
  readonly blocking?: boolean;
  /** Parameters that go to /init's environment. */
  readonly initArgs?: string[];
  /** W3C trace context of the caller (`traceparent`, `tracestate`). */
  readonly traceContext?: Record<string, string>;
}

export interface Invocation {
  readonly activationId: string;
  /** The record as soon as the action has answered, its logs not yet in it; an end without one when only that is known. */
  readonly answered: Promise<AcknowledgedActivation>;
  /** When the invoker has freed the slot. */
  readonly finished: Promise<AcknowledgedActivation>;
}

/** What an acknowledged activation came to: its record, or only that it ended. */
export type AcknowledgedActivation = { readonly record: WhiskActivation } | { readonly isSystemError: boolean };

interface Waiting {
  readonly memoryMegabytes: number;
  readonly answer: (result: AcknowledgedActivation) => void;
  readonly resolve: (result: AcknowledgedActivation) => void;
  record?: WhiskActivation;
}

export interface EmbeddedControllerOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly catalog: WritableCatalog;
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
    await this.announce(action.qualifiedName);
  }

  /** Tells the others that an entity has changed or is gone. */
  async announce(qualifiedName: string): Promise<void> {
    const invalidation: CacheInvalidation = { key: { mainId: qualifiedName }, instanceId: `controller${this.options.controllerId}` };
    await this.options.bus.publish(cacheInvalidationTopic, encode(invalidation));
  }

  /** Sends one activation; its id is there at once. */
  invoke(action: ActionDocument, content: Record<string, unknown>, options: InvokeOptions = {}): Invocation {
    const { user = this.options.user, blocking = true, initArgs = [], traceContext } = options;
    const activationId = randomUUID().replaceAll('-', '');
    const slash = action.qualifiedName.lastIndexOf('/');
    const message: ActivationMessage = {
      transid: options.transid ?? [randomUUID().replaceAll('-', ''), Math.floor(this.options.clock.now())],
      action: { path: action.qualifiedName.slice(0, slash), name: action.qualifiedName.slice(slash + 1), version: action.version },
      revision: parseActionKey(action.actionKey).revision ?? null,
      user,
      activationId,
      rootControllerIndex: { asString: this.options.controllerId, instanceType: 'controller' },
      blocking,
      content,
      initArgs,
      lockedArgs: {},
      ...(traceContext === undefined ? {} : { traceContext }),
    };
    const { memoryMegabytes } = action.limits;
    let answer: Waiting['answer'] = () => undefined;
    const answered = new Promise<AcknowledgedActivation>((resolve) => {
      answer = resolve;
    });
    const finished = new Promise<AcknowledgedActivation>((resolve) => {
      this.waiting.set(activationId, { answer, resolve, memoryMegabytes });
    });
    const invoker = this.options.balancer.choose(user.namespace.name, action);
    void this.options.bus.publish(invokerTopic(invoker), encode(message)).catch((error: unknown) => {
      this.options.logger.error({ activationId, invoker, reason: describeError(error) }, 'an activation could not be sent');
      this.options.balancer.freed(invoker, memoryMegabytes);
      const waiting = this.waiting.get(activationId);
      this.waiting.delete(activationId);
      if (waiting !== undefined) end(waiting, { isSystemError: true });
    });
    return { activationId, answered, finished };
  }

  async stop(): Promise<void> {
    await this.subscription?.close();
    for (const waiting of this.waiting.values()) end(waiting, { isSystemError: true });
    this.waiting.clear();
  }

  private takeAcknowledgement(record: BusRecord): void {
    const acknowledgement = this.records.read(acknowledgementSchema, record);
    if (acknowledgement === undefined) return;
    const activationId = activationIdOf(acknowledgement);
    const waiting = this.waiting.get(activationId);
    if (waiting === undefined) return;
    if ('response' in acknowledgement && typeof acknowledgement.response !== 'string') {
      waiting.record = acknowledgement.response;
      waiting.answer({ record: waiting.record });
    }
    if (!freesSlot(acknowledgement)) return;
    this.waiting.delete(activationId);
    this.options.balancer.freed(acknowledgement.instance.instance, waiting.memoryMegabytes);
    end(waiting, waiting.record === undefined ? { isSystemError: acknowledgement.isSystemError } : { record: waiting.record });
  }
}

function end(waiting: Waiting, result: AcknowledgedActivation): void {
  waiting.answer(result);
  waiting.resolve(result);
}
