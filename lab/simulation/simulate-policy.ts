// One workload under one policy on one or more invokers, on virtual time. It measures nothing itself: a meter looks on.
import { parseActionKey } from '../../common/action-identity.ts';
import { homeHash } from '../../common/home-invoker.ts';
import { createRandom } from '../../common/random.ts';
import type { PolicyDefinition, PolicyInput, Weighing } from '../policies/policy.ts';
import type { LabArrival, LabFunction, Workload } from '../workload.ts';
import type { CostModel, PlatformCosts } from './costs.ts';
import { InvokerRouting } from './invoker-routing.ts';
import { PolicyLoop, type InvokerObserver } from './policy-loop.ts';
import { VirtualClock } from './virtual-clock.ts';
import type { SimulatedOutcome } from './simulated-containers.ts';

/** Actions are deployed this long before the first call may come: time for what a policy does at a deployment. */
export const deploymentLeadMs = 60_000;

export interface SimulatePolicyInput {
  readonly workload: Workload;
  readonly platform: PlatformCosts;
  readonly policy: PolicyDefinition;
  readonly invokerCount: number;
  /** Of each invoker. */
  readonly poolMemoryBytes: number;
  readonly containerMemoryBytes: number;
  readonly keepAliveMs: number | undefined;
  readonly headroomShare: number;
  /** Page cache of each invoker's host; undefined: files cost nothing, wherever they are. */
  readonly pageCacheBytes?: number | undefined;
  readonly weighing?: Weighing | undefined;
  readonly seed: number;
  readonly meter: Meter;
  /** Only these invokers, and the calls at home there; undefined: all. */
  readonly part?: RunPart | undefined;
  /** Told now and then of the ms of the trace that have been replayed. */
  readonly onProgress?: ((replayedMs: number) => void) | undefined;
}

/** Every `count`th invoker from the one with this index on. */
export interface RunPart {
  readonly index: number;
  readonly count: number;
}

/** A call found no room at home: where it goes depends on invokers that are not simulated here. The run has to be done whole. */
export class HomeIsFullError extends Error {}

/** Calls between two reports of progress. */
const callsPerReport = 4096;

/** Looks on. Times are ms of the simulation; the replay begins at `deploymentLeadMs`. */
export interface Meter extends Omit<InvokerObserver, 'onRan' | 'onFailed'> {
  /** `atMs` counts from the beginning of the replay. */
  onArrived(functionIndex: number, atMs: number): void;
  onRan(outcome: SimulatedOutcome, call: Call): void;
  onFailed(call: Call, at: number): void;
}

/** A call that is under way. */
export interface Call {
  readonly functionIndex: number;
  readonly arrivedAt: number;
  readonly runMs: number;
  readonly invoker: number;
}

export interface SimulationEnd {
  /** Events that policies took in. */
  readonly events: number;
  /** When the last call had ended, and the trace. */
  readonly endedAt: number;
}

/**
 * Replays the workload to the end of its last call. Throws where a policy breaks a rule or leaves a command or call undone, and
 * {@link HomeIsFullError} where a part of it alone cannot be replayed. As long as every call finds room at home, invokers have
 * nothing to do with each other: parts give the same calls as the whole. They end with the trace, the whole with its last call,
 * which may hold the memory of a few containers otherwise for the last moments.
 */
export function simulatePolicy(input: SimulatePolicyInput): SimulationEnd {
  return new PolicySimulation(input).run();
}

class PolicySimulation {
  readonly #input: SimulatePolicyInput;
  readonly #clock = new VirtualClock(0);
  readonly #loops: ReadonlyMap<number, PolicyLoop>;
  readonly #routing: InvokerRouting;
  readonly #hashes: Float64Array;
  readonly #calls = new Map<string, Call>();
  /** Functions that each invoker knows. */
  readonly #known: readonly Set<number>[];
  readonly #nextRun: Uint32Array;
  #nextId = 1;
  #arrived = 0;
  #arrivals: Iterator<LabArrival> | undefined;
  #isOver = false;

  constructor(input: SimulatePolicyInput) {
    this.#input = input;
    const { workload, invokerCount, poolMemoryBytes, pageCacheBytes, seed } = input;
    const { functions } = workload;
    this.#routing = new InvokerRouting(invokerCount, poolMemoryBytes, createRandom(seed, 'routing'));
    this.#hashes = Float64Array.from(functions, ({ actionKey, namespace }) => homeHash(namespace, parseActionKey(actionKey).qualifiedName));
    this.#known = Array.from({ length: invokerCount }, () => new Set<number>());
    this.#nextRun = new Uint32Array(functions.length);
    const costs = this.#costModel();
    const policyInput = this.#policyInput();
    const loop = (): PolicyLoop => new PolicyLoop({ policy: input.policy.create(policyInput), clock: this.#clock, costs, poolMemoryBytes, pageCacheBytes, observer: this.#observer() });
    this.#loops = new Map(Array.from({ length: invokerCount }, (_, index) => index).filter((index) => this.#isHere(index)).map((index) => [index, loop()]));
  }

  /** Whether the invoker is one of those that are simulated here. */
  #isHere(invoker: number): boolean {
    const { part } = this.#input;
    return part === undefined || invoker % part.count === part.index;
  }

  #homeOf(functionIndex: number): number {
    return this.#routing.homeOf(this.#hashes[functionIndex] ?? 0);
  }

  #costModel(): CostModel {
    const { functions } = this.#input.workload;
    const costsOf = new Map(functions.map(({ actionKey, costs }) => [actionKey, costs]));
    const limitOf = new Map(functions.map(({ actionKey, concurrencyLimit = 1 }) => [actionKey, concurrencyLimit]));
    return {
      ...this.#input.platform,
      costsOf: (actionKey) => {
        const costs = costsOf.get(actionKey);
        if (costs === undefined) throw new Error(`no costs are known of ${actionKey}`);
        return costs;
      },
      concurrencyLimitOf: (actionKey) => limitOf.get(actionKey) ?? 1,
      runMsOf: (activationId) => this.#callOf(activationId).runMs,
    };
  }

  #policyInput(): PolicyInput {
    const { poolMemoryBytes, containerMemoryBytes, keepAliveMs, headroomShare, weighing, seed, policy } = this.#input;
    const times = policy.looksAhead ? this.#timesByAction() : undefined;
    return {
      poolMemoryBytes,
      containerMemoryBytes,
      keepAliveMs,
      headroomShare,
      weighing,
      seed,
      replayStartsAt: deploymentLeadMs,
      arrivalsOf: (actionKey) => {
        if (times === undefined) throw new Error(`policy ${policy.name} looked ahead without saying so`);
        return times.get(actionKey) ?? [];
      },
    };
  }

  #timesByAction(): ReadonlyMap<string, readonly number[]> {
    const { functions, arrivals } = this.#input.workload;
    const times = functions.map((): number[] => []);
    for (const { atMs, functionIndex } of arrivals()) times[functionIndex]?.push(atMs);
    return new Map(functions.map(({ actionKey }, index) => [actionKey, times[index] ?? []]));
  }

  #observer(): InvokerObserver {
    const { meter } = this.#input;
    return {
      onCommand: (command, at) => {
        meter.onCommand(command, at);
      },
      onContainerGone: (bytes, at) => {
        meter.onContainerGone(bytes, at);
      },
      onRan: (outcome) => {
        meter.onRan(outcome, this.#endCall(outcome.activationId));
      },
      onFailed: (activationId, at) => {
        meter.onFailed(this.#endCall(activationId), at);
      },
    };
  }

  run(): SimulationEnd {
    const { workload, pageCacheBytes, part } = this.#input;
    for (const loop of this.#loops.values()) {
      loop.submit({ type: 'ticked', at: 0 });
      if (pageCacheBytes !== undefined) loop.submit({ type: 'hostMemory', at: 0, cacheableBytes: pageCacheBytes });
    }
    for (const [index, labFunction] of workload.functions.entries()) {
      const home = this.#homeOf(index);
      if (this.#isHere(home)) this.#deploy(home, index, labFunction);
    }
    this.#arrivals = workload.arrivals(part === undefined ? undefined : (index) => this.#isHere(this.#homeOf(index)))[Symbol.iterator]();
    this.#scheduleNext();
    const endsAt = part === undefined ? 0 : deploymentLeadMs + workload.durationMs;
    if (endsAt > 0) this.#clock.setTimer(endsAt, () => undefined);
    const isComplete = this.#clock.runUntil(() => this.#isOver && this.#calls.size === 0 && this.#clock.now() >= endsAt);
    if (!isComplete) throw new Error(`the simulation ran out of events with ${this.#calls.size} calls under way: a command was never answered`);
    return {
      events: [...this.#loops.values()].reduce((sum, { eventCount }) => sum + eventCount, 0),
      endedAt: Math.max(this.#clock.now(), deploymentLeadMs + workload.durationMs),
    };
  }

  /** One timer for the next arrival at a time, so that a long trace does not fill the heap. */
  #scheduleNext(): void {
    const next = this.#arrivals?.next();
    if (next === undefined || next.done === true) {
      this.#isOver = true;
      return;
    }
    const arrival = next.value;
    this.#arrived += 1;
    if (this.#arrived % callsPerReport === 0) this.#input.onProgress?.(arrival.atMs);
    this.#clock.setTimer(deploymentLeadMs + arrival.atMs, () => {
      this.#arrive(arrival);
      this.#scheduleNext();
    });
  }

  #arrive({ functionIndex, runMs, atMs }: LabArrival): void {
    this.#input.meter.onArrived(functionIndex, atMs);
    const labFunction = this.#input.workload.functions[functionIndex];
    if (labFunction === undefined) throw new Error(`the workload has no function ${functionIndex}`);
    const at = this.#clock.now();
    const invoker = this.#routing.route(this.#hashes[functionIndex] ?? 0, labFunction.memoryLimitBytes);
    if (this.#input.part !== undefined && invoker !== this.#homeOf(functionIndex)) throw new HomeIsFullError(`invoker ${this.#homeOf(functionIndex)} had no memory left for a call at home there`);
    const activationId = `a${this.#nextId++}`;
    this.#calls.set(activationId, { functionIndex, arrivedAt: at, runMs: runMs ?? this.#sampleRunMs(functionIndex, labFunction), invoker });
    this.#deploy(invoker, functionIndex, labFunction);
    this.#loops.get(invoker)?.submit({ type: 'activationArrived', at, activationId, actionKey: labFunction.actionKey });
  }

  #sampleRunMs(functionIndex: number, { runSamplesMs }: LabFunction): number {
    const turn = this.#nextRun[functionIndex] ?? 0;
    this.#nextRun[functionIndex] = turn + 1;
    return runSamplesMs[turn % runSamplesMs.length] ?? 0;
  }

  #deploy(invoker: number, functionIndex: number, { actionKey, namespace, memoryLimitBytes, concurrencyLimit, costs, wishes }: LabFunction): void {
    const known = this.#known[invoker];
    if (known === undefined || known.has(functionIndex)) return;
    known.add(functionIndex);
    const { estimatedLoadMs, estimatedResidentBytes, fileBytes } = costs;
    const files = this.#input.pageCacheBytes === undefined || fileBytes === undefined ? undefined : [{ id: actionKey, bytes: fileBytes }];
    this.#loops.get(invoker)?.submit({ type: 'actionDeployed', at: this.#clock.now(), actionKey, namespace, memoryLimitBytes, declaresArtifacts: true, estimatedLoadMs, estimatedResidentBytes, concurrencyLimit, wishes, files });
  }

  #callOf(activationId: string): Call {
    const call = this.#calls.get(activationId);
    if (call === undefined) throw new Error(`activation ${activationId} ran or ended and had never arrived, or ended twice`);
    return call;
  }

  #endCall(activationId: string): Call {
    const call = this.#callOf(activationId);
    this.#calls.delete(activationId);
    this.#routing.release(call.invoker, this.#input.workload.functions[call.functionIndex]?.memoryLimitBytes ?? 0);
    return call;
  }
}
