// Keeps the histories beyond the life of this process: on a compacted topic, a bounded number a second, and only then the
// place up to which the topics were read. So what a crash loses is read again, and what is read again counts once.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Bus } from '../../common/bus/bus.ts';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { encode } from '../../common/messages/codec.ts';
import { RecordReader } from '../../common/messages/record-reader.ts';
import { compactedTopicSettings } from '../../common/messages/topics.ts';
import type { ArrivalHistory } from '../core/state.ts';
import { historyOfRecord, historyRecordOf, historyRecordSchema, historyTopic, type HistoryRecord } from './history-record.ts';

export interface HistoryKeeperOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly historyOf: (actionKey: ActionKey) => ArrivalHistory | undefined;
  /** Marks the places that were read to; what it returns makes them those to go on from. */
  readonly markPlaces: () => Promise<() => Promise<void>>;
  /** Between the end of one round and the start of the next. */
  readonly intervalMs: number;
}

/** Records published at once, and the pause after them: at most a thousand a second, some 2 MB. */
const batchSize = 100;
const batchPauseMs = 100;

export class HistoryKeeper {
  private readonly options: HistoryKeeperOptions;
  private changed = new Set<ActionKey>();
  private cancelTimer: (() => void) | undefined;
  private round: Promise<void> | undefined;
  private stopping = false;
  /** When everything read by then had been kept; epoch ms. */
  keptAt = 0;

  constructor(options: HistoryKeeperOptions) {
    this.options = options;
  }

  /** What earlier planners kept, oldest first: `mostRecords` of the newest ones, and which are one too many. */
  async restore(mostRecords: number): Promise<{ readonly histories: ReadonlyMap<ActionKey, ArrivalHistory>; readonly dropped: ReadonlySet<ActionKey> }> {
    const { bus, logger } = this.options;
    await bus.ensureTopic(historyTopic, compactedTopicSettings);
    const reader = new RecordReader(logger);
    const histories = new Map<ActionKey, ArrivalHistory>();
    const dropped = new Set<ActionKey>();
    const take = (key: ActionKey, record: HistoryRecord | undefined): void => {
      histories.delete(key);
      dropped.delete(key);
      if (record !== undefined) histories.set(key, historyOfRecord(record));
      const oldest = histories.keys().next();
      if (histories.size <= mostRecords || oldest.done === true) return;
      histories.delete(oldest.value);
      dropped.add(oldest.value);
    };
    const subscription = await bus.subscribe({
      topic: historyTopic,
      from: 'earliest',
      handle: (record) => {
        if (record.key !== null) take(record.key, record.value === null ? undefined : reader.read(historyRecordSchema, record));
      },
      onError: (error, record) => {
        logger.error({ topic: record.topic, offset: record.offset, reason: describeError(error) }, 'a record could not be handled');
      },
    });
    while ((await subscription.lag()) > 0) await this.pause(batchPauseMs);
    await subscription.close();
    return { histories, dropped };
  }

  start(): void {
    this.arm();
  }

  /** The history has changed (or was forgotten) since it was last kept. */
  touch(actionKey: ActionKey): void {
    this.changed.add(actionKey);
  }

  /** Keeps everything that has changed and the places. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.cancelTimer?.();
    await this.round;
    await this.keep();
  }

  private arm(): void {
    if (this.stopping) return;
    this.cancelTimer = this.options.clock.setTimer(this.options.clock.now() + this.options.intervalMs, () => {
      this.round = this.keep().finally(() => {
        this.arm();
      });
    });
  }

  private async keep(): Promise<void> {
    const { clock, logger, markPlaces } = this.options;
    const changed = this.changed;
    try {
      // Marked first: whatever is observed while the histories go out is not part of this round's promise.
      const keepPlaces = await markPlaces();
      const startedAt = clock.now();
      this.changed = new Set();
      const keys = [...changed];
      for (let from = 0; from < keys.length; from += batchSize) {
        await Promise.all(keys.slice(from, from + batchSize).map((key) => this.publish(key)));
        if (!this.stopping && from + batchSize < keys.length) await this.pause(batchPauseMs);
      }
      await keepPlaces();
      this.keptAt = startedAt;
    } catch (error) {
      for (const key of changed) this.changed.add(key);
      logger.warn({ reason: describeError(error), actions: changed.size }, 'histories could not be kept; they are tried again');
    }
  }

  private async publish(actionKey: ActionKey): Promise<void> {
    const history = this.options.historyOf(actionKey);
    await this.options.bus.publish(historyTopic, history === undefined ? null : encode(historyRecordOf(actionKey, history)), actionKey);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.options.clock.setTimer(this.options.clock.now() + ms, resolve);
    });
  }
}
