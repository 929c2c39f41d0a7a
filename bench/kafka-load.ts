// A controller that only sends and counts: activation messages on an invoker's topic, their acknowledgements back.
import { randomUUID } from 'node:crypto';
import type { Bus, Subscription } from '../common/bus/bus.ts';
import type { ActionDocument } from '../common/action-document.ts';
import { acknowledgementSchema, activationIdOf, completedTopic, freesSlot } from '../common/messages/acknowledgement.ts';
import { invokerTopic, type ActivationMessage } from '../common/messages/activation-message.ts';
import { decode, encode } from '../common/messages/codec.ts';
import { openWhiskTopicSettings } from '../common/messages/topics.ts';
import { percentileOf } from '../common/statistics.ts';
import { demoUser } from '../demo/live/stage.ts';

export interface LoadFigures {
  readonly sent: number;
  readonly failed: number;
  /** Acknowledged per second, from the first that was due to the last that came back. */
  readonly perSecond: number;
  /** From the moment it was due to the acknowledgement that frees the slot. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** To the result, where somebody waits for it. */
  readonly resultP99Ms: number;
}

interface Outstanding {
  readonly dueAt: number;
  resultAt?: number;
}

export interface LoadPlan {
  readonly blocking: boolean;
  readonly count: number;
  /** A steady rate, or as many under way at once as this. */
  readonly pace: { readonly perSecond: number } | { readonly underWay: number };
}

export class KafkaLoad {
  private readonly bus: Bus;
  private readonly controller: string;
  private readonly invoker: number;
  private readonly outstanding = new Map<string, Outstanding>();
  private subscription: Subscription | undefined;
  private onAnswer: (entry: Outstanding, failed: boolean) => void = () => undefined;

  constructor(bus: Bus, controller: string, invoker: number) {
    this.bus = bus;
    this.controller = controller;
    this.invoker = invoker;
  }

  async start(): Promise<void> {
    const topic = completedTopic(this.controller);
    await this.bus.ensureTopic(topic, openWhiskTopicSettings.completed);
    this.subscription = await this.bus.subscribe({
      topic,
      group: topic,
      from: 'latest',
      handle: ({ value }) => {
        this.take(value);
      },
      onError: (error) => {
        throw error;
      },
    });
  }

  async stop(): Promise<void> {
    await this.subscription?.close();
  }

  /** Sends and resolves when everything came back. */
  async run(action: ActionDocument, { blocking, count, pace }: LoadPlan): Promise<LoadFigures> {
    const [latencies, resultLatencies]: [number[], number[]] = [[], []];
    let [sent, failed] = [0, 0];
    const beganAt = performance.now();
    await new Promise<void>((resolve) => {
      const send = (dueAt: number): void => {
        sent += 1;
        this.send(action, blocking, dueAt);
      };
      this.onAnswer = ({ dueAt, resultAt }, hasFailed) => {
        const now = performance.now();
        latencies.push(now - dueAt);
        resultLatencies.push((resultAt ?? now) - dueAt);
        if (hasFailed) failed += 1;
        if ('underWay' in pace && sent < count) send(now);
        if (latencies.length === count) resolve();
      };
      if ('underWay' in pace) {
        for (let index = 0; index < Math.min(pace.underWay, count); index += 1) send(beganAt);
        return;
      }
      const gapMs = 1000 / pace.perSecond;
      const timer = setInterval(() => {
        if (sent === count) clearInterval(timer);
        // What is late was due all the same: its wait counts.
        while (sent < count && beganAt + sent * gapMs <= performance.now()) send(beganAt + sent * gapMs);
      }, 1);
    });
    const share = (values: readonly number[], part: number): number => percentileOf(values, part) ?? Number.NaN;
    const seconds = (performance.now() - beganAt) / 1000;
    return { sent, failed, perSecond: count / seconds, p50Ms: share(latencies, 0.5), p99Ms: share(latencies, 0.99), resultP99Ms: share(resultLatencies, 0.99) };
  }

  private send(action: ActionDocument, blocking: boolean, dueAt: number): void {
    const activationId = randomUUID().replaceAll('-', '');
    const slash = action.qualifiedName.lastIndexOf('/');
    const message: ActivationMessage = {
      transid: [activationId, Date.now()],
      action: { path: action.qualifiedName.slice(0, slash), name: action.qualifiedName.slice(slash + 1), version: action.version },
      revision: null,
      user: demoUser,
      activationId,
      rootControllerIndex: { asString: this.controller, instanceType: 'controller' },
      blocking,
      content: { text: 'x'.repeat(100) },
      initArgs: [],
      lockedArgs: {},
    };
    this.outstanding.set(activationId, { dueAt });
    void this.bus.publish(invokerTopic(this.invoker), encode(message));
  }

  private take(value: string | null): void {
    const decoded = decode(acknowledgementSchema, value);
    if (!decoded.ok) throw new Error(decoded.reason);
    const ack = decoded.message;
    const activationId = activationIdOf(ack);
    const entry = this.outstanding.get(activationId);
    if (entry === undefined) return;
    if ('response' in ack) entry.resultAt = performance.now();
    if (!freesSlot(ack)) return;
    this.outstanding.delete(activationId);
    this.onAnswer(entry, ack.isSystemError);
  }
}
