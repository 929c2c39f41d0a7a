// An action's history as it is kept on a compacted topic of our own, so that a new planner knows what the last one knew.
import { z } from 'zod';
import type { DeepReadonly } from '../../common/deep-readonly.ts';
import { createHistogram } from '../core/histogram.ts';
import { mostHours } from '../core/hourly-counts.ts';
import { mostGaps } from '../core/rate.ts';
import { copiedParts, type ArrivalHistory } from '../core/state.ts';

/** Compacted, keyed by action key. */
export const historyTopic = 'instainfer-history';

const count = z.number().int().nonnegative();
const durationMs = z.number().nonnegative();

export const historyRecordSchema = z.object({
  formatVersion: z.literal(1),
  actionKey: z.string().min(1),
  firstArrivalAt: z.number().optional(),
  lastArrivalAt: z.number().optional(),
  deployedAt: z.number(),
  gapsMs: z.array(durationMs).max(mostGaps),
  histogram: z.object({ bins: z.array(count).length(createHistogram().bins.length), counted: count, outOfBounds: count }),
  hourly: z.object({ lastHour: z.number().int(), counts: z.array(count).max(mostHours) }),
  times: z.object({ count, durationMs, waitMs: z.number(), coldCount: count, initMs: durationMs }),
  invokers: z.array(z.tuple([count, z.number().nonnegative()])),
  readTo: z.array(z.tuple([z.string(), count])),
  memoryMegabytes: z.number().positive().optional(),
});
export type HistoryRecord = DeepReadonly<z.infer<typeof historyRecordSchema>>;

export function historyRecordOf(actionKey: string, history: ArrivalHistory): HistoryRecord {
  const { firstArrivalAt, lastArrivalAt, memoryMegabytes, placedOn: _placedOn, gapModel: _gapModel, following: _following, invokers, readTo, ...rest } = history;
  return {
    formatVersion: 1,
    actionKey,
    ...rest,
    ...(firstArrivalAt === undefined ? {} : { firstArrivalAt }),
    ...(lastArrivalAt === undefined ? {} : { lastArrivalAt }),
    ...(memoryMegabytes === undefined ? {} : { memoryMegabytes }),
    invokers: [...invokers],
    readTo: [...readTo],
  };
}

/** A history of its own: the record may be shared, and a history changes. */
export function historyOfRecord(record: HistoryRecord): ArrivalHistory {
  const { firstArrivalAt, lastArrivalAt, deployedAt, memoryMegabytes } = record;
  return { ...copiedParts(record), firstArrivalAt, lastArrivalAt, deployedAt, memoryMegabytes, placedOn: undefined };
}
