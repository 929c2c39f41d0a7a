// Carries the scheduler's commands out in virtual time: the counterpart of the invoker's command executor, with latencies
// of a cost model instead of containers. It decides nothing about scheduling. Known limits: containers do not compete for the
// processor beyond what the measured latencies already hold, and nothing ever fails by itself.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Clock } from '../../common/clock.ts';
import type { CleanContainer, CreateContainer, Load, Offload, ReadAhead, RemoveContainer, SchedulerCommand, StartActivation, StartType } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { CostModel } from './costs.ts';
import { coldMsPerByte, type SimulatedPageCache } from './simulated-page-cache.ts';

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
  readonly costs: CostModel;
  /** Of the host; undefined: loads take the same wherever the files are. */
  readonly pageCache?: SimulatedPageCache | undefined;
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
  runningCount: number;
  /** When the own action's /init is over. */
  initializedAt: number;
}

export class SimulatedContainers {
  readonly #options: SimulatedContainersOptions;
  readonly #containers = new Map<string, SimulatedContainer>();
  #stopReading: () => void = () => undefined;

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
      case 'readAhead':
        this.#readAhead(command);
        return;
      case 'stopReading':
        this.#stopReading();
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

  /** The action's files are read from end to end. @returns what came from the disk, undefined where nobody counts, and what that took beyond the measured times */
  #use(actionKey: ActionKey): { readonly diskBytes: number | undefined; readonly diskMs: number } {
    const { costs, pageCache } = this.#options;
    const { fileBytes = 0, measuredDiskBytes } = costs.costsOf(actionKey);
    if (pageCache === undefined) return { diskBytes: measuredDiskBytes, diskMs: 0 };
    const diskBytes = pageCache.use(actionKey, fileBytes);
    return { diskBytes, diskMs: diskBytes * coldMsPerByte };
  }

  #usedBytesOf(container: SimulatedContainer): number {
    const { costs } = this.#options;
    let usedBytes = costs.emptyContainerBytes;
    if (container.ownActionKey !== undefined) usedBytes += costs.costsOf(container.ownActionKey).residentBytes;
    for (const key of container.residents) usedBytes += costs.costsOf(key).residentBytes;
    return usedBytes;
  }

  #create({ containerId, memoryLimitBytes }: CreateContainer): void {
    const { costs, emit } = this.#options;
    this.#containers.set(containerId, { memoryLimitBytes, ownActionKey: undefined, residents: new Set(), load: undefined, runningCount: 0, initializedAt: 0 });
    this.#after(costs.containerStartMs, containerId, (container, at) => {
      emit({ type: 'containerStarted', at, containerId, startMs: costs.containerStartMs, usedBytes: this.#usedBytesOf(container) });
    });
  }

  #start(command: StartActivation): void {
    const { clock, costs, emit, onRan } = this.#options;
    const { activationId, actionKey, containerId, startType } = command;
    const container = this.#containers.get(containerId);
    if (container === undefined) throw new Error(`activation ${activationId} was sent to ${containerId}, which does not exist`);
    if (container.runningCount > 0) this.#checkBeside(command, container);
    container.runningCount += 1;
    const readyAt = clock.now() + (command.clean === 'none' ? 0 : costs.cleanMs);
    const joinedUntil = this.#settleLoad(container, containerId, actionKey);
    const own = costs.costsOf(actionKey);
    const isResident = container.ownActionKey === actionKey || container.residents.has(actionKey) || joinedUntil !== undefined;
    const joinedLoadMs = joinedUntil === undefined ? 0 : Math.max(0, joinedUntil - readyAt);
    const { diskBytes, diskMs } = this.#use(actionKey);
    const loadMs = isResident ? joinedLoadMs : own.loadMs + diskMs;
    const freshInitMs = startType === 'cold' ? own.coldInitMs : own.initMs;
    const initMs = !command.init ? 0 : isResident ? own.adoptMs : freshInitMs;
    // Pages of a resident model that were pushed out are read again when it runs.
    const runMs = costs.runMsOf(activationId, actionKey) + (isResident ? diskMs : own.firstRunExtraMs);
    if (command.clean === 'retain' && container.ownActionKey !== undefined) container.residents.add(container.ownActionKey);
    container.residents.delete(actionKey);
    container.ownActionKey = actionKey;
    if (command.init) {
      container.initializedAt = readyAt + initMs + loadMs;
      if (costs.concurrencyLimitOf(actionKey) > 1) {
        this.#after(container.initializedAt - clock.now(), containerId, (_container, at) => {
          emit({ type: 'activationInitialized', at, activationId, containerId });
        });
      }
    }
    this.#after(readyAt - clock.now() + initMs + loadMs + runMs, containerId, (finished, at) => {
      finished.runningCount -= 1;
      onRan({ activationId, actionKey, containerId, startType, readyAt, initMs, loadMs, runMs, endedAt: at });
      emit({ type: 'activationFinished', at, activationId, containerId, containerUsable: true, initMs, loadMs, runMs, ...(isResident || diskBytes === undefined ? {} : { diskBytes }) });
    });
  }

  /** A rule of the world: beside others of its action that has been initialised, and no more of them than its limit. */
  #checkBeside({ activationId, actionKey, containerId }: StartActivation, { ownActionKey, runningCount, initializedAt }: SimulatedContainer): void {
    const limit = this.#options.costs.concurrencyLimitOf(actionKey);
    if (ownActionKey === actionKey && runningCount < limit && initializedAt <= this.#options.clock.now()) return;
    throw new Error(`activation ${activationId} was sent to ${containerId}, which runs ${runningCount} of ${ownActionKey ?? 'nothing'} where ${limit} may run at once`);
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

  #load({ containerId, actionKey }: Load): void {
    const { clock, costs, emit } = this.#options;
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    const { aheadLoadMs, reportedLoadMs = aheadLoadMs, residentBytes } = costs.costsOf(actionKey);
    const predictedBytes = this.#usedBytesOf(container) + residentBytes;
    if (predictedBytes > container.memoryLimitBytes) {
      this.#after(0, containerId, (_container, at) => {
        emit({ type: 'loadFailed', at, containerId, actionKey, reason: 'memory', predictedBytes: residentBytes });
      });
      return;
    }
    const { diskBytes, diskMs } = this.#use(actionKey);
    const cancel = this.#after(aheadLoadMs + diskMs, containerId, (_container, at) => {
      container.load = undefined;
      if (container.ownActionKey !== actionKey) container.residents.add(actionKey);
      emit({ type: 'loadSucceeded', at, containerId, actionKey, loadMs: reportedLoadMs + diskMs, residentBytes, usedBytes: this.#usedBytesOf(container), ...(diskBytes === undefined ? {} : { diskBytes }) });
    });
    container.load = { actionKey, endsAt: clock.now() + aheadLoadMs + diskMs, cancel };
  }

  #readAhead({ actionKey, files, bytesPerSecond }: ReadAhead): void {
    const { clock, costs, emit, pageCache } = this.#options;
    const startedAt = clock.now();
    const wholeBytes = costs.costsOf(actionKey).fileBytes ?? 0;
    const end = (outcome: 'read' | 'stopped', at: number): void => {
      const bytes = Math.min(wholeBytes, ((at - startedAt) / 1000) * bytesPerSecond);
      const diskBytes = pageCache?.read(actionKey, bytes) ?? 0;
      emit({ type: 'readAheadEnded', at, actionKey, outcome, files: files.map((id) => ({ id, bytes })), diskBytes, tookMs: at - startedAt });
    };
    const cancel = clock.setTimer(startedAt + (1000 * wholeBytes) / bytesPerSecond, () => end('read', clock.now()));
    this.#stopReading = () => {
      cancel();
      clock.setTimer(clock.now(), () => end('stopped', clock.now()));
    };
  }

  #offload({ containerId, actionKey }: Offload): void {
    // From now on nothing can use the artifacts; the memory is back later.
    this.#containers.get(containerId)?.residents.delete(actionKey);
    this.#after(this.#options.costs.offloadMs, containerId, (container, at) => {
      this.#options.emit({ type: 'offloadCompleted', at, containerId, actionKey, usedBytes: this.#usedBytesOf(container) });
    });
  }

  #clean({ containerId, retain }: CleanContainer): void {
    this.#after(this.#options.costs.cleanMs, containerId, (container, at) => {
      if (retain && container.ownActionKey !== undefined) container.residents.add(container.ownActionKey);
      container.ownActionKey = undefined;
      this.#options.emit({ type: 'containerCleaned', at, containerId, usedBytes: this.#usedBytesOf(container) });
    });
  }

  #remove({ containerId }: RemoveContainer): void {
    this.#after(this.#options.costs.removeMs, containerId, (_container, at) => {
      this.#containers.delete(containerId);
      this.#options.emit({ type: 'containerRemoved', at, containerId, reason: 'requested' });
    });
  }
}
