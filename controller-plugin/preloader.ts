// The Proactive Pre-loader's shell: what the observer sees goes into the core, the plans that the core makes go out, and the
// histories are kept. It is never on the path of a call.
import type { ActionCatalog } from '../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../common/action-identity.ts';
import type { Bus } from '../common/bus/bus.ts';
import type { CancelTimer, Clock } from '../common/clock.ts';
import type { Logger } from '../common/logger.ts';
import { compactedTopicSettings } from '../common/messages/topics.ts';
import type { PreloaderConfig } from './core/config.ts';
import type { PreloaderEvent } from './core/events.ts';
import { createState, type PreloaderState } from './core/state.ts';
import { makePlan, record, restoreHistories } from './core/step.ts';
import { HistoryKeeper } from './observer/history-keeper.ts';
import { Observer, type ArrivalSource } from './observer/observer.ts';
import { PlanPublisher } from './plan-publisher.ts';
import { planTopic } from './protocol.ts';

export interface PreloaderOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly catalog: ActionCatalog;
  /** Ids of the invokers whose topics are read from the start; others are found by their heartbeats. */
  readonly invokers: readonly number[];
  readonly config: PreloaderConfig;
  readonly arrivalsFrom?: ArrivalSource;
  /** How often histories are kept beyond this process's life; absent: never, as where the bus does not outlive it either. */
  readonly keepHistoriesEveryMs?: number;
}

/** Least time between two plans of one action. */
const planIntervalMs = 100;
/** How often invokers are looked at for silence. */
const tickMs = 1_000;
/** A tick this late means that this process was held up, not that the invokers were silent. */
const lateTickMs = 3_000;

export class Preloader {
  private readonly options: PreloaderOptions;
  private readonly observer: Observer;
  private readonly publisher: PlanPublisher;
  private readonly keeper?: HistoryKeeper;
  private readonly state: PreloaderState = createState();
  private cancelTick: CancelTimer | undefined;
  private lastTickAt = 0;
  /** Arrivals observed since the start. */
  arrivals = 0;

  constructor(options: PreloaderOptions) {
    const { bus, clock, logger, catalog, invokers, config } = options;
    this.options = options;
    this.observer = new Observer({
      bus,
      clock,
      logger,
      catalog,
      invokers,
      arrivalsFrom: options.arrivalsFrom ?? 'topics',
      newestKey: (name) => this.state.newestKeys.get(name),
      knownKeys: (name) => [...this.state.histories.keys()].filter((key) => key.includes(name) && parseActionKey(key).qualifiedName === name),
      allKeys: () => this.state.histories.keys(),
      onFact: (fact) => {
        this.take(fact);
      },
    });
    this.publisher = new PlanPublisher({ bus, clock, logger, intervalMs: planIntervalMs, planOf: (key) => makePlan(this.state, key, config) });
    const intervalMs = options.keepHistoriesEveryMs;
    if (intervalMs === undefined) return;
    this.keeper = new HistoryKeeper({ bus, clock, logger, intervalMs, historyOf: (key) => this.state.histories.get(key), markPlaces: () => this.observer.markPlaces() });
  }

  /** Remembers what the last planner knew, then reads on from where it was. */
  async start(): Promise<void> {
    const { bus, clock, config, logger } = this.options;
    await bus.ensureTopic(planTopic, compactedTopicSettings);
    if (this.keeper !== undefined) {
      const { histories, dropped } = await this.keeper.restore(config.mostActions);
      restoreHistories(this.state, histories);
      // Nobody would ever hear again of an action of which only the records are left.
      for (const key of dropped) this.forgotten(key);
      logger.info({ actions: this.state.histories.size }, 'histories restored');
    }
    await this.observer.start();
    this.keeper?.start();
    this.lastTickAt = clock.now();
    if (config.placeActions) this.armTick();
  }

  /** What was observed is planned and kept when this resolves. */
  async stop(): Promise<void> {
    this.cancelTick?.();
    await this.keeper?.stop();
    await this.observer.stop();
    await this.publisher.stop();
  }

  /** For views, metrics and tests; not to be changed. */
  get view(): { readonly state: Readonly<PreloaderState>; readonly plansPublished: number; readonly plansWaiting: number; readonly historiesKeptAt: number | undefined; readonly unreadable: ReadonlyMap<string, number> } {
    return {
      state: this.state,
      plansPublished: this.publisher.published,
      plansWaiting: this.publisher.waiting,
      historiesKeptAt: this.keeper?.keptAt,
      unreadable: this.observer.unreadable,
    };
  }

  /** Records that wait to be read, by topic. */
  lag(): Promise<Map<string, number>> {
    return this.observer.lag();
  }

  private take(fact: PreloaderEvent): void {
    if (fact.type === 'arrivalObserved') this.arrivals += 1;
    const { changed, forgotten } = record(this.state, fact, this.options.config);
    for (const key of changed) this.publisher.touch(key);
    for (const key of forgotten) this.forgotten(key);
    // A heartbeat changes plans, never histories.
    if ('actionKey' in fact) this.keeper?.touch(fact.actionKey);
  }

  /** Its plan and its history go off their topics. */
  private forgotten(key: ActionKey): void {
    this.publisher.touch(key);
    this.keeper?.touch(key);
  }

  private armTick(): void {
    const { clock } = this.options;
    this.cancelTick = clock.setTimer(clock.now() + tickMs, () => {
      const at = clock.now();
      if (at - this.lastTickAt < lateTickMs) this.take({ type: 'ticked', at });
      this.lastTickAt = at;
      this.armTick();
    });
  }
}

