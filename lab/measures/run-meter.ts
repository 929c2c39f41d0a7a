// Counts one run while it is simulated: nothing is kept but sums and one number for each activation.
import { startTypes, type SchedulerCommand, type StartType } from '../../invoker-plugin/core/commands.ts';
import type { PlatformCosts } from '../simulation/costs.ts';
import { deploymentLeadMs, type Call, type Meter } from '../simulation/simulate-policy.ts';
import type { SimulatedOutcome } from '../simulation/simulated-containers.ts';
import { regularityClasses, type RegularityClass } from '../traces/regularity.ts';
import type { LabFunction } from '../workload.ts';
import { FunctionGaps } from './function-gaps.ts';
import { GrowingFloats } from './growing-floats.ts';
import { noSums, type RunSums, type RunTotals } from './run-totals.ts';

const bytesPerGib = 2 ** 30;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

export class RunMeter implements Meter {
  readonly #functions: readonly LabFunction[];
  readonly #platform: PlatformCosts;
  readonly #startupsMs = new GrowingFloats();
  readonly #byStartType = Object.fromEntries(startTypes.map((type) => [type, 0])) as Record<StartType, number>;
  readonly #gaps: FunctionGaps;
  /** For each function: calls, hits. */
  readonly #calls: Uint32Array;
  readonly #hits: Uint32Array;
  readonly #sums: Writable<RunSums> = { ...noSums };
  #heldBytes = 0;
  #heldSince = deploymentLeadMs;

  constructor(functions: readonly LabFunction[], platform: PlatformCosts) {
    this.#functions = functions;
    this.#platform = platform;
    this.#gaps = new FunctionGaps(functions.length);
    this.#calls = new Uint32Array(functions.length);
    this.#hits = new Uint32Array(functions.length);
  }

  onArrived(functionIndex: number, atMs: number): void {
    this.#gaps.note(functionIndex, atMs);
  }

  onCommand(command: SchedulerCommand, at: number): void {
    switch (command.type) {
      case 'createContainer':
        this.#sums.created += 1;
        this.#hold(command.memoryLimitBytes, at);
        return;
      case 'load':
        this.#sums.loads += 1;
        return;
      case 'offload':
        if (command.reason === 'evicted-for-value') this.#sums.evictions += 1;
        return;
      case 'removeContainer':
        if (command.reason === 'evicted-for-activation') this.#sums.evictions += 1;
        return;
      case 'startActivation':
      case 'cleanContainer':
      case 'failActivation':
      case 'readAhead':
      case 'stopReading':
        return;
    }
  }

  onContainerGone(memoryLimitBytes: number, at: number): void {
    this.#hold(-memoryLimitBytes, at);
  }

  onRan(outcome: SimulatedOutcome, { functionIndex, arrivedAt }: Call): void {
    const { costs, memoryLimitBytes } = this.#functions[functionIndex] as LabFunction;
    const startupMs = outcome.readyAt - arrivedAt + outcome.initMs + outcome.loadMs;
    const gibSeconds = memoryLimitBytes / bytesPerGib / 1000;
    this.#startupsMs.push(startupMs);
    const sums = this.#sums;
    sums.startupMs += startupMs;
    sums.loadMs += outcome.loadMs;
    sums.everyLoadMs += costs.loadMs;
    sums.allColdMs += this.#platform.containerStartMs + costs.coldInitMs + costs.loadMs;
    sums.runMs += outcome.runMs;
    sums.runGibSeconds += outcome.runMs * gibSeconds;
    sums.busyGibSeconds += (outcome.endedAt - outcome.readyAt) * gibSeconds;
    this.#byStartType[outcome.startType] += 1;
    if (outcome.startType === 'warm' || outcome.startType === 'preloaded') this.#hits[functionIndex] = (this.#hits[functionIndex] ?? 0) + 1;
    this.#countCall(functionIndex);
  }

  onFailed({ functionIndex }: Call): void {
    this.#sums.failed += 1;
    this.#countCall(functionIndex);
  }

  #countCall(functionIndex: number): void {
    this.#calls[functionIndex] = (this.#calls[functionIndex] ?? 0) + 1;
  }

  /** Memory held changes; what was held until now counts from the beginning of the replay. */
  #hold(changeBytes: number, at: number): void {
    if (at > this.#heldSince) {
      this.#sums.heldGibSeconds += (this.#heldBytes / bytesPerGib) * ((at - this.#heldSince) / 1000);
      this.#heldSince = at;
    }
    this.#heldBytes += changeBytes;
  }

  /** What was counted, at the end of the run. */
  totals(endedAt: number): RunTotals {
    this.#hold(0, endedAt);
    return { startupsMs: this.#startupsMs.toArray(), byStartType: { ...this.#byStartType }, byRegularity: this.#byRegularity(), sums: { ...this.#sums, floorMs: this.#floorMs() } };
  }

  /**
   * The clairvoyant bound: Σ of what no policy can avoid, however well it knows the future. Of each function that is called, one
   * call at least has to be initialised into its container (`adoptMs`); every other might find it warm.
   */
  #floorMs(): number {
    return this.#functions.reduce((sum, { costs }, index) => sum + ((this.#calls[index] ?? 0) > 0 ? Math.min(costs.adoptMs, costs.coldInitMs, costs.initMs) : 0), 0);
  }

  #byRegularity(): RunTotals['byRegularity'] {
    const totals = Object.fromEntries(regularityClasses.map((name) => [name, { calls: 0, hits: 0 }])) as Record<RegularityClass, { calls: number; hits: number }>;
    for (const [index, calls] of this.#calls.entries()) {
      const regularity = this.#gaps.classOf(index);
      if (regularity === undefined) continue;
      totals[regularity].calls += calls;
      totals[regularity].hits += this.#hits[index] ?? 0;
    }
    return totals;
  }
}
