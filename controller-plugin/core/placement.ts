// Which invokers should hold an action's artifacts under a stock controller: those that it will send the action to. It
// takes the home invoker while that is healthy and has room, then the next ones by the action's step.
import { defaultInvokerShares, invokerRange, probeOrder } from '../../common/home-invoker.ts';

/** A controller takes an invoker for offline after this long without a heartbeat (InvokerSupervision.scala). */
export const silentAfterMs = 10_000;

/** An invoker as placement sees it. */
export interface InvokerStanding {
  readonly invoker: number;
  readonly isHealthy: boolean;
  readonly userMemoryBytes: number;
}

export interface PlacementDemand {
  /** `namespace[/package]/name` of the provider. */
  readonly qualifiedName: string;
  /** The invoking namespace. */
  readonly caller: string;
  /** Memory of all containers that its calls will keep busy at once. */
  readonly busyBytes: number;
  /** Invokers that a notable share of its calls went to lately. */
  readonly seenAt: readonly number[];
}

/**
 * Memory that the calls of an action keep busy at once, with 95 % probability: in-flight calls are Poisson with mean
 * λ·duration (Little's law, infinite servers), of which the 95th percentile is about mean + 1.645·√mean.
 * Worked: 2 calls a second of 1.5 s: mean 3, so 5.8, that is 6 containers; at 512 MB each 3 GB.
 */
export function busyBytesOf(arrivalRatePerMs: number, durationMs: number, memoryBytes: number): number {
  const mean = arrivalRatePerMs * durationMs;
  return Math.max(1, Math.ceil(mean + 1.645 * Math.sqrt(mean))) * memoryBytes;
}

/**
 * The invokers, in ascending order: healthy ones in the controller's order of asking until the demand fits into their
 * memory, and the healthy ones that it is seen at. Empty where no invoker is healthy.
 *
 * An id that was never heard of below the highest one is a placeholder that the controller counts, too: it is unhealthy.
 */
export function placementOf(demand: PlacementDemand, invokers: readonly InvokerStanding[]): number[] {
  const known = new Map(invokers.map((standing) => [standing.invoker, standing]));
  const count = Math.max(-1, ...known.keys()) + 1;
  const { to } = invokerRange(count, false, defaultInvokerShares);
  const chosen = new Set<number>();
  let missingBytes = demand.busyBytes;
  for (const index of probeOrder(demand.caller, demand.qualifiedName, to)) {
    const standing = known.get(index);
    if (standing?.isHealthy !== true) continue;
    chosen.add(index);
    missingBytes -= standing.userMemoryBytes;
    if (missingBytes <= 0) break;
  }
  for (const invoker of demand.seenAt) if (known.get(invoker)?.isHealthy === true) chosen.add(invoker);
  return [...chosen].toSorted((a, b) => a - b);
}
