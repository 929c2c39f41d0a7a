// What is in a trace: how many functions and calls, how skewed, how regular. One pass, memory by the number of functions.
import type { OpenedTrace } from './open-trace.ts';
import { gapStatisticsOfCounts, regularityClasses, regularityOf, RunningMoments, type RegularityClass } from './regularity.ts';

export interface TraceInfo {
  readonly schema: string;
  readonly functions: number;
  readonly invocations: number;
  /** Minutes that the trace covers; null for totals of a day, which say nothing of when. */
  readonly minutes: number | null;
  /** Share of the calls that go to the tenth of the functions called most. */
  readonly topTenthShare: number;
  /** Functions by the regularity of their calls, those with fewer than two gaps apart; null for totals. */
  readonly functionsByRegularity: Readonly<Record<RegularityClass | 'too few calls', number>> | null;
  /** Mean run time over all calls, in ms; null where the trace does not tell. */
  readonly meanRunMs: number | null;
}

/** Reads the trace to its end. */
export async function traceInfoOf(trace: OpenedTrace): Promise<TraceInfo> {
  switch (trace.kind) {
    case 'counts':
      return infoOfCounts(trace);
    case 'totals':
      return infoOfTotals(trace);
    case 'invocations':
      return infoOfInvocations(trace);
  }
}

function emptyClasses(): Record<RegularityClass | 'too few calls', number> {
  return Object.fromEntries([...regularityClasses, 'too few calls'].map((name) => [name, 0])) as Record<RegularityClass | 'too few calls', number>;
}

async function infoOfCounts(trace: OpenedTrace & { kind: 'counts' }): Promise<TraceInfo> {
  const functionsByRegularity = emptyClasses();
  const calls: number[] = [];
  let minutes = 0;
  for await (const { countsPerMinute } of trace.functions) {
    minutes = countsPerMinute.length;
    const count = countsPerMinute.reduce((sum, value) => sum + value, 0);
    calls.push(count);
    const gaps = count < 3 ? undefined : gapStatisticsOfCounts(countsPerMinute);
    functionsByRegularity[gaps === undefined ? 'too few calls' : regularityOf(gaps.cv)] += 1;
  }
  return { schema: trace.schema, ...totalsOf(calls), minutes, functionsByRegularity, meanRunMs: null };
}

async function infoOfTotals(trace: OpenedTrace & { kind: 'totals' }): Promise<TraceInfo> {
  const calls: number[] = [];
  let runMs = 0;
  for await (const { count, averageMs } of trace.functions) {
    calls.push(count);
    runMs += count * averageMs;
  }
  const totals = totalsOf(calls);
  return { schema: trace.schema, ...totals, minutes: null, functionsByRegularity: null, meanRunMs: totals.invocations === 0 ? null : runMs / totals.invocations };
}

async function infoOfInvocations(trace: OpenedTrace & { kind: 'invocations' }): Promise<TraceInfo> {
  const gapsOf = new Map<string, { lastAtMs: number; readonly gaps: RunningMoments }>();
  const runs = new RunningMoments();
  let lastAtMs = 0;
  for await (const { functionKey, atMs, durationMs } of trace.invocations) {
    const known = gapsOf.get(functionKey);
    if (known === undefined) gapsOf.set(functionKey, { lastAtMs: atMs, gaps: new RunningMoments() });
    else {
      known.gaps.add(atMs - known.lastAtMs);
      known.lastAtMs = atMs;
    }
    if (durationMs !== undefined) runs.add(durationMs);
    lastAtMs = atMs;
  }
  const functionsByRegularity = emptyClasses();
  for (const { gaps } of gapsOf.values()) functionsByRegularity[gaps.count < 2 ? 'too few calls' : regularityOf(gaps.cv)] += 1;
  const calls = [...gapsOf.values()].map(({ gaps }) => gaps.count + 1);
  return { schema: trace.schema, ...totalsOf(calls), minutes: Math.ceil(lastAtMs / 60_000), functionsByRegularity, meanRunMs: runs.count === 0 ? null : runs.mean };
}

function totalsOf(calls: number[]): { functions: number; invocations: number; topTenthShare: number } {
  const invocations = calls.reduce((sum, count) => sum + count, 0);
  const top = calls.toSorted((left, right) => right - left).slice(0, Math.ceil(calls.length / 10));
  const topTenthShare = invocations === 0 ? 0 : top.reduce((sum, count) => sum + count, 0) / invocations;
  return { functions: calls.length, invocations, topTenthShare };
}
