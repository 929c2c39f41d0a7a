// Counts one run while it is simulated: nothing is kept but sums and one number for each activation.
import { startTypes, type SchedulerCommand, type StartType } from '../../invoker-plugin/core/commands.ts';
import type { PlatformCosts } from '../simulation/costs.ts';
import { deploymentLeadMs, type Call, type Meter } from '../simulation/simulate-policy.ts';
import type { SimulatedOutcome } from '../simulation/simulated-containers.ts';
import { regularityClasses, type RegularityClass } from '../traces/regularity.ts';
import type { LabFunction } from '../workload.ts';
import type { FunctionClasses } from './function-classes.ts';
import { GrowingFloats } from './growing-floats.ts';
import { regretOf, scalerScoreOf, type Measures } from './measures.ts';

const bytesPerGib = 2 ** 30;

export class RunMeter implements Meter {
  readonly #functions: readonly LabFunction[];
  readonly #platform: PlatformCosts;
  readonly #startupMs = new GrowingFloats();
  readonly #byStartType = Object.fromEntries(startTypes.map((type) => [type, 0])) as Record<StartType, number>;
  readonly #classes: FunctionClasses;
  /** For each function: calls, hits. */
  readonly #calls: Uint32Array;
  readonly #hits: Uint32Array;
  #failed = 0;
  #startupSumMs = 0;
  #loadSumMs = 0;
  #everyLoadSumMs = 0;
  #allColdSumMs = 0;
  #runSumMs = 0;
  #runGibSeconds = 0;
  #busyGibSeconds = 0;
  #heldGibSeconds = 0;
  #heldBytes = 0;
  #heldSince = deploymentLeadMs;
  #loads = 0;
  #created = 0;
  #evictions = 0;

  /** @param classes how regular the calls of each function are */
  constructor(functions: readonly LabFunction[], platform: PlatformCosts, classes: FunctionClasses) {
    this.#functions = functions;
    this.#platform = platform;
    this.#classes = classes;
    this.#calls = new Uint32Array(functions.length);
    this.#hits = new Uint32Array(functions.length);
  }

  onCommand(command: SchedulerCommand, at: number): void {
    switch (command.type) {
      case 'createContainer':
        this.#created += 1;
        this.#hold(command.memoryLimitBytes, at);
        return;
      case 'load':
        this.#loads += 1;
        return;
      case 'offload':
        if (command.reason === 'evicted-for-value') this.#evictions += 1;
        return;
      case 'removeContainer':
        if (command.reason === 'evicted-for-activation') this.#evictions += 1;
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
    this.#startupMs.push(startupMs);
    this.#startupSumMs += startupMs;
    this.#loadSumMs += outcome.loadMs;
    this.#everyLoadSumMs += costs.loadMs;
    this.#allColdSumMs += this.#platform.containerStartMs + costs.coldInitMs + costs.loadMs;
    this.#runSumMs += outcome.runMs;
    this.#runGibSeconds += outcome.runMs * gibSeconds;
    this.#busyGibSeconds += (outcome.endedAt - outcome.readyAt) * gibSeconds;
    this.#byStartType[outcome.startType] += 1;
    if (outcome.startType === 'warm' || outcome.startType === 'preloaded') this.#hits[functionIndex] = (this.#hits[functionIndex] ?? 0) + 1;
    this.#countCall(functionIndex);
  }

  onFailed({ functionIndex }: Call): void {
    this.#failed += 1;
    this.#countCall(functionIndex);
  }

  #countCall(functionIndex: number): void {
    this.#calls[functionIndex] = (this.#calls[functionIndex] ?? 0) + 1;
  }

  /** Memory held changes; what was held until now counts from the beginning of the replay. */
  #hold(changeBytes: number, at: number): void {
    if (at > this.#heldSince) {
      this.#heldGibSeconds += (this.#heldBytes / bytesPerGib) * ((at - this.#heldSince) / 1000);
      this.#heldSince = at;
    }
    this.#heldBytes += changeBytes;
  }

  /** Startup in ms at 201 equally spaced ranks, in ascending order; empty where no call succeeded. */
  startupQuantilesMs(): number[] {
    if (this.#startupMs.count === 0) return [];
    return Array.from({ length: 201 }, (_, rank) => this.#startupMs.percentile(rank / 200) ?? 0);
  }

  /** The measures, at the end of the run. */
  measures(endedAt: number): Measures {
    this.#hold(0, endedAt);
    const succeeded = this.#startupMs.count;
    const activations = succeeded + this.#failed;
    const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
    return {
      activations,
      failed: this.#failed,
      byStartType: { ...this.#byStartType },
      hitShare: share(this.#byStartType.warm + this.#byStartType.preloaded, succeeded),
      hitShareByRegularity: this.#hitShareByRegularity(),
      startupMeanMs: share(this.#startupSumMs, succeeded),
      startupP50Ms: this.#startupMs.percentile(0.5) ?? 0,
      startupP90Ms: this.#startupMs.percentile(0.9) ?? 0,
      startupP99Ms: this.#startupMs.percentile(0.99) ?? 0,
      loadRemovedShare: this.#everyLoadSumMs === 0 ? 0 : 1 - this.#loadSumMs / this.#everyLoadSumMs,
      memoryGibSeconds: this.#heldGibSeconds,
      wastedGibSeconds: Math.max(0, this.#heldGibSeconds - this.#busyGibSeconds),
      loadsPerActivation: share(this.#loads, activations),
      containersCreated: this.#created,
      evictions: this.#evictions,
      scalerScore: scalerScoreOf({
        runGibSeconds: this.#runGibSeconds,
        heldGibSeconds: this.#heldGibSeconds,
        runMs: this.#runSumMs,
        startupMs: this.#startupSumMs,
        succeededShare: share(succeeded, activations),
      }),
      regret: regretOf({ startupMs: this.#startupSumMs, floorMs: this.#floorMs(), allColdMs: this.#allColdSumMs }),
    };
  }

  /**
   * The clairvoyant bound: Σ of what no policy can avoid, however well it knows the future. Of each function that is called, one
   * call at least has to be initialised into its container (`adoptMs`); every other might find it warm.
   */
  #floorMs(): number {
    return this.#functions.reduce((sum, { costs }, index) => sum + ((this.#calls[index] ?? 0) > 0 ? Math.min(costs.adoptMs, costs.coldInitMs, costs.initMs) : 0), 0);
  }

  #hitShareByRegularity(): Partial<Record<RegularityClass, number>> {
    const totals = new Map(regularityClasses.map((name) => [name, { calls: 0, hits: 0 }]));
    for (const [index, regularity] of this.#classes.entries()) {
      const total = regularity === undefined ? undefined : totals.get(regularity);
      if (total === undefined) continue;
      total.calls += this.#calls[index] ?? 0;
      total.hits += this.#hits[index] ?? 0;
    }
    return Object.fromEntries([...totals].flatMap(([name, { calls, hits }]) => (calls === 0 ? [] : [[name, hits / calls]])));
  }
}
