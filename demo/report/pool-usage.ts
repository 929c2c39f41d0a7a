// What a run cost and did, counted from its journal: containers, their memory over time, loads, off-loads, evictions.
// Live and simulated runs write the same journal, so they are counted by the same code.
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { JournalEntry } from '../../invoker-plugin/journal.ts';
import { roundTo } from '../../common/statistics.ts';

/** Epoch milliseconds between which memory is counted: the replay, without deploying and shutting down. */
export interface UsageWindow {
  readonly fromAt: number;
  readonly toAt: number;
}

export interface PoolUsage {
  /** Containers created in the whole run, deployment included. */
  readonly containersCreated: number;
  /** Most containers that existed at once within the window, starting ones included. */
  readonly peakContainers: number;
  /** Σ lifetime of containers within the window. */
  readonly containerSeconds: number;
  /** Σ lifetime × memory limit within the window, in GiB·s: what an operator pays for. */
  readonly memoryGibSeconds: number;
  /** Loads ahead of time in the whole run, by the scheduler's reason. */
  readonly loadsByReason: Readonly<Record<string, number>>;
  readonly loadsSucceeded: number;
  readonly loadsFailedByReason: Readonly<Record<string, number>>;
  readonly offloadsByReason: Readonly<Record<string, number>>;
  readonly containersRemovedByReason: Readonly<Record<string, number>>;
  /** Off-loads and removals that made room for something else. */
  readonly evictions: number;
}

interface Lifetime {
  readonly memoryLimitBytes: number;
  readonly from: number;
  to: number;
}

const bytesPerGib = 1024 ** 3;

export function poolUsageOf(entries: readonly JournalEntry[], window: UsageWindow): PoolUsage {
  const lifetimes = lifetimesOf(entries);
  const within = [...lifetimes.values()]
    .map(({ memoryLimitBytes, from, to }) => ({ memoryLimitBytes, from: Math.max(from, window.fromAt), to: Math.min(to, window.toAt) }))
    .filter(({ from, to }) => to > from);
  const commands = entries.flatMap((entry) => entry.commands);
  const events = entries.map((entry) => entry.event);
  const offloadsByReason = countReasons(commands, 'offload');
  const containersRemovedByReason = countReasons(commands, 'removeContainer');
  return {
    containersCreated: lifetimes.size,
    peakContainers: peakOf(within),
    containerSeconds: roundTo(within.reduce((sum, { from, to }) => sum + (to - from), 0) / 1000, 3),
    memoryGibSeconds: roundTo(
      within.reduce((sum, { from, to, memoryLimitBytes }) => sum + ((to - from) / 1000) * (memoryLimitBytes / bytesPerGib), 0),
      3,
    ),
    loadsByReason: countReasons(commands, 'load'),
    loadsSucceeded: events.filter((event) => event.type === 'loadSucceeded').length,
    loadsFailedByReason: countReasons(events, 'loadFailed'),
    offloadsByReason,
    containersRemovedByReason,
    evictions: (offloadsByReason['evicted-for-value'] ?? 0) + (containersRemovedByReason['evicted-for-activation'] ?? 0),
  };
}

/** A container takes its memory from the command that creates it until the event that says it is gone. */
function lifetimesOf(entries: readonly JournalEntry[]): Map<string, Lifetime> {
  const lifetimes = new Map<string, Lifetime>();
  for (const { event, commands } of entries) {
    if (event.type === 'containerRemoved') {
      const lifetime = lifetimes.get(event.containerId);
      if (lifetime !== undefined) lifetime.to = event.at;
    }
    for (const command of commands) {
      if (command.type !== 'createContainer') continue;
      const { containerId, memoryLimitBytes } = command;
      lifetimes.set(containerId, { memoryLimitBytes, from: event.at, to: Number.POSITIVE_INFINITY });
    }
  }
  return lifetimes;
}

/** Ends come before beginnings of the same moment: a container that replaces another never coexists with it. */
function peakOf(intervals: readonly { readonly from: number; readonly to: number }[]): number {
  const changes = intervals
    .flatMap(({ from, to }) => [{ at: from, change: 1 }, { at: to, change: -1 }])
    .sort((a, b) => a.at - b.at || a.change - b.change);
  let current = 0;
  let peak = 0;
  for (const { change } of changes) {
    current += change;
    peak = Math.max(peak, current);
  }
  return peak;
}

function countReasons(
  records: readonly (SchedulerCommand | SchedulerEvent)[],
  type: (SchedulerCommand | SchedulerEvent)['type'],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const record of records) {
    if (record.type !== type || !('reason' in record)) continue;
    counts[record.reason] = (counts[record.reason] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}
