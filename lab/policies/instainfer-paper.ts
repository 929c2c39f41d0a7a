// InstaInfer as its paper states it: arrivals are taken to be Poisson; a function is loaded once its next call is 6 % likely,
// off-loaded once it is 94 % overdue; what is loaded goes into idle containers by expected saved latency.
//
// Source: Sui et al., "Pre-Warming is Not Enough", SoCC 2024, §4: λ = W / T_w over the last W = 10 calls;
// T_load = −ln(1 − 0.06) / λ, T_offload = −ln(1 − 0.94) / λ after a call; value = arrival probability × loading latency,
// weight = memory of the loaded process, bins = idle containers; decided again when a function is called, a load is due, an
// off-load is due, a container becomes idle or goes. A call takes the container that holds its function, kills the others in
// it, and they are assigned elsewhere. Functions of one user only share a container.
// Known differences: the multiple knapsack is filled greedily by value over weight into the idle container with the least
// room that suffices (as its successor Tyche does; the paper's recurrence ignores weights); the probability is that of a
// call within a minute; the host policy is stock keep-alive, then a zygote for twice as long that any function may take
// (Pagurus as its code has it, its best host); no GPU.
import { arrivalQuantileMs } from '../../controller-plugin/core/windows.ts';
import type { PolicyDefinition } from './policy.ts';
import { stockKeepAliveMs } from './core-policy.ts';
import { RivalPolicy, type RivalAction, type RivalContainer } from './rival-policy.ts';

const windowLength = 10;
const loadProbability = 0.06;
const offloadProbability = 0.94;
const horizonMs = 60_000;
const zygoteFactor = 2;

interface Arrivals {
  /** Times of the last {@link windowLength} calls, oldest first. */
  readonly recent: number[];
  calls: number;
}

/** λ = W / T_w, per ms: W calls over the time between the first and the last of them; 0 for fewer than two. Worked: calls at 0, 30 and 60 s: 3 / 60 s. */
export function paperRatePerMs(recent: readonly number[]): number {
  const first = recent[0];
  const last = recent.at(-1);
  if (first === undefined || last === undefined || recent.length < 2) return 0;
  return recent.length / Math.max(1, last - first);
}

export class InstaInferPaper extends RivalPolicy {
  protected override readonly keepsResidents = false;
  private readonly arrivals = new Map<RivalAction, Arrivals>();
  private readonly zygotes = new Set<RivalContainer>();

  private arrivalsOf(action: RivalAction): Arrivals {
    let found = this.arrivals.get(action);
    if (found === undefined) {
      found = { recent: [], calls: 0 };
      this.arrivals.set(action, found);
    }
    return found;
  }

  protected override onArrival(action: RivalAction): void {
    const arrivals = this.arrivalsOf(action);
    arrivals.recent.push(this.now);
    if (arrivals.recent.length > windowLength) arrivals.recent.shift();
    arrivals.calls += 1;
    const rate = paperRatePerMs(arrivals.recent);
    if (rate === 0) return;
    const { calls } = arrivals;
    this.at(this.now + arrivalQuantileMs(loadProbability, rate), () => {
      if (arrivals.calls === calls) this.assign();
    });
    this.at(this.now + arrivalQuantileMs(offloadProbability, rate), () => {
      if (arrivals.calls !== calls) return;
      for (const container of this.idle) this.offload(container, action, 'offload-window');
      this.assign();
    });
  }

  protected override choose(action: RivalAction): RivalContainer | undefined {
    return this.ownIdle(action) ?? this.holderOf(action) ?? this.zygoteFor(action);
  }

  /** The idle container with the artifacts, of several the one in which the least else is lost. */
  private holderOf(action: RivalAction): RivalContainer | undefined {
    let best: RivalContainer | undefined;
    for (const container of this.idle) {
      if (!container.residents.has(action)) continue;
      if (best === undefined || this.valueIn(container) < this.valueIn(best)) best = container;
    }
    return best;
  }

  private zygoteFor(action: RivalAction): RivalContainer | undefined {
    let best: RivalContainer | undefined;
    for (const container of this.zygotes) {
      if (container.phase !== 'idle' || container.memoryLimitBytes !== action.memoryLimitBytes) continue;
      if (best === undefined || this.valueIn(container) < this.valueIn(best)) best = container;
    }
    return best;
  }

  private valueIn(container: RivalContainer): number {
    let value = 0;
    for (const resident of container.residents) value += this.savedMsOf(resident);
    return value;
  }

  /** Expected saved latency in ms. */
  private savedMsOf(action: RivalAction): number {
    return (1 - Math.exp(-paperRatePerMs(this.arrivalsOf(action).recent) * horizonMs)) * action.loadMs;
  }

  protected override onStart(container: RivalContainer): void {
    this.zygotes.delete(container);
    // Once the call has its container: what was killed in it is assigned elsewhere.
    this.at(this.now, () => {
      this.assign();
    });
  }

  protected override onIdle(container: RivalContainer, action: RivalAction | undefined): void {
    if (action === undefined) {
      this.remove(container, 'surplus-stem-cell');
      return;
    }
    const keepAliveMs = this.input.keepAliveMs ?? stockKeepAliveMs;
    const { generation } = container;
    this.at(this.now + keepAliveMs, () => {
      if (container.phase !== 'idle' || container.generation !== generation) return;
      this.zygotes.add(container);
      this.removeUnlessUsed(container, this.now + zygoteFactor * keepAliveMs);
      this.assign();
    });
    this.assign();
  }

  protected override onLoaded(): void {
    this.assign();
  }

  protected override onRemoving(container: RivalContainer): void {
    this.zygotes.delete(container);
    this.at(this.now, () => {
      this.assign();
    });
  }

  /** Fills the idle containers with the functions whose load is due, best value per byte first. */
  private assign(): void {
    const due = [...this.arrivals.keys()].filter((action) => this.isDue(action) && !this.hasPlace(action));
    due.sort((left, right) => this.savedMsOf(right) / right.residentBytes - this.savedMsOf(left) / left.residentBytes);
    for (const action of due) this.place(action);
  }

  private isDue(action: RivalAction): boolean {
    const { recent } = this.arrivalsOf(action);
    const rate = paperRatePerMs(recent);
    const silenceMs = this.now - (recent.at(-1) ?? 0);
    return rate > 0 && silenceMs >= arrivalQuantileMs(loadProbability, rate) && silenceMs < arrivalQuantileMs(offloadProbability, rate);
  }

  private hasPlace(action: RivalAction): boolean {
    if (action.idleOwn.size > 0) return true;
    for (const container of this.idle) if (container.loading === action || container.residents.has(action)) return true;
    return false;
  }

  private place(action: RivalAction): void {
    let best: { container: RivalContainer; victims: RivalAction[]; lostMs: number; room: number } | undefined;
    for (const container of this.idle) {
      if (!this.maySettleIn(container, action)) continue;
      const found = this.roomFor(container, action);
      if (found === undefined) continue;
      if (best === undefined || found.lostMs < best.lostMs || (found.lostMs === best.lostMs && found.room < best.room)) best = { container, ...found };
    }
    if (best === undefined) return;
    for (const victim of best.victims) this.offload(best.container, victim);
    this.load(best.container, action);
  }

  private maySettleIn(container: RivalContainer, action: RivalAction): boolean {
    if (container.loading !== undefined || container.memoryLimitBytes !== action.memoryLimitBytes) return false;
    return container.action === undefined || container.action.namespace === action.namespace;
  }

  /** What would have to go from the container, least value per byte first; undefined where that is worth more than what comes. */
  private roomFor(container: RivalContainer, action: RivalAction): { victims: RivalAction[]; lostMs: number; room: number } | undefined {
    let room = this.roomIn(container);
    const victims: RivalAction[] = [];
    let lostMs = 0;
    const byDensity = [...container.residents].sort((left, right) => this.savedMsOf(left) / left.residentBytes - this.savedMsOf(right) / right.residentBytes);
    for (const victim of byDensity) {
      if (room >= action.residentBytes) break;
      victims.push(victim);
      lostMs += this.savedMsOf(victim);
      room += victim.residentBytes;
    }
    return room < action.residentBytes || lostMs >= this.savedMsOf(action) ? undefined : { victims, lostMs, room };
  }
}

export const instaInferPaper: PolicyDefinition = {
  name: 'instainfer-paper',
  title: 'InstaInfer, as the paper says',
  source: 'Sui et al., SoCC 2024',
  looksAhead: false,
  create: (input) => new InstaInferPaper(input),
};
