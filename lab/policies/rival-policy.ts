// What the rivals share: containers in a pool of limited memory, calls that wait in order, timers. A rival says in its own
// file which idle container serves a call, who goes when memory is short, and what happens while nothing is called.
import type { ActionKey } from '../../common/action-identity.ts';
import type { CreateContainer, Load, Offload, RemoveContainer, SchedulerCommand, StartType } from '../../invoker-plugin/core/commands.ts';
import type { ActionDeployed, ActivationFinished, ContainerId, SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import { EventHeap } from '../simulation/event-heap.ts';
import type { Policy, PolicyInput, PolicyStep } from './policy.ts';

export interface RivalAction {
  readonly key: ActionKey;
  readonly namespace: string;
  readonly memoryLimitBytes: number;
  readonly loadMs: number;
  readonly residentBytes: number;
  /** Its own containers that are idle. */
  readonly idleOwn: Set<RivalContainer>;
  runningCount: number;
}

export interface RivalContainer {
  readonly id: ContainerId;
  readonly memoryLimitBytes: number;
  phase: 'starting' | 'idle' | 'busy' | 'cleaning' | 'removing';
  /** The action it is initialised for. */
  action: RivalAction | undefined;
  /** Actions whose artifacts are resident, beside its own action's. */
  readonly residents: Set<RivalAction>;
  /** The action that is being loaded. */
  loading: RivalAction | undefined;
  /** The waiting call it was made for. */
  claimedBy: string | undefined;
  lastUsedAt: number;
  /** Counts what happened to it, so that a timer can tell that it is out of date. */
  generation: number;
}

interface Waiting {
  readonly activationId: string;
  readonly action: RivalAction;
  /** `room`: containers are being removed for it. */
  waitsFor: 'anything' | 'room' | 'start';
  container: RivalContainer | undefined;
}

export abstract class RivalPolicy implements Policy {
  protected readonly input: PolicyInput;
  protected now = 0;
  protected readonly containers = new Map<ContainerId, RivalContainer>();
  protected readonly idle = new Set<RivalContainer>();
  protected readonly actions = new Map<ActionKey, RivalAction>();
  private readonly waiting = new Map<string, Waiting>();
  private readonly running = new Map<string, RivalAction>();
  private readonly timers = new EventHeap<() => void>();
  private commands: SchedulerCommand[] = [];
  private usedBytes = 0;
  private removingBytes = 0;
  private promisedBytes = 0;
  private nextNumber = 1;

  constructor(input: PolicyInput) {
    this.input = input;
  }

  step(event: SchedulerEvent): PolicyStep {
    this.now = Math.max(this.now, event.at);
    this.commands = [];
    this.handle(event);
    for (let due = this.timers.peekAt(); due !== undefined && due <= this.now; due = this.timers.peekAt()) this.timers.pop()?.item();
    this.serveWaiting();
    return { commands: this.commands, wakeAt: this.timers.peekAt() };
  }

  // ---- what a rival decides ----

  /** An action became known. */
  protected onDeployed(_action: RivalAction): void {}
  /** A call arrived; nothing has been done about it yet. */
  protected onArrival(_action: RivalAction): void {}
  /** A container was asked for. */
  protected onCreated(_container: RivalContainer): void {}
  /** A call gets this container; told before it starts. */
  protected onStart(_container: RivalContainer, _action: RivalAction): void {}
  /** A container is idle: it ran something (`action`), or has just started for nobody in particular. */
  protected abstract onIdle(container: RivalContainer, action: RivalAction | undefined): void;
  /** A load is over, well or not. */
  protected onLoaded(_container: RivalContainer, _action: RivalAction, _succeeded: boolean): void {}
  /** A container is about to be removed. */
  protected onRemoving(_container: RivalContainer): void {}

  /** The idle container that serves the action, if any; by default its own, the one used last, then one without an action. */
  protected choose(action: RivalAction): RivalContainer | undefined {
    return this.ownIdle(action) ?? this.blankIdle(action);
  }
  /** Idle containers with the smallest figure go first when a call needs their memory; by default the ones used longest ago. */
  protected worthOf(container: RivalContainer): number {
    return container.lastUsedAt;
  }
  /** Whether a call leaves what else is resident in its container; otherwise that is killed. */
  protected readonly keepsResidents: boolean = true;

  // ---- what a rival can do ----

  protected ownIdle(action: RivalAction): RivalContainer | undefined {
    let latest: RivalContainer | undefined;
    for (const container of action.idleOwn) if (latest === undefined || container.lastUsedAt >= latest.lastUsedAt) latest = container;
    return latest;
  }

  protected blankIdle(action: RivalAction): RivalContainer | undefined {
    for (const container of this.idle) if (container.action === undefined && container.memoryLimitBytes === action.memoryLimitBytes) return container;
    return undefined;
  }

  protected at(when: number, then: () => void): void {
    this.timers.push(when, then);
  }

  /** Removes the container at that time if nothing has happened to it by then. */
  protected removeUnlessUsed(container: RivalContainer, when: number): void {
    const { generation } = container;
    this.at(when, () => {
      if (container.phase === 'idle' && container.generation === generation) this.remove(container, 'keep-alive-over');
    });
  }

  protected get freeBytes(): number {
    return this.input.poolMemoryBytes - this.usedBytes - Math.max(0, this.promisedBytes - this.removingBytes);
  }

  /** Starts a container for nobody in particular where there is room and no call waits; undefined otherwise. */
  protected createSpare(memoryLimitBytes: number): RivalContainer | undefined {
    if (this.waiting.size > 0 || this.freeBytes < memoryLimitBytes) return undefined;
    return this.create(memoryLimitBytes, 'prewarm-window');
  }

  protected remove(container: RivalContainer, reason: RemoveContainer['reason']): void {
    this.onRemoving(container);
    this.leaveIdle(container);
    container.phase = 'removing';
    container.generation += 1;
    this.removingBytes += container.memoryLimitBytes;
    this.commands.push({ type: 'removeContainer', containerId: container.id, reason });
  }

  /** Makes an idle container forget its own action; it is idle again, without one, a little later. */
  protected clean(container: RivalContainer): void {
    this.leaveIdle(container);
    container.phase = 'cleaning';
    this.commands.push({ type: 'cleanContainer', containerId: container.id, retain: false, reason: 'keep-alive-over' });
  }

  /** Begins to load an action's artifacts into an idle container; one load at a time in each. False where that cannot be. */
  protected load(container: RivalContainer, action: RivalAction, reason: Load['reason'] = 'preload-window'): boolean {
    if (container.phase !== 'idle' || container.loading !== undefined || container.residents.has(action) || container.action === action) return false;
    container.loading = action;
    this.commands.push({ type: 'load', containerId: container.id, actionKey: action.key, reason });
    return true;
  }

  protected offload(container: RivalContainer, action: RivalAction, reason: Offload['reason'] = 'evicted-for-value'): void {
    if (!container.residents.delete(action)) return;
    this.commands.push({ type: 'offload', containerId: container.id, actionKey: action.key, reason });
  }

  /** Bytes that further loads may fill. */
  protected roomIn(container: RivalContainer): number {
    let room = container.memoryLimitBytes * (1 - this.input.headroomShare) - (container.action?.residentBytes ?? 0) - (container.loading?.residentBytes ?? 0);
    for (const { residentBytes } of container.residents) room -= residentBytes;
    return room;
  }

  // ---- events ----

  private handle(event: SchedulerEvent): void {
    switch (event.type) {
      case 'actionDeployed':
        return this.handleDeployed(event);
      case 'activationArrived': {
        const action = this.actionOf(event.actionKey);
        this.onArrival(action);
        this.waiting.set(event.activationId, { activationId: event.activationId, action, waitsFor: 'anything', container: undefined });
        return;
      }
      case 'containerStarted':
        return this.handleStarted(this.containers.get(event.containerId));
      case 'activationFinished':
        return this.handleFinished(event);
      case 'loadSucceeded':
      case 'loadFailed':
        return this.handleLoaded(event.containerId, event.actionKey, event.type === 'loadSucceeded');
      case 'containerCleaned':
        return this.handleCleaned(this.containers.get(event.containerId));
      case 'containerRemoved':
        return this.handleRemoved(this.containers.get(event.containerId));
      case 'actionRemoved':
      case 'activationInitialized':
      case 'activationUnserved':
      case 'loadAsked':
      case 'offloadAsked':
      case 'containerFound':
      case 'planReceived':
      case 'offloadCompleted':
      case 'hostMemory':
      case 'readAheadEnded':
      case 'ticked':
        return;
    }
  }

  protected actionOf(key: ActionKey): RivalAction {
    const action = this.actions.get(key);
    if (action === undefined) throw new Error(`action ${key} is called and was not deployed`);
    return action;
  }

  private handleDeployed({ actionKey, namespace, memoryLimitBytes, estimatedLoadMs, estimatedResidentBytes }: ActionDeployed): void {
    if (this.actions.has(actionKey)) return;
    const action: RivalAction = {
      key: actionKey,
      namespace,
      memoryLimitBytes,
      loadMs: estimatedLoadMs,
      residentBytes: estimatedResidentBytes,
      idleOwn: new Set(),
      runningCount: 0,
    };
    this.actions.set(actionKey, action);
    this.onDeployed(action);
  }

  private handleStarted(container: RivalContainer | undefined): void {
    if (container === undefined) return;
    const waiting = container.claimedBy === undefined ? undefined : this.waiting.get(container.claimedBy);
    if (waiting !== undefined) {
      this.start(waiting, container);
      return;
    }
    this.enterIdle(container);
    this.onIdle(container, undefined);
  }

  private handleFinished({ activationId, containerId }: ActivationFinished): void {
    const container = this.containers.get(containerId);
    const action = this.running.get(activationId);
    if (container === undefined || action === undefined) return;
    this.running.delete(activationId);
    action.runningCount -= 1;
    this.enterIdle(container);
    this.takeInstead(container, action);
    if (container.phase === 'idle') this.onIdle(container, action);
  }

  /** A call of the action whose container is still starting takes this one; that container then serves the next. */
  private takeInstead(container: RivalContainer, action: RivalAction): void {
    if (this.waiting.size === 0) return;
    for (const waiting of this.waiting.values()) {
      if (waiting.action === action) return this.start(waiting, container);
    }
  }

  private handleLoaded(containerId: ContainerId, actionKey: ActionKey, succeeded: boolean): void {
    const container = this.containers.get(containerId);
    const action = this.actions.get(actionKey);
    if (container === undefined || action === undefined || container.loading !== action) return;
    container.loading = undefined;
    if (succeeded && container.action !== action && container.phase !== 'removing') container.residents.add(action);
    if (container.phase !== 'removing') this.onLoaded(container, action, succeeded);
  }

  private handleCleaned(container: RivalContainer | undefined): void {
    if (container?.phase !== 'cleaning') return;
    container.action = undefined;
    this.enterIdle(container);
    this.onIdle(container, undefined);
  }

  private handleRemoved(container: RivalContainer | undefined): void {
    if (container === undefined) return;
    this.usedBytes -= container.memoryLimitBytes;
    if (container.phase === 'removing') this.removingBytes -= container.memoryLimitBytes;
    this.containers.delete(container.id);
  }

  // ---- calls ----

  private serveWaiting(): void {
    for (const waiting of this.waiting.values()) {
      if (waiting.waitsFor === 'start') continue;
      const chosen = this.choose(waiting.action);
      if (chosen !== undefined) this.start(waiting, chosen);
      else if (!this.findRoom(waiting)) return;
    }
  }

  /** A new container, or room made for one; false where the call, and all after it, have to wait for something to end. */
  private findRoom(waiting: Waiting): boolean {
    const needed = waiting.action.memoryLimitBytes;
    if (waiting.waitsFor === 'room') {
      if (this.input.poolMemoryBytes - this.usedBytes < needed) return true;
      this.setWaitsFor(waiting, 'start');
    } else if (this.freeBytes >= needed) {
      this.setWaitsFor(waiting, 'start');
    } else {
      return this.makeRoom(waiting, needed);
    }
    const container = this.create(needed, 'activation');
    container.claimedBy = waiting.activationId;
    waiting.container = container;
    return true;
  }

  private makeRoom(waiting: Waiting, neededBytes: number): boolean {
    let missing = neededBytes - (this.input.poolMemoryBytes - this.usedBytes + this.removingBytes - this.promisedBytes);
    const victims: RivalContainer[] = [];
    if (missing > 0) {
      const byWorth = [...this.idle].map((container) => ({ container, worth: this.worthOf(container) })).sort((left, right) => left.worth - right.worth);
      for (const { container } of byWorth) {
        victims.push(container);
        missing -= container.memoryLimitBytes;
        if (missing <= 0) break;
      }
      if (missing > 0) return false;
    }
    for (const victim of victims) this.remove(victim, 'evicted-for-activation');
    this.setWaitsFor(waiting, 'room');
    return true;
  }

  private setWaitsFor(waiting: Waiting, next: Waiting['waitsFor']): void {
    if (waiting.waitsFor === 'room') this.promisedBytes -= waiting.action.memoryLimitBytes;
    if (next === 'room') this.promisedBytes += waiting.action.memoryLimitBytes;
    waiting.waitsFor = next;
  }

  private start(waiting: Waiting, container: RivalContainer): void {
    const { activationId, action } = waiting;
    this.setWaitsFor(waiting, 'anything');
    this.waiting.delete(activationId);
    // A container that was starting for it serves nobody in particular now.
    if (waiting.container !== undefined && waiting.container !== container) waiting.container.claimedBy = undefined;
    const startType = this.startTypeOf(container, action);
    const clean = container.action === undefined || container.action === action ? 'none' : 'discard';
    this.onStart(container, action);
    this.leaveIdle(container);
    container.residents.delete(action);
    if (!this.keepsResidents) for (const other of [...container.residents]) this.offload(container, other, 'memory-pressure');
    container.phase = 'busy';
    container.claimedBy = undefined;
    container.action = action;
    container.generation += 1;
    container.lastUsedAt = this.now;
    action.runningCount += 1;
    this.running.set(activationId, action);
    this.commands.push({ type: 'startActivation', activationId, containerId: container.id, actionKey: action.key, startType, clean, init: startType !== 'warm' });
  }

  private startTypeOf(container: RivalContainer, action: RivalAction): StartType {
    if (container.phase === 'starting') return 'cold';
    if (container.action === action) return 'warm';
    return container.residents.has(action) ? 'preloaded' : 'prewarmed';
  }

  private create(memoryLimitBytes: number, reason: CreateContainer['reason']): RivalContainer {
    const container: RivalContainer = {
      id: `r${this.nextNumber++}`,
      memoryLimitBytes,
      phase: 'starting',
      action: undefined,
      residents: new Set(),
      loading: undefined,
      claimedBy: undefined,
      lastUsedAt: this.now,
      generation: 0,
    };
    this.containers.set(container.id, container);
    this.usedBytes += memoryLimitBytes;
    this.onCreated(container);
    this.commands.push({ type: 'createContainer', containerId: container.id, memoryLimitBytes, reason });
    return container;
  }

  private enterIdle(container: RivalContainer): void {
    container.phase = 'idle';
    container.generation += 1;
    container.lastUsedAt = this.now;
    this.idle.add(container);
    container.action?.idleOwn.add(container);
  }

  private leaveIdle(container: RivalContainer): void {
    this.idle.delete(container);
    container.action?.idleOwn.delete(container);
  }
}

