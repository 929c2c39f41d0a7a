// Takes activations off the invoker's topic: what the scheduler is to see, with the action it is about, and what is
// answered before that. It holds back the topic while as many as the pool can work on are in hand.
import type { ActionDocument } from '../common/action-document.ts';
import type { ActionKey } from '../common/action-identity.ts';
import type { BusRecord, Subscription } from '../common/bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { AppError, describeError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import type { ActivationResponse } from '../common/messages/acknowledgement.ts';
import { actionKeyOfMessage, activationMessageSchema, isHealthCheck, type ActivationMessage } from '../common/messages/activation-message.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';
import type { RecordReader } from '../common/messages/record-reader.ts';
import type { Acknowledger } from './acknowledger.ts';
import type { ActivationAnswers } from './activation-answers.ts';
import { developerFailure, platformFailure, refusedActivation } from './activation-result.ts';
import { limitViolation } from './limits.ts';
import { unlockParameters, type ParameterKeys } from './locked-parameters.ts';
import { RecentIds } from './recent-ids.ts';

/** What an operator decides of the activations that are taken. */
export interface IntakePolicy {
  /** Activations in hand at once; the rest stay on the topic. */
  readonly mostInHand: number;
  /** Kinds that the runtime image serves: whole kinds, or `family:*`. */
  readonly kinds: readonly string[];
  /** `skip`: an activation that no controller waits for any more is answered without being run. */
  readonly stale: 'run' | 'skip';
  readonly parameterKeys: ParameterKeys;
  readonly isBlocked: (namespace: string) => boolean;
}

export interface ActivationIntakeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly records: RecordReader;
  readonly policy: IntakePolicy;
  readonly acknowledger: Acknowledger;
  readonly answers: ActivationAnswers;
  /** Finds the action and tells the scheduler of it when it is new. @throws AppError */
  readonly find: (actionKey: ActionKey, apiKey: string | undefined) => Promise<ActionDocument | undefined>;
  /** Offers the activation to another invoker that holds its artifacts; undefined when it is to be served here. */
  readonly offer?: (message: ActivationMessage, action: ActionDocument) => Promise<boolean> | undefined;
  /** Hands the activation to the scheduler. */
  readonly admit: (message: ActivationMessage, action: ActionDocument, arrivedAt: number, onBehalfOf?: InvokerInstance) => void;
}

/** OpenWhisk's shortest memory limit (`whisk.memory.min`): the most containers that a pool can hold. */
const leastContainerBytes = 128 * 1024 * 1024;
/** `whisk.container-pool.concurrent-peek-factor`. */
const concurrentPeekFactor = 0.5;

/** How many activations the stock invoker of this size works on at once (InvokerReactive.scala, maxPeek). */
export function mostActivationsInHand(userMemoryBytes: number, concurrencyLimitMax = 1): number {
  const mostContainers = Math.max(1, Math.floor(userMemoryBytes / leastContainerBytes));
  return Math.max(mostContainers, Math.floor(mostContainers * concurrencyLimitMax * concurrentPeekFactor));
}

/**
 * After so long the controller has given the activation up: max(time limit, 60 s) · 2 + 60 s (CommonLoadBalancer.scala).
 * The time limit is not known before the action is, so OpenWhisk's longest stands for it: 5 minutes.
 */
const givenUpAfterMs = 2 * 300_000 + 60_000;

/** A producer whose connection breaks repeats what it may have sent already, within seconds. */
const rememberedActivations = 10_000;

export class ActivationIntake {
  private readonly options: ActivationIntakeOptions;
  private subscription: Subscription | undefined;
  private readonly taken = new RecentIds(rememberedActivations);
  private inHand = 0;
  private isHeldBack = false;
  private whenNoneInHand: () => void = () => undefined;

  constructor(options: ActivationIntakeOptions) {
    this.options = options;
  }

  /** Activations taken and not answered yet. */
  get inHandCount(): number {
    return this.inHand;
  }

  /** The subscription to hold back; records may have come before. */
  attach(subscription: Subscription): void {
    this.subscription = subscription;
    if (this.isHeldBack) subscription.pause();
  }

  /** Takes one record. It returns at once: fetching one action must not keep the next activation waiting. */
  take(record: BusRecord): void {
    const message = this.options.records.read(activationMessageSchema, record);
    if (message === undefined) return;
    if (isHealthCheck(message)) {
      // It asks whether this invoker reads its topic and can answer; it does, and it can.
      void this.options.acknowledger.healthCheck(message);
      return;
    }
    if (this.taken.has(message.activationId)) {
      this.options.logger.warn({ activationId: message.activationId, topic: record.topic, offset: record.offset }, 'an activation that came twice is run once');
      return;
    }
    this.taken.add(message.activationId);
    this.takeIn(message, undefined);
  }

  /** Takes an activation that a controller gave to another invoker, and that one to this. */
  takeForwarded(message: ActivationMessage, origin: InvokerInstance): void {
    this.takeIn(message, origin);
  }

  private takeIn(message: ActivationMessage, origin: InvokerInstance | undefined): void {
    this.inHand += 1;
    if (this.inHand >= this.options.policy.mostInHand) this.holdBack();
    void this.consider(message, origin).catch((error: unknown) => {
      this.options.logger.error({ activationId: message.activationId, reason: describeError(error) }, 'an activation could not be taken in');
      return this.options.answers.refuse(message, this.options.clock.now(), platformFailure('Action could not be fetched.'), origin);
    });
  }

  /** Resolves when everything taken is answered, or at `deadlineAt`. To be called when nothing more is taken. */
  whenIdle(deadlineAt: number): Promise<void> {
    if (this.inHand === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.options.clock.setTimer(deadlineAt, resolve);
      this.whenNoneInHand = () => {
        cancel();
        resolve();
      };
    });
  }

  /** To be called for every activation that was answered. */
  answered(): void {
    this.inHand -= 1;
    if (this.inHand === 0) this.whenNoneInHand();
    if (!this.isHeldBack || this.inHand >= this.options.policy.mostInHand) return;
    this.isHeldBack = false;
    this.subscription?.resume();
  }

  private holdBack(): void {
    if (this.isHeldBack) return;
    this.isHeldBack = true;
    this.subscription?.pause();
  }

  private async consider(message: ActivationMessage, origin: InvokerInstance | undefined): Promise<void> {
    const { clock, answers, policy } = this.options;
    const arrivedAt = clock.now();
    if (policy.isBlocked(message.user.namespace.name)) return answers.block(message, arrivedAt);
    if (policy.stale === 'skip' && arrivedAt - message.transid[1] > givenUpAfterMs) {
      return answers.refuse(message, arrivedAt, refusedActivation('The action was not invoked: the activation had waited longer than its controller did.'));
    }
    const action = await this.findAction(message);
    if ('statusCode' in action) return answers.refuse(message, arrivedAt, action, origin);
    const violation = this.violationOf(message, action);
    if (violation !== undefined) return answers.refuse(message, arrivedAt, violation, origin);
    // Once at most: what was forwarded to this invoker stays. With its parameters still locked, as the controller sent it.
    const offered = origin === undefined ? this.options.offer?.(message, action) : undefined;
    if (offered !== undefined && (await offered)) return this.answered();
    try {
      this.options.admit(unlockParameters(message, policy.parameterKeys), action, arrivedAt, origin);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      await answers.refuse(message, arrivedAt, platformFailure(error.message), origin);
    }
  }

  /** The action, or how the activation ends because there is none (InvokerReactive.scala, handleActivationMessage). */
  private async findAction(message: ActivationMessage): Promise<ActionDocument | ActivationResponse> {
    const apiKey = message.user.authkey['api_key'];
    const actionKey = actionKeyOfMessage(message);
    try {
      const action = await this.options.find(actionKey, typeof apiKey === 'string' ? apiKey : undefined);
      return action ?? refusedActivation('Action could not be found or may have been deleted.');
    } catch (error) {
      this.options.logger.error({ activationId: message.activationId, actionKey, reason: describeError(error) }, 'an action could not be fetched');
      const isUnreadable = error instanceof AppError && error.code === 'ACTION_UNREADABLE';
      return platformFailure(isUnreadable ? 'Action version is not compatible and cannot be invoked.' : 'Action could not be fetched.');
    }
  }

  private violationOf(message: ActivationMessage, action: ActionDocument): ActivationResponse | undefined {
    const limit = limitViolation(action, message.user.limits);
    if (limit !== undefined) return refusedActivation(limit);
    if (isKindOf(action.kind, this.options.policy.kinds)) return undefined;
    // No fault of the invoker's: a controller that sends such actions must not take it out of rotation for them.
    return developerFailure(`This invoker does not run actions of kind '${action.kind}', only ${this.options.policy.kinds.join(', ')}.`);
  }
}

/** Whether a kind is one of the patterns: whole kinds, or `family:*`. */
export function isKindOf(kind: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith(':*') ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern));
}
