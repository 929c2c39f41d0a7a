// FaasCache: keeping a container alive is caching it. Containers stay until memory is short; then the one of lowest priority
// goes, by the Greedy-Dual-Size-Frequency rule: priority = clock + frequency × cost / size.
//
// Source: Fuerst and Sharma, "FaasCache: Keeping Serverless Computing Alive with Greedy-Dual Caching", ASPLOS 2021, §4.1:
// the clock is the priority of the container evicted last; frequency counts the calls of a function and is 0 again once its
// last container is gone; cost is the time a cold start takes longer than a warm one; size is the container's memory. A
// container gets its priority with the clock at its last use; among equals the one used longest ago goes first.
// Known differences: cost is container start, initialisation and loading as estimated at deployment, not the running
// maximum of observed cold minus warm times; containers are evicted one by one as they are needed, not ahead in batches.
import { RivalPolicy, type RivalAction, type RivalContainer } from './rival-policy.ts';
import type { PolicyDefinition } from './policy.ts';

/** Start of a container beside the load; the same for all functions, so that small functions are not worth nothing. */
const assumedStartMs = 500;

/** Ties are broken by time of last use; far below any difference that matters. */
const tieBreak = 1e-12;

export class FaasCache extends RivalPolicy {
  private clock = 0;
  private readonly frequency = new Map<RivalAction, number>();
  private readonly containerCount = new Map<RivalAction, number>();
  private readonly clockAtUse = new Map<RivalContainer, number>();

  protected override onStart(container: RivalContainer, action: RivalAction): void {
    this.frequency.set(action, (this.frequency.get(action) ?? 0) + 1);
    if (container.action !== action) this.containerCount.set(action, (this.containerCount.get(action) ?? 0) + 1);
    this.clockAtUse.set(container, this.clock);
  }

  protected override onIdle(): void {}

  protected override worthOf(container: RivalContainer): number {
    return this.priorityOf(container) + tieBreak * container.lastUsedAt;
  }

  /** clock at last use + frequency × cost / size, with cost in ms and size in MiB. */
  priorityOf(container: RivalContainer): number {
    const { action } = container;
    if (action === undefined) return 0;
    const cost = assumedStartMs + action.loadMs;
    return (this.clockAtUse.get(container) ?? 0) + ((this.frequency.get(action) ?? 0) * cost) / (container.memoryLimitBytes / 2 ** 20);
  }

  protected override onRemoving(container: RivalContainer): void {
    this.clock = Math.max(this.clock, this.priorityOf(container));
    this.clockAtUse.delete(container);
    const { action } = container;
    if (action === undefined) return;
    const left = (this.containerCount.get(action) ?? 1) - 1;
    this.containerCount.set(action, left);
    if (left === 0) this.frequency.set(action, 0);
  }
}

export const faasCache: PolicyDefinition = {
  name: 'faascache',
  title: 'FaasCache, greedy-dual',
  source: 'Fuerst and Sharma, ASPLOS 2021',
  looksAhead: false,
  create: (input) => new FaasCache(input),
};
