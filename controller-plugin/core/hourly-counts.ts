// Arrivals by the hour over the last week: what a rate over any longer time rests on, in a bounded number of counters.

export const hourMs = 3_600_000;
/** Hours that are remembered: a week. */
export const mostHours = 168;

export interface HourlyCounts {
  /** Hours since the epoch of the newest counter. */
  lastHour: number;
  /** One counter an hour, the newest last; hours before the first arrival have none. */
  counts: number[];
}

export function noCounts(): HourlyCounts {
  return { lastHour: 0, counts: [] };
}

/** Counts an arrival in its hour; one from before the week that is remembered is not counted. */
export function countArrival(hourly: HourlyCounts, at: number): void {
  const hour = Math.floor(at / hourMs);
  if (hourly.counts.length === 0) hourly.lastHour = hour - 1;
  if (hour > hourly.lastHour + mostHours) hourly.counts.length = 0;
  for (let next = Math.max(hourly.lastHour, hour - mostHours) + 1; next <= hour; next += 1) hourly.counts.push(0);
  hourly.lastHour = Math.max(hourly.lastHour, hour);
  if (hourly.counts.length > mostHours) hourly.counts.splice(0, hourly.counts.length - mostHours);
  const age = hourly.lastHour - hour;
  if (age >= mostHours) return;
  while (hourly.counts.length <= age) hourly.counts.unshift(0);
  const index = hourly.counts.length - 1 - age;
  hourly.counts[index] = (hourly.counts[index] ?? 0) + 1;
}

/** Arrivals in the hour of `now` and the `hours − 1` before it. */
export function arrivalsInLastHours({ lastHour, counts }: HourlyCounts, now: number, hours: number): number {
  const firstHour = Math.floor(now / hourMs) - hours + 1;
  const from = Math.max(0, counts.length - 1 - (lastHour - firstHour));
  let sum = 0;
  for (let index = from; index < counts.length; index += 1) sum += counts[index] ?? 0;
  return sum;
}
