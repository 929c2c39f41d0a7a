// A stand-in for a stock controller with the sharding balancer, made from the protocol's description alone: it shares no
// decoder with the invoker, drops what spray-json would not read, and knows a health check by its exact transaction id.
// Actions with a concurrency above 1 are not its business.
import { randomUUID } from 'node:crypto';
import type { Bus, BusRecord, Subscription } from '../../common/bus/bus.ts';
import { probeOrder } from '../../common/home-invoker.ts';
import { openWhiskTopicSettings } from '../../common/messages/topics.ts';
import { InvokerHealth, type HealthResult, type HealthState } from './invoker-health.ts';
import { readStrictly, strictPingSchema, type StrictAcknowledgement, type StrictActivation } from './strict-acknowledgement.ts';

export interface StockTiming {
  /** Silence after which an invoker is offline. */
  readonly silenceMs: number;
  readonly testPeriodMs: number;
  /** When the slot of an activation is freed by force, from the time limit of its action. */
  readonly forcedCompletionMs: (timeoutMs: number) => number;
}
export const stockTiming: StockTiming = {
  silenceMs: 10_000,
  testPeriodMs: 60_000,
  forcedCompletionMs: (timeoutMs) => Math.max(timeoutMs, 60_000) * 2 + 60_000,
};

/** What the controller knows of an action when it is invoked. */
export interface StockAction {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly binding?: string;
  readonly revision: string | null;
  readonly memoryMegabytes: number;
  readonly timeoutMs: number;
}

export interface StockUser {
  readonly subject: string;
  readonly namespace: { readonly name: string; readonly uuid: string };
  readonly authkey: { readonly api_key: string };
  readonly rights: readonly string[];
  readonly limits: Readonly<Record<string, unknown>>;
}

export interface Invocation {
  readonly blocking?: boolean;
  readonly content?: unknown;
  readonly user?: StockUser;
  readonly initArgs?: readonly string[];
  readonly lockedArgs?: Readonly<Record<string, string>>;
  readonly cause?: string;
  /** In place of now. */
  readonly startedAt?: number;
}

/** How an activation ended, as far as the controller saw it when the slot was freed. */
export interface Completed {
  readonly activationId: string;
  readonly transid: readonly unknown[];
  readonly invoker: number;
  /** In the order in which they came. */
  readonly acknowledgements: readonly StrictAcknowledgement[];
  /** The result that a waiting caller gets; undefined when it was shrunk or nobody waited. */
  readonly record: StrictActivation | undefined;
  readonly isForced: boolean;
  readonly isSystemError: boolean;
}

export const guest: StockUser = {
  subject: 'guest',
  namespace: { name: 'guest', uuid: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502' },
  authkey: { api_key: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:guest-key' },
  rights: ['READ', 'PUT', 'DELETE', 'ACTIVATE'],
  limits: {},
};

interface Entry {
  readonly action: StockAction;
  readonly transid: readonly unknown[];
  readonly invoker: number;
  readonly acknowledgements: StrictAcknowledgement[];
  readonly resolve: (completed: Completed) => void;
  readonly timer: NodeJS.Timeout;
}

interface KnownInvoker {
  readonly health: InvokerHealth;
  freeMegabytes: number;
  lastTestAt: number;
}

export interface StockControllerOptions {
  readonly bus: Bus;
  readonly id: string;
  readonly timing?: Partial<StockTiming>;
  /** In place of the topic's own limit. */
  readonly maxMessageBytes?: number;
}

export class StockController {
  readonly invokers: KnownInvoker[] = [];
  /** Records of `completed` and `health` that could not be read, as the Scala controller would have logged and dropped them. */
  readonly dropped: string[] = [];
  /** Acknowledgements that no entry was waiting for: late ones and second ones. */
  readonly unexpected: StrictAcknowledgement[] = [];
  private readonly bus: Bus;
  private readonly id: string;
  private readonly timing: StockTiming;
  private readonly maxMessageBytes: number;
  private readonly healthTransid: readonly unknown[] = ['sid_invokerHealth', Date.now() - 12_345];
  private readonly entries = new Map<string, Entry>();
  private readonly watchers = new Set<() => void>();
  private subscriptions: Subscription[] = [];
  private ticker: NodeJS.Timeout | undefined;

  constructor({ bus, id, timing, maxMessageBytes }: StockControllerOptions) {
    this.bus = bus;
    this.id = id;
    this.timing = { ...stockTiming, ...timing };
    this.maxMessageBytes = maxMessageBytes ?? openWhiskTopicSettings.completed.maxMessageBytes;
  }

  async start(): Promise<void> {
    const completed = `completed${this.id}`;
    await this.bus.ensureTopic(completed, { ...openWhiskTopicSettings.completed, maxMessageBytes: this.maxMessageBytes });
    await this.bus.ensureTopic('health', openWhiskTopicSettings.health);
    await this.bus.ensureTopic('cacheInvalidation', openWhiskTopicSettings.cacheInvalidation);
    await this.bus.ensureTopic('events', openWhiskTopicSettings.events);
    const onError = (error: unknown): void => {
      this.dropped.push(String(error));
    };
    this.subscriptions = [
      await this.bus.subscribe({ topic: completed, group: completed, from: 'earliest', handle: (record) => this.takeAcknowledgement(record), onError }),
      await this.bus.subscribe({ topic: 'health', group: `health${this.id}`, from: 'earliest', handle: (record) => this.takePing(record), onError }),
    ];
    this.ticker = setInterval(() => {
      this.tick();
    }, 200);
  }

  async stop(): Promise<void> {
    clearInterval(this.ticker);
    for (const { timer } of this.entries.values()) clearTimeout(timer);
    await Promise.all(this.subscriptions.splice(0).map((subscription) => subscription.close()));
  }

  stateOf(invoker: number): HealthState | undefined {
    return this.invokers[invoker]?.health.state;
  }

  get pendingCount(): number {
    return this.entries.size;
  }

  /** Resolves when the condition holds; looked at after everything the controller hears. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.watchers.delete(watcher);
          resolve();
        };
        this.watchers.add(watcher);
      });
    }
  }

  /** @throws when no invoker is up, as the controller answers 503 then */
  invoke(action: StockAction, invocation: Invocation = {}): { readonly activationId: string; readonly invoker: number; readonly completed: Promise<Completed> } {
    const activationId = randomUUID().replaceAll('-', '');
    const user = invocation.user ?? guest;
    const invoker = this.schedule(user.namespace.name, action);
    const transid = [randomUUID().replaceAll('-', ''), invocation.startedAt ?? Date.now()];
    const message = {
      transid,
      action: { path: action.path, name: action.name, version: action.version, ...(action.binding === undefined ? {} : { binding: action.binding }) },
      revision: action.revision,
      user,
      activationId,
      rootControllerIndex: { asString: this.id, instanceType: 'controller' },
      blocking: invocation.blocking ?? true,
      ...(invocation.content === undefined ? {} : { content: invocation.content }),
      initArgs: invocation.initArgs ?? [],
      lockedArgs: invocation.lockedArgs ?? {},
      ...(invocation.cause === undefined ? {} : { cause: invocation.cause }),
    };
    const completed = new Promise<Completed>((resolve) => {
      const timer = setTimeout(() => {
        this.complete(activationId, undefined);
      }, this.timing.forcedCompletionMs(action.timeoutMs));
      this.entries.set(activationId, { action, transid, invoker, acknowledgements: [], resolve, timer });
    });
    // A send that fails frees nothing: only the timeout does.
    void this.bus.publish(`invoker${invoker}`, JSON.stringify(message)).catch(() => undefined);
    return { activationId, invoker, completed };
  }

  /** The first invoker of the probe order that is up and has the memory; any that is up when none has (overload). */
  private schedule(namespace: string, action: StockAction): number {
    const up = (index: number): KnownInvoker | undefined => (this.stateOf(index) === 'up' ? this.invokers[index] : undefined);
    const order = probeOrder(namespace, `${action.path}/${action.name}`, this.invokers.length);
    const home = order.find((index) => (up(index)?.freeMegabytes ?? 0) >= action.memoryMegabytes);
    const healthy = order.filter((index) => up(index) !== undefined);
    const chosen = home ?? healthy[Math.floor(Math.random() * healthy.length)];
    const invoker = chosen === undefined ? undefined : this.invokers[chosen];
    if (chosen === undefined || invoker === undefined) throw new Error('No invokers available');
    invoker.freeMegabytes -= action.memoryMegabytes;
    return chosen;
  }

  private takePing(record: BusRecord): void {
    const ping = strictPingSchema.safeParse(JSON.parse(record.value ?? ''));
    if (!ping.success) {
      this.dropped.push(record.value ?? '');
      return;
    }
    const { instance, userMemory } = ping.data.name;
    const megabytes = Number(/\d+/.exec(userMemory)?.[0]) / 1024 / 1024;
    // Placeholders for the numbers below, offline, with this one's memory.
    for (let index = this.invokers.length; index <= instance; index += 1) {
      this.invokers.push({ health: new InvokerHealth(this.timing.silenceMs), freeMegabytes: megabytes, lastTestAt: -Infinity });
    }
    const isDue = this.invokers[instance]?.health.ping(ping.data.isEnabled ?? true, Date.now());
    if (isDue === true) this.test(instance);
    this.notify();
  }

  private takeAcknowledgement(record: BusRecord): void {
    let acknowledgement: StrictAcknowledgement;
    try {
      acknowledgement = readStrictly(record.value ?? '');
    } catch {
      this.dropped.push(record.value ?? '');
      this.notify();
      return;
    }
    const activationId = 'activationId' in acknowledgement ? acknowledgement.activationId : idOf(acknowledgement.response);
    const entry = this.entries.get(activationId);
    if (entry !== undefined) {
      entry.acknowledgements.push(acknowledgement);
      if (acknowledgement.kind !== 'result') {
        this.judge(acknowledgement.instance.instance, acknowledgement.isSystemError === true ? 'systemError' : 'success');
        this.complete(activationId, acknowledgement.instance.instance);
      }
    } else if (acknowledgement.kind !== 'result' && JSON.stringify(acknowledgement.transid) === JSON.stringify(this.healthTransid)) {
      this.judge(acknowledgement.instance.instance, acknowledgement.isSystemError === true ? 'systemError' : 'success');
    } else {
      this.unexpected.push(acknowledgement);
    }
    this.notify();
  }

  /** @param invoker whose slot is freed; undefined: it never answered, and the slot of the one that was asked is freed */
  private complete(activationId: string, invoker: number | undefined): void {
    const entry = this.entries.get(activationId);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.entries.delete(activationId);
    const freed = this.invokers[invoker ?? entry.invoker];
    if (freed !== undefined) freed.freeMegabytes += entry.action.memoryMegabytes;
    if (invoker === undefined) this.judge(entry.invoker, 'timeout');
    const results = entry.acknowledgements.flatMap((ack) => ('response' in ack && typeof ack.response === 'object' ? [ack.response] : []));
    entry.resolve({
      activationId,
      transid: entry.transid,
      invoker: entry.invoker,
      acknowledgements: entry.acknowledgements,
      record: results[0],
      isForced: invoker === undefined,
      isSystemError: entry.acknowledgements.some((ack) => ack.kind !== 'result' && ack.isSystemError === true),
    });
    this.notify();
  }

  private judge(invoker: number, result: HealthResult): void {
    if (this.invokers[invoker]?.health.result(result, Date.now()) === true) this.test(invoker);
  }

  private tick(): void {
    const now = Date.now();
    this.invokers.forEach(({ health, lastTestAt }, invoker) => {
      health.tick(now);
      const isSick = health.state === 'unhealthy' || health.state === 'unresponsive';
      if (isSick && now - lastTestAt >= this.timing.testPeriodMs) this.test(invoker);
    });
    this.notify();
  }

  /** Sends the health test action as InvokerPool does. */
  private test(invoker: number): void {
    const known = this.invokers[invoker];
    if (known !== undefined) known.lastTestAt = Date.now();
    const uuid = '0d6f4b1e-3c55-4f5b-9a4e-7f0c2d1b8a90';
    const message = {
      transid: this.healthTransid,
      action: { path: 'whisk.system', name: `invokerHealthTestAction${this.id}`, version: '0.0.1' },
      revision: null,
      user: { subject: 'whisk.system', namespace: { name: 'whisk.system', uuid }, authkey: { api_key: `${uuid}:health` }, rights: [], limits: {} },
      activationId: randomUUID().replaceAll('-', ''),
      rootControllerIndex: { asString: this.id, instanceType: 'controller' },
      blocking: false,
      initArgs: [],
      lockedArgs: {},
    };
    void this.bus.publish(`invoker${invoker}`, JSON.stringify(message)).catch(() => undefined);
  }

  private notify(): void {
    for (const watcher of [...this.watchers]) watcher();
  }
}

function idOf(response: string | StrictActivation): string {
  return typeof response === 'string' ? response : response.activationId;
}
