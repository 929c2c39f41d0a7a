// A policy that knows all calls in advance: what a scheduler could reach that predicts perfectly. Containers fill the pool and
// stay; artifacts are loaded in the order in which they are needed; what is needed last goes first (Belady, 1966).
//
// Source: Belady's rule, applied to containers that hold several artifacts.
// Known limits: it is a policy that can be carried out, not a proven optimum (packing with sizes is NP-hard); it looks at each
// action's next calls, not at how runs of different actions collide. No policy can be below the floor that the measures give
// beside it.
import type { PolicyDefinition } from './policy.ts';
import { RivalPolicy, type RivalAction, type RivalContainer } from './rival-policy.ts';

/** Calls of an action that come closer together than this each need a place. */
const burstMs = 500;
const mostPlaces = 16;

class Clairvoyant extends RivalPolicy {
  private readonly nextIndex = new Map<RivalAction, number>();
  private readonly futures = new Map<RivalAction, readonly number[]>();

  protected override onDeployed(action: RivalAction): void {
    this.futures.set(action, this.input.arrivalsOf(action.key));
    this.nextIndex.set(action, 0);
    while (this.createSpare(action.memoryLimitBytes) !== undefined);
  }

  protected override onArrival(action: RivalAction): void {
    this.nextIndex.set(action, (this.nextIndex.get(action) ?? 0) + 1);
  }

  private nextUseOf(action: RivalAction): number {
    return this.input.replayStartsAt + (this.futures.get(action)?.[this.nextIndex.get(action) ?? 0] ?? Number.POSITIVE_INFINITY);
  }

  /** Calls that come within a burst of the next one. */
  private placesNeeded(action: RivalAction): number {
    const future = this.futures.get(action) ?? [];
    const first = this.nextIndex.get(action) ?? 0;
    const until = (future[first] ?? Number.POSITIVE_INFINITY) + burstMs;
    let count = 0;
    while (count < mostPlaces && (future[first + count] ?? Number.POSITIVE_INFINITY) < until) count += 1;
    return count;
  }

  protected override choose(action: RivalAction): RivalContainer | undefined {
    return this.ownIdle(action) ?? this.latestNeeded(action, (container) => container.residents.has(action)) ?? this.latestNeeded(action, (container) => container.loading === action) ?? this.latestNeeded(action, () => true);
  }

  /** Of the idle containers that fit, the one whose other contents are needed last. */
  private latestNeeded(action: RivalAction, fits: (container: RivalContainer) => boolean): RivalContainer | undefined {
    let best: { readonly container: RivalContainer; readonly at: number } | undefined;
    for (const container of this.idle) {
      if (container.memoryLimitBytes !== action.memoryLimitBytes || !fits(container)) continue;
      let at = container.action === undefined ? Number.POSITIVE_INFINITY : this.nextUseOf(container.action);
      for (const other of container.residents) if (other !== action) at = Math.min(at, this.nextUseOf(other));
      if (best === undefined || at > best.at) best = { container, at };
    }
    return best?.container;
  }

  protected override worthOf(container: RivalContainer): number {
    return container.action === undefined ? 0 : -this.nextUseOf(container.action);
  }

  protected override onStart(container: RivalContainer, action: RivalAction): void {
    if (container.action !== action && !container.residents.has(action)) this.leaveRoomFor(container, action);
  }

  protected override onIdle(): void {
    this.plan();
  }

  protected override onLoaded(): void {
    this.plan();
  }

  /** Loads what is needed next and has too few places, soonest first. */
  private plan(): void {
    const soonest = [...this.actions.values()].map((action) => ({ action, at: this.nextUseOf(action) })).sort((left, right) => left.at - right.at);
    for (const { action, at } of soonest) {
      if (at === Number.POSITIVE_INFINITY) return;
      for (let missing = this.placesNeeded(action) - this.placesOf(action); missing > 0; missing -= 1) if (!this.place(action, at)) break;
    }
  }

  private placesOf(action: RivalAction): number {
    let places = action.idleOwn.size;
    for (const container of this.containers.values()) {
      if (container.loading === action || (container.phase === 'idle' && container.residents.has(action))) places += 1;
    }
    return places;
  }

  private place(action: RivalAction, neededAt: number): boolean {
    let best: { readonly container: RivalContainer; readonly victims: readonly RivalAction[]; readonly lostAt: number } | undefined;
    for (const container of this.idle) {
      if (container.loading !== undefined || container.residents.has(action) || container.action === action || container.memoryLimitBytes !== action.memoryLimitBytes) continue;
      const victims = this.victimsIn(container, action);
      if (victims === undefined) continue;
      const lostAt = victims.reduce((soonest, victim) => Math.min(soonest, this.nextUseOf(victim)), Number.POSITIVE_INFINITY);
      if (lostAt <= neededAt) continue;
      if (best === undefined || lostAt > best.lostAt) best = { container, victims, lostAt };
    }
    if (best === undefined) {
      this.cleanFor(action, neededAt);
      return false;
    }
    for (const victim of best.victims) this.offload(best.container, victim);
    return this.load(best.container, action);
  }

  /** Where only a container's own action is in the way and is needed later: cleans the one whose own is needed last. */
  private cleanFor(action: RivalAction, neededAt: number): void {
    let best: { readonly container: RivalContainer; readonly at: number } | undefined;
    for (const container of this.idle) {
      const { action: own } = container;
      if (own === undefined || own === action || container.loading !== undefined || container.memoryLimitBytes !== action.memoryLimitBytes) continue;
      const at = this.nextUseOf(own);
      const isLater = at > neededAt && [...container.residents].every((other) => other !== action);
      if (isLater && this.roomIn(container) + own.residentBytes >= action.residentBytes && (best === undefined || at > best.at)) best = { container, at };
    }
    if (best !== undefined) this.clean(best.container);
  }

  /** Residents needed last first, until the action fits; undefined where it never does. */
  private victimsIn(container: RivalContainer, action: RivalAction): readonly RivalAction[] | undefined {
    let room = this.roomIn(container);
    const victims: RivalAction[] = [];
    const latestFirst = [...container.residents].sort((left, right) => this.nextUseOf(right) - this.nextUseOf(left));
    for (const victim of latestFirst) {
      if (room >= action.residentBytes) break;
      victims.push(victim);
      room += victim.residentBytes;
    }
    return room >= action.residentBytes ? victims : undefined;
  }

  /** A call that loads on its path: what does not fit beside it goes. */
  private leaveRoomFor(container: RivalContainer, action: RivalAction): void {
    const latestFirst = [...container.residents].sort((left, right) => this.nextUseOf(right) - this.nextUseOf(left));
    let missing = action.residentBytes - this.roomIn(container) - (container.action?.residentBytes ?? 0);
    for (const victim of latestFirst) {
      if (missing <= 0) return;
      this.offload(container, victim, 'memory-pressure');
      missing -= victim.residentBytes;
    }
  }
}

export const clairvoyant: PolicyDefinition = {
  name: 'clairvoyant',
  title: 'clairvoyant',
  source: 'Belady, 1966',
  looksAhead: true,
  create: (input) => new Clairvoyant(input),
};
