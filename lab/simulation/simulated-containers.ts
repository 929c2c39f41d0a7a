// Carries the scheduler's commands out in virtual time: the counterpart of the invoker's command executor, with latencies
// of a profile instead of containers. It decides nothing about scheduling. Known limits: containers do not compete for the
// processor beyond what the measured latencies already hold, and nothing ever fails by itself.
import { shortNameOf, type ActionKey } from '../../common/action-identity.ts';
import type { Clock } from '../../common/clock.ts';
import { createRandom, type Random } from '../../common/random.ts';
import type { CleanContainer, CreateContainer, Load, Offload, RemoveContainer, SchedulerCommand, StartActivation, StartType } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { ActionProfile, LoadingForm, Profile } from './profile.ts';

/** How an activation went, in ms of virtual time. */
export interface SimulatedOutcome {
  readonly activationId: string;
  readonly actionKey: ActionKey;
  readonly containerId: string;
  readonly startType: StartType;
  readonly readyAt: number;
  readonly initMs: number;
  readonly loadMs: number;
  readonly runMs: number;
  readonly endedAt: number;
}

export interface SimulatedContainersOptions {
  readonly clock: Clock;
  readonly profile: Profile;
  readonly loading: LoadingForm;
  readonly seed: number;
  /** Takes the event that answers a command, at its time. */
  readonly emit: (event: SchedulerEvent) => void;
  /** Told before the event, so that the end of a replay is known when its last event is. */
  readonly onRan: (outcome: SimulatedOutcome) => void;
  readonly onFailed: (activationId: string) => void;
}

interface LoadUnderWay {
  readonly actionKey: ActionKey;
  readonly endsAt: number;
  readonly cancel: () => void;
}

interface SimulatedContainer {
  readonly memoryLimitBytes: number;
  ownActionKey: ActionKey | undefined;
  /** Artifacts that are there beside those of the own action. */
  readonly residents: Set<ActionKey>;
  load: LoadUnderWay | undefined;
}

export class SimulatedContainers {
  readonly #options: SimulatedContainersOptions;
  readonly #containers = new Map<string, SimulatedContainer>();
  readonly #runTimes = new Map<ActionKey, Random>();

  constructor(options: SimulatedContainersOptions) {
    this.#options = options;
  }

  execute(command: SchedulerCommand): void {
    switch (command.type) {
      case 'createContainer':
        this.#create(command);
        return;
      case 'startActivation':
        this.#start(command);
        return;
      case 'load':
        this.#load(command);
        return;
      case 'offload':
        this.#offload(command);
        return;
      case 'cleanContainer':
        this.#clean(command);
        return;
      case 'removeContainer':
        this.#remove(command);
        return;
      case 'failActivation':
        this.#options.onFailed(command.activationId);
        return;
    }
  }

  /** Does something after so many ms unless the container is gone by then; returns how to call it off. */
  #after(delayMs: number, containerId: string, then: (container: SimulatedContainer, at: number) => void): () => void {
    const { clock } = this.#options;
    return clock.setTimer(clock.now() + delayMs, () => {
      const container = this.#containers.get(containerId);
      if (container !== undefined) then(container, clock.now());
    });
  }

  #profileOf(actionKey: ActionKey): ActionProfile {
    const profile = this.#options.profile.actions[shortNameOf(actionKey)];
    if (profile === undefined) throw new Error(`the profile holds no action ${actionKey}`);
    return profile;
  }

  #usedBytesOf(container: SimulatedContainer): number {
    const held = [...container.residents, ...(container.ownActionKey === undefined ? [] : [container.ownActionKey])];
    return held.reduce((sum, key) => sum + this.#profileOf(key).residentBytes, this.#options.profile.emptyContainerBytes);
  }

  #create({ containerId, memoryLimitBytes }: CreateContainer): void {
    const { profile, emit } = this.#options;
    this.#containers.set(containerId, { memoryLimitBytes, ownActionKey: undefined, residents: new Set(), load: undefined });
    this.#after(profile.containerStartMs, containerId, (container, at) => {
      emit({ type: 'containerStarted', at, containerId, startMs: profile.containerStartMs, usedBytes: this.#usedBytesOf(container) });
    });
  }

  #start(command: StartActivation): void {
    const { clock, profile, loading, emit, onRan } = this.#options;
    const { activationId, actionKey, containerId, startType } = command;
    const container = this.#containers.get(containerId);
    if (container === undefined) throw new Error(`activation ${activationId} was sent to ${containerId}, which does not exist`);
    const readyAt = clock.now() + (command.clean === 'none' ? 0 : profile.cleanMs);
    const joinedUntil = this.#settleLoad(container, containerId, actionKey);
    const own = this.#profileOf(actionKey);
    const isResident = container.ownActionKey === actionKey || container.residents.has(actionKey) || joinedUntil !== undefined;
    const joinedLoadMs = joinedUntil === undefined ? 0 : Math.max(0, joinedUntil - readyAt);
    const loadMs = isResident ? joinedLoadMs : own.loadMs[loading];
    const freshInitMs = startType === 'cold' ? own.coldInitMs : own.initMs;
    const initMs = !command.init ? 0 : isResident ? own.adoptMs : freshInitMs[loading];
    const runMs = this.#drawRunMs(actionKey, own) + (isResident ? 0 : own.firstRunExtraMs[loading]);
    if (command.clean === 'retain' && container.ownActionKey !== undefined) container.residents.add(container.ownActionKey);
    container.residents.delete(actionKey);
    container.ownActionKey = actionKey;
    this.#after(readyAt - clock.now() + initMs + loadMs + runMs, containerId, (_container, at) => {
      onRan({ activationId, actionKey, containerId, startType, readyAt, initMs, loadMs, runMs, endedAt: at });
      emit({ type: 'activationFinished', at, activationId, containerId, containerUsable: true, initMs, loadMs, runMs });
    });
  }

  /** A load under way is joined by its own action (returns when it will be done) and cancelled by any other. */
  #settleLoad(container: SimulatedContainer, containerId: string, takerKey: ActionKey): number | undefined {
    const { load } = container;
    if (load === undefined) return undefined;
    if (load.actionKey === takerKey) return load.endsAt;
    load.cancel();
    container.load = undefined;
    this.#after(0, containerId, (_container, at) => {
      this.#options.emit({ type: 'loadFailed', at, containerId, actionKey: load.actionKey, reason: 'cancelled' });
    });
    return undefined;
  }

  /** Each action draws from a stream of its own: what one arm of a comparison does to others does not change its runs. */
  #drawRunMs(actionKey: ActionKey, profile: ActionProfile): number {
    let random = this.#runTimes.get(actionKey);
    if (random === undefined) {
      random = createRandom(this.#options.seed, `runs of ${actionKey}`);
      this.#runTimes.set(actionKey, random);
    }
    return random.pick(profile.runSamplesMs[this.#options.loading]);
  }

  #load({ containerId, actionKey }: Load): void {
    const { clock, emit } = this.#options;
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    const { aheadLoadMs, residentBytes } = this.#profileOf(actionKey);
    const predictedBytes = this.#usedBytesOf(container) + residentBytes;
    if (predictedBytes > container.memoryLimitBytes) {
      this.#after(0, containerId, (_container, at) => {
        emit({ type: 'loadFailed', at, containerId, actionKey, reason: 'memory', predictedBytes: residentBytes });
      });
      return;
    }
    const cancel = this.#after(aheadLoadMs, containerId, (_container, at) => {
      container.load = undefined;
      if (container.ownActionKey !== actionKey) container.residents.add(actionKey);
      emit({ type: 'loadSucceeded', at, containerId, actionKey, loadMs: aheadLoadMs, residentBytes, usedBytes: this.#usedBytesOf(container) });
    });
    container.load = { actionKey, endsAt: clock.now() + aheadLoadMs, cancel };
  }

  #offload({ containerId, actionKey }: Offload): void {
    // From now on nothing can use the artifacts; the memory is back later.
    this.#containers.get(containerId)?.residents.delete(actionKey);
    this.#after(this.#options.profile.offloadMs, containerId, (container, at) => {
      this.#options.emit({ type: 'offloadCompleted', at, containerId, actionKey, usedBytes: this.#usedBytesOf(container) });
    });
  }

  #clean({ containerId, retain }: CleanContainer): void {
    this.#after(this.#options.profile.cleanMs, containerId, (container, at) => {
      if (retain && container.ownActionKey !== undefined) container.residents.add(container.ownActionKey);
      container.ownActionKey = undefined;
      this.#options.emit({ type: 'containerCleaned', at, containerId, usedBytes: this.#usedBytesOf(container) });
    });
  }

  #remove({ containerId }: RemoveContainer): void {
    this.#after(this.#options.profile.removeMs, containerId, (_container, at) => {
      this.#containers.delete(containerId);
      this.#options.emit({ type: 'containerRemoved', at, containerId, reason: 'requested' });
    });
  }
}
