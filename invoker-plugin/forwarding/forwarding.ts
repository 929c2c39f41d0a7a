// Activations follow the artifacts: offers an activation to the invoker that holds them, and takes what others offer, so
// that each is served exactly once whoever stops in between. docs/architecture.md has the protocol.
//
// Offers and claims are on one topic with one partition, so all read the same order, and the first claim on an activation
// decides. Nobody acts on a claim of its own before it has read it there: a claim that came second never counts.
import type { ActionDocument } from '../../common/action-document.ts';
import { actionKeyOfMessage, type ActivationMessage } from '../../common/messages/activation-message.ts';
import type { ActionKey } from '../../common/action-identity.ts';
import type { Bus, BusRecord, Subscription } from '../../common/bus/bus.ts';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { encode } from '../../common/messages/codec.ts';
import type { InvokerInstance } from '../../common/messages/identity.ts';
import type { RecordReader } from '../../common/messages/record-reader.ts';
import { chooseForward } from '../core/forward.ts';
import { forwardRecordSchema, forwardTopic, forwardTopicSettings, mostForwardedBytes, type Claim, type ClaimKind, type Offer } from './messages.ts';
import { Others } from './others.ts';
import { RecentIds } from '../recent-ids.ts';
import { StandingReporter } from './standing-reporter.ts';

export interface ForwardingOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly records: RecordReader;
  readonly instance: InvokerInstance;
  /** Names this life of the process. */
  readonly life: string;
  /** What an activation of the action would wait for here, in ms; undefined while the action is not known. */
  readonly startupMsOf: (actionKey: ActionKey) => number | undefined;
  /** Whether an offered activation would find its artifacts here, beside `promised` others of its action. */
  readonly isWorthTaking: (actionKey: ActionKey, promised: number) => boolean;
  /** How busy this invoker is. */
  readonly load: () => { readonly queued: number; readonly running: number };
  /** Takes in an activation that another invoker has got, to be acknowledged in that one's name. */
  readonly take: (message: ActivationMessage, origin: InvokerInstance) => void;
}

/** What it has done since the start. */
export interface ForwardingCounts {
  offered: number;
  /** Of the offers: what the receiver took; the rest was served here after all. */
  handedOver: number;
  taken: number;
  refused: number;
}

interface OfferUnderWay {
  readonly receiver: number;
  readonly offeredAt: number;
  readonly decided: (claim: ClaimKind) => void;
  cancelTimer: CancelTimer;
}

/** Assumed until an offer was taken: two records through the broker. */
const assumedHopMs = 30;
/** Weight of the newest hop. */
const newestWeight = 0.2;
/** An offer is reclaimed after four times what offers take, but not before and not after this long. */
const leastPatienceMs = 250;
const mostPatienceMs = 1_500;
/** Offers of others that wait for their claim to be read; one more is refused. */
const mostPromised = 256;
const reclaimAgainAfterMs = 500;

export class Forwarding {
  private readonly options: ForwardingOptions;
  private readonly others: Others;
  private readonly standing: StandingReporter;
  /** Offered by this invoker and not decided. */
  private readonly underWay = new Map<string, OfferUnderWay>();
  /** Offered to this invoker, claimed by it, and not decided. */
  private readonly promised = new Map<string, { readonly message: ActivationMessage; readonly origin: InvokerInstance; readonly actionKey: ActionKey }>();
  /** Decided lately: an offer that comes late, or twice, is not taken. */
  private readonly decided = new RecentIds(10_000);
  private subscription: Subscription | undefined;
  private hopMs = assumedHopMs;
  private isTaking = false;
  private isOffering = false;
  readonly counts: ForwardingCounts = { offered: 0, handedOver: 0, taken: 0, refused: 0 };

  constructor(options: ForwardingOptions) {
    this.options = options;
    const { bus, clock, logger, records, instance } = options;
    this.others = new Others({ bus, clock, logger, records, invoker: instance.instance });
    this.standing = new StandingReporter({ bus, clock, logger, invoker: instance.instance, life: options.life, look: options.load });
  }

  async start(): Promise<void> {
    const { bus, logger } = this.options;
    await bus.ensureTopic(forwardTopic, forwardTopicSettings);
    this.subscription = await bus.subscribe({
      topic: forwardTopic,
      // What was offered before this process lived was offered to another.
      from: 'latest',
      handle: (record) => {
        this.takeRecord(record);
      },
      onError: (error, record) => {
        logger.error({ topic: record.topic, offset: record.offset, reason: describeError(error) }, 'a record could not be handled');
      },
    });
    await this.others.start();
    this.isTaking = true;
    this.isOffering = true;
    this.standing.start();
  }

  /**
   * Offers the activation to the invoker where it is best served, if that is another one. The message has to be as its
   * controller sent it. Undefined when it is to be served here; else what becomes of it: whether another invoker has it.
   */
  offer(message: ActivationMessage, action: ActionDocument): Promise<boolean> | undefined {
    const { instance, startupMsOf } = this.options;
    if (!this.isOffering) return undefined;
    const startupMs = startupMsOf(action.actionKey);
    if (startupMs === undefined) return undefined;
    const receiver = chooseForward(startupMs, this.hopMs, this.others.candidatesFor(action.actionKey));
    const receiverLife = receiver === undefined ? undefined : this.others.lifeOf(receiver);
    if (receiver === undefined || receiverLife === undefined) return undefined;
    const offer: Offer = { ...message, instainferForward: { formatVersion: 1, origin: instance, receiver, receiverLife } };
    const value = encode(offer);
    return Buffer.byteLength(value) > mostForwardedBytes ? undefined : this.send(value, message.activationId, action.actionKey, receiver);
  }

  /** Takes nothing more of others, offers nothing more, and resolves when every own offer is decided or `deadlineAt` is past. */
  async settle(deadlineAt: number): Promise<void> {
    this.isTaking = false;
    this.isOffering = false;
    await this.standing.stop();
    for (const activationId of this.underWay.keys()) this.reclaim(activationId);
    const { clock } = this.options;
    while (this.underWay.size + this.promised.size > 0 && clock.now() < deadlineAt) {
      await new Promise<void>((resolve) => {
        clock.setTimer(clock.now() + 20, resolve);
      });
    }
  }

  async stop(): Promise<void> {
    await this.subscription?.close();
    await this.others.stop();
    for (const { cancelTimer } of this.underWay.values()) cancelTimer();
  }

  private send(value: string, activationId: string, actionKey: ActionKey, receiver: number): Promise<boolean> {
    const { bus, clock, logger } = this.options;
    const offeredAt = clock.now();
    const noteDecided = this.others.noteOffer(receiver, actionKey);
    this.counts.offered += 1;
    return new Promise((resolve) => {
      const patienceMs = Math.min(mostPatienceMs, Math.max(leastPatienceMs, 4 * this.hopMs));
      this.underWay.set(activationId, {
        receiver,
        offeredAt,
        decided: (claim) => {
          noteDecided(claim === 'taken');
          logger.info({ activationId, actionKey, receiver, claim, tookMs: Math.round(clock.now() - offeredAt) }, 'an offered activation is decided');
          resolve(claim === 'taken');
        },
        cancelTimer: clock.setTimer(offeredAt + patienceMs, () => {
          this.reclaim(activationId);
        }),
      });
      // Whether it got there or not, the topic decides: a reclaim that is read before any other claim.
      bus.publish(forwardTopic, value).catch((error: unknown) => {
        logger.warn({ activationId, reason: describeError(error) }, 'an offer could not be sent');
        this.reclaim(activationId);
      });
    });
  }

  /** Asks for the activation back, and again until the topic has decided: without the broker nobody may act. */
  private reclaim(activationId: string): void {
    const { clock } = this.options;
    const offer = this.underWay.get(activationId);
    if (offer === undefined) return;
    offer.cancelTimer();
    this.claim('reclaimed', activationId);
    offer.cancelTimer = clock.setTimer(clock.now() + reclaimAgainAfterMs, () => {
      this.reclaim(activationId);
    });
  }

  private claim(claim: ClaimKind, activationId: string): void {
    const { bus, instance, life, logger } = this.options;
    const message: Claim = { formatVersion: 1, claim, activationId, invoker: instance.instance, life };
    bus.publish(forwardTopic, encode(message)).catch((error: unknown) => {
      logger.warn({ activationId, claim, reason: describeError(error) }, 'a claim could not be sent');
    });
  }

  private takeRecord(record: BusRecord): void {
    const message = this.options.records.read(forwardRecordSchema, record);
    if (message === undefined) return;
    if ('claim' in message) this.takeClaim(message);
    else this.takeOffer(message);
  }

  private takeOffer({ instainferForward: { origin, receiver, receiverLife }, ...message }: Offer): void {
    const { instance, life, isWorthTaking } = this.options;
    const { activationId } = message;
    if (receiver !== instance.instance || receiverLife !== life || this.decided.has(activationId) || this.promised.has(activationId)) return;
    const actionKey = actionKeyOfMessage(message);
    const promised = [...this.promised.values()].filter((each) => each.actionKey === actionKey).length;
    if (!this.isTaking || this.promised.size >= mostPromised || !isWorthTaking(actionKey, promised)) {
      this.counts.refused += 1;
      this.claim('refused', activationId);
      return;
    }
    this.promised.set(activationId, { message, origin, actionKey });
    this.claim('taken', activationId);
  }

  private takeClaim({ claim, activationId, invoker, life }: Claim): void {
    if (this.decided.has(activationId)) return;
    this.decided.add(activationId);
    const offer = this.underWay.get(activationId);
    const promise = this.promised.get(activationId);
    this.promised.delete(activationId);
    if (promise !== undefined && claim === 'taken' && invoker === this.options.instance.instance && life === this.options.life) {
      this.counts.taken += 1;
      this.options.take(promise.message, promise.origin);
    }
    if (offer === undefined) return;
    this.underWay.delete(activationId);
    offer.cancelTimer();
    if (claim === 'taken') {
      this.counts.handedOver += 1;
      this.hopMs += newestWeight * (this.options.clock.now() - offer.offeredAt - this.hopMs);
    }
    offer.decided(claim);
  }
}
