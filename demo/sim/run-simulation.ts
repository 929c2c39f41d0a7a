// One simulated run: the same scheduler loop, the same pre-loader core, the same arrivals as live, on virtual time. It reads
// and writes no file.
import { actionKeyOf, shortNameOf, type ActionKey } from '../../common/action-identity.ts';
import { AppError } from '../../common/errors.ts';
import type { PreloaderConfig } from '../../controller-plugin/core/config.ts';
import type { PreloaderEvent } from '../../controller-plugin/core/events.ts';
import { createState as createPreloaderState, type PreloaderState } from '../../controller-plugin/core/state.ts';
import { step as stepPreloader } from '../../controller-plugin/core/step.ts';
import type { SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import { JournalRecorder, type JournalEntry } from '../../invoker-plugin/journal.ts';
import { SchedulerLoop } from '../../invoker-plugin/scheduler-loop.ts';
import { Settling } from '../live/settling.ts';
import type { LoadingForm, Profile } from '../../lab/simulation/profile.ts';
import type { ActivationRow } from '../report/rows.ts';
import { roundTo } from '../../common/statistics.ts';
import type { Arrival } from '../../lab/traces/arrivals.ts';
import { profileCosts } from '../../lab/simulation/profile-costs.ts';
import { SimulatedContainers, type SimulatedOutcome } from '../../lab/simulation/simulated-containers.ts';
import { VirtualClock } from '../../lab/simulation/virtual-clock.ts';

export interface SimulationInput {
  /** Sorted by time. */
  readonly arrivals: readonly Arrival[];
  /** Every action that is deployed, called or not. */
  readonly actions: readonly string[];
  readonly profile: Profile;
  readonly loading: LoadingForm;
  readonly scheduler: SchedulerConfig;
  readonly preloader: PreloaderConfig;
  readonly containerMemoryBytes: number;
  readonly seed: number;
}

export interface SimulationResult {
  /** In the order in which the activations ended. */
  readonly rows: readonly ActivationRow[];
  /** Header and entries, each with its newline. */
  readonly journalLines: readonly string[];
  readonly journalEntries: readonly JournalEntry[];
  /** Virtual epoch milliseconds of the replay, deployment before it left out. */
  readonly replayStartedAt: number;
  readonly replayEndedAt: number;
}

const namespace = 'guest';

/**
 * Deploys the actions, waits until the loads that this causes have settled, replays the arrivals, and ends with the last
 * activation. The same input gives the same result to the byte. Throws AppError BAD_PROFILE for an action without figures.
 */
export function runSimulation(input: SimulationInput): SimulationResult {
  for (const action of input.actions) {
    if (Object.hasOwn(input.profile.actions, action)) continue;
    const known = Object.keys(input.profile.actions).join(', ');
    throw new AppError('BAD_PROFILE', `The profile has no figures for action '${action}'.`, `Measure it with npm run demo, or use one of ${known}.`);
  }
  return new Simulation(input).run();
}

class Simulation {
  readonly #input: SimulationInput;
  readonly #clock = new VirtualClock(0);
  readonly #loop: SchedulerLoop;
  readonly #settling: Settling;
  readonly #rows: ActivationRow[] = [];
  readonly #journalLines: string[] = [];
  readonly #journalEntries: JournalEntry[] = [];
  readonly #arrivedAt = new Map<string, { readonly arrival: Arrival; readonly at: number }>();
  readonly #deployed = new Set<ActionKey>();
  #preloaderState: PreloaderState = createPreloaderState();

  constructor(input: SimulationInput) {
    this.#input = input;
    this.#settling = new Settling(input.scheduler.preload ? input.actions.length : 0);
    const recorder = new JournalRecorder({ startedAt: this.#clock.now(), config: input.scheduler }, (line) => this.#journalLines.push(line));
    const containers = new SimulatedContainers({
      clock: this.#clock,
      costs: profileCosts(input.profile, input.loading, input.seed),
      emit: (event) => {
        this.#loop.submit(event);
      },
      onRan: (outcome) => {
        this.#finish(outcome);
      },
      onFailed: (activationId) => {
        this.#fail(activationId);
      },
    });
    this.#loop = new SchedulerLoop({
      config: input.scheduler,
      clock: this.#clock,
      execute: (command) => {
        containers.execute(command);
      },
      observe: (event, commands) => {
        this.#settling.observe(event, commands);
        this.#journalEntries.push(recorder.record(event, commands));
      },
    });
  }

  run(): SimulationResult {
    const { arrivals, actions, scheduler } = this.#input;
    this.#loop.submit({ type: 'ticked', at: this.#clock.now() });
    // As live: without pre-loading nobody tells the invoker of an action before its first activation does.
    if (scheduler.preload) for (const action of actions) this.#tellPreloader({ type: 'actionDeployed', at: this.#clock.now(), actionKey: keyOf(action) });
    this.#runUntil(() => this.#settling.isSettled);
    const replayStartedAt = this.#clock.now();
    this.#fireNext(0, replayStartedAt);
    this.#runUntil(() => this.#rows.length === arrivals.length);
    this.#loop.stop();
    return {
      rows: this.#rows,
      journalLines: this.#journalLines,
      journalEntries: this.#journalEntries,
      replayStartedAt,
      replayEndedAt: this.#clock.now(),
    };
  }

  #runUntil(isDone: () => boolean): void {
    if (!this.#clock.runUntil(isDone)) throw new Error('the simulation ran out of events before it was over: a command was never answered');
  }

  /** One timer for the next arrival at a time, so that a long trace does not fill the heap. */
  #fireNext(index: number, replayStartedAt: number): void {
    const arrival = this.#input.arrivals[index];
    if (arrival === undefined) return;
    this.#clock.setTimer(replayStartedAt + arrival.atMs, () => {
      this.#fireNext(index + 1, replayStartedAt);
      this.#arrive(arrival, String(index + 1).padStart(32, '0'));
    });
  }

  #arrive(arrival: Arrival, activationId: string): void {
    const at = this.#clock.now();
    const actionKey = keyOf(arrival.action);
    this.#arrivedAt.set(activationId, { arrival, at });
    this.#deploy(actionKey);
    this.#loop.submit({ type: 'activationArrived', at, activationId, actionKey });
    this.#tellPreloader({ type: 'arrivalObserved', at, actionKey });
  }

  /** The invoker's first word of an action. */
  #deploy(actionKey: ActionKey): void {
    if (this.#deployed.has(actionKey)) return;
    this.#deployed.add(actionKey);
    const profile = this.#input.profile.actions[shortNameOf(actionKey)];
    if (profile === undefined) throw new Error(`the profile holds no action ${actionKey}`);
    this.#loop.submit({
      type: 'actionDeployed',
      at: this.#clock.now(),
      actionKey,
      namespace,
      memoryLimitBytes: this.#input.containerMemoryBytes,
      declaresArtifacts: true,
      estimatedLoadMs: profile.estimatedLoadMs,
      estimatedResidentBytes: profile.estimatedResidentBytes,
      files: profile.files,
    });
  }

  /** The controller plugin runs only where loads ahead are wanted; its plans reach the invoker at once. */
  #tellPreloader(event: PreloaderEvent): void {
    if (!this.#input.scheduler.preload) return;
    const { state, plans } = stepPreloader(this.#preloaderState, event, this.#input.preloader);
    this.#preloaderState = state;
    for (const plan of plans) {
      this.#deploy(plan.actionKey);
      this.#loop.submit({ type: 'planReceived', at: this.#clock.now(), ...plan });
    }
  }

  #finish(outcome: SimulatedOutcome): void {
    const { arrival, at } = this.#takeArrival(outcome.activationId);
    this.#rows.push({
      activationId: outcome.activationId,
      action: shortNameOf(outcome.actionKey),
      arrival: arrival.atMs,
      startType: outcome.startType,
      waitMs: roundTo(outcome.readyAt - at, 3),
      initMs: outcome.initMs,
      loadMs: roundTo(outcome.loadMs, 3),
      runMs: roundTo(outcome.runMs, 3),
      e2eMs: roundTo(outcome.endedAt - at, 3),
      container: outcome.containerId,
      preloaded: outcome.startType === 'preloaded',
      status: 'success',
    });
  }

  #fail(activationId: string): void {
    const { arrival, at } = this.#takeArrival(activationId);
    const waitMs = roundTo(this.#clock.now() - at, 3);
    this.#rows.push({
      activationId,
      action: arrival.action,
      arrival: arrival.atMs,
      startType: 'none',
      waitMs,
      initMs: 0,
      loadMs: 0,
      runMs: 0,
      e2eMs: waitMs,
      container: '',
      preloaded: false,
      status: 'whisk internal error',
    });
  }

  #takeArrival(activationId: string): { readonly arrival: Arrival; readonly at: number } {
    const arrived = this.#arrivedAt.get(activationId);
    if (arrived === undefined) throw new Error(`activation ${activationId} ended and had never arrived, or ended twice`);
    this.#arrivedAt.delete(activationId);
    return arrived;
  }
}

function keyOf(action: string): ActionKey {
  return actionKeyOf(`${namespace}/${action}`);
}
