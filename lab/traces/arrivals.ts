// Turns counts per minute into arrivals: seeded, reproducible, sorted. It knows nothing of files or of who replays them.
import { createRandom, type Random } from '../../common/random.ts';
import type { AssignedFunction } from './assign-actions.ts';

/** `exact`: as many as the trace says. `script`: as InstaInfer's replay script fires them. */
export const arrivalModes = ['exact', 'script'] as const;
export type ArrivalMode = (typeof arrivalModes)[number];

export interface Arrival {
  /** Milliseconds from the start of the replay, in whole microseconds. */
  readonly atMs: number;
  readonly action: string;
}

export interface ArrivalsInput {
  readonly functions: readonly AssignedFunction[];
  readonly mode: ArrivalMode;
  readonly seed: number;
  /** The replay runs this many times as fast as the trace: arrival times are divided by it. */
  readonly speed: number;
}

const minuteMs = 60_000;
const secondsOfMinute = 60;

/**
 * Arrivals sorted by time; equal times keep the order of the functions. Each function draws from a stream of its own, so
 * that adding a function to a trace moves no arrival of the others.
 */
export function generateArrivals(input: ArrivalsInput): Arrival[] {
  const { functions, mode, seed, speed } = input;
  const timesOfMinute = mode === 'exact' ? exactTimesOfMinute : scriptTimesOfMinute;
  const arrivals = functions.flatMap(({ functionKey, action, countsPerMinute }) => {
    const random = createRandom(seed, `arrivals of ${functionKey}`);
    return countsPerMinute.flatMap((count, minute) =>
      timesOfMinute(count, random).map((offsetMs) => ({
        atMs: Math.round(((minute * minuteMs + offsetMs) / speed) * 1000) / 1000,
        action,
      })),
    );
  });
  return arrivals.sort((a, b) => a.atMs - b.atMs);
}

/** `count` times, uniform over the minute: what a Poisson process looks like once its count is known. */
function exactTimesOfMinute(count: number, random: Random): number[] {
  return Array.from({ length: count }, () => random.uniformBetween(0, minuteMs));
}

/**
 * InstaInfer's `demo/Excute_from_trace_5min.py`: one pass each second; a function fires in every ⌊60 / count⌋th second, and
 * each firing comes uniformly one to three seconds late. A count of 21 gives an interval of 2 s and so 30 firings; 7 gives
 * 8 s and so 8. The script would divide by zero above 60 a minute; here such a function fires in every second.
 */
function scriptTimesOfMinute(count: number, random: Random): number[] {
  if (count === 0) return [];
  const intervalSeconds = Math.max(1, Math.floor(secondsOfMinute / count));
  const firings = Math.ceil(secondsOfMinute / intervalSeconds);
  return Array.from({ length: firings }, (_, index) => index * intervalSeconds * 1000 + random.uniformBetween(1000, 3000));
}
