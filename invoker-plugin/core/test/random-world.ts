// An executor that answers the scheduler's commands with random but possible events, and checks from outside, with books
// of its own, that every command can be carried out.
import { strict as assert } from 'node:assert';
import type { ReadAhead, SchedulerCommand } from '../commands.ts';
import type { SchedulerConfig } from '../config.ts';
import { readingOutcomes, type ModelFile, type SchedulerEvent } from '../events.ts';
import { assertInvariants } from '../invariants.ts';
import { createState, type SchedulerState } from '../state.ts';
import { step } from '../step.ts';
import type { ActionWishes } from '../wishes.ts';
import { MiB } from './builders.ts';

/** One thing that happens: which kind, to which of the things at hand, and how it turns out. */
export interface Happening {
  readonly what: 'deploy' | 'remove' | 'plan' | 'arrive' | 'answer' | 'crash' | 'pass' | 'wake';
  readonly which: number;
  readonly how: number;
}

interface WorldContainer {
  readonly limitBytes: number;
  isUp: boolean;
  running: Set<string>;
  /** Whether further calls of its action may go in, where the action's limit allows more than one. */
  isInitialized: boolean;
  /** An activation in it has failed: it takes nothing more. */
  isRetired: boolean;
  initialisedFor: string | undefined;
  loading: string | undefined;
  releasing: Set<string>;
  cleaning: boolean;
  removing: boolean;
}
type Fate = 'running' | 'done' | 'failed';

export class RandomWorld {
  readonly config: SchedulerConfig;
  state: SchedulerState = createState();
  readonly log: { event: SchedulerEvent; commands: SchedulerCommand[] }[] = [];
  readonly activations = new Map<string, 'waiting' | Fate>();
  readonly startOrder: string[] = [];
  loadCount = 0;
  /** The most that ever ran in one container at once. */
  mostAtOnce = 0;
  /** Readings ahead that were begun. */
  readCount = 0;
  private readingFor: string | undefined;
  private readonly containers = new Map<string, WorldContainer>();
  private readonly everUsedIds = new Set<string>();
  private readonly deployed = new Map<string, { namespace: string; limitBytes: number }>();
  private readonly pending: SchedulerCommand[] = [];
  private now = 0;
  private wakeAt: number | undefined;

  private readonly wishesOf: (which: number) => ActionWishes | undefined;

  /** @param wishesOf what the action that is deployed by this number wishes */
  constructor(config: SchedulerConfig, wishesOf: (which: number) => ActionWishes | undefined = () => undefined) {
    this.config = config;
    this.wishesOf = wishesOf;
  }

  /** Looks at the state after a step. */
  onStep: (commands: readonly SchedulerCommand[]) => void = () => undefined;

  happen({ what, which, how }: Happening): void {
    switch (what) {
      case 'deploy':
        return this.deploy(which, how);
      case 'remove':
        return this.tell({ type: 'actionRemoved', at: this.now, actionKey: this.keyOf(which) });
      case 'plan':
        return this.plan(which, how);
      case 'arrive':
        return this.arrive(which);
      case 'answer':
        return this.answer(which, how);
      case 'crash':
        return this.crash(which, how);
      case 'pass':
        this.now += how * (which + 1);
        if (how % 2 === 0) this.tell({ type: 'hostMemory', at: this.now, cacheableBytes: (how % 300) * MiB });
        return this.tell({ type: 'ticked', at: this.now });
      case 'wake':
        if (this.wakeAt === undefined) return;
        this.now = Math.max(this.now, this.wakeAt);
        return this.tell({ type: 'ticked', at: this.now });
    }
  }

  /** Answers everything favourably until nothing is asked any more. */
  settle(): void {
    for (let rounds = 0; this.pending.length > 0; rounds += 1) {
      assert.ok(rounds < 5000, 'the scheduler keeps on asking');
      this.now += 10;
      this.answer(0, 0);
    }
  }

  private keyOf(which: number): string {
    return `${which % 3 === 0 ? 'ann' : 'bob'}/action${which % 7}@0.0.${which === 20 ? 2 : 1}`;
  }

  /** Two of the seven actions take several calls in one container. */
  private limitOf(actionKey: string): number {
    return { 1: 3, 4: 2 }[Number(/action(\d)/.exec(actionKey)?.[1])] ?? 1;
  }

  private deploy(which: number, how: number): void {
    const actionKey = this.keyOf(which);
    const known = this.deployed.get(actionKey);
    const limitBytes = known?.limitBytes ?? (which % 5 === 0 ? 512 : 256) * MiB;
    const namespace = actionKey.split('/')[0] ?? '';
    this.deployed.set(actionKey, { namespace, limitBytes });
    this.tell({
      type: 'actionDeployed',
      at: this.now,
      actionKey,
      namespace,
      memoryLimitBytes: limitBytes,
      declaresArtifacts: which % 7 !== 6,
      estimatedLoadMs: 10 + how,
      estimatedResidentBytes: (how % 150) * MiB,
      wishes: this.wishesOf(which),
      files: this.filesOf(actionKey).slice(0, 1 + (how % 2)),
      ...(this.limitOf(actionKey) > 1 ? { concurrencyLimit: this.limitOf(actionKey) } : {}),
    });
  }

  private plan(which: number, how: number): void {
    this.tell({
      type: 'planReceived',
      at: this.now,
      actionKey: this.keyOf(which),
      arrivalRatePerMs: how / 1e6,
      sampleCount: how % 20,
      lastArrivalAt: this.now - (how % 100),
      preloadWindowMs: how % 4 === 0 ? undefined : how,
      offloadWindowMs: how % 5 === 0 ? undefined : how * 100,
      prewarmWindowMs: how % 3 === 0 ? how * 10 : undefined,
      keepAliveWindowMs: how % 6 === 0 ? how * 50 : undefined,
      follows: how % 7 === 0 ? [{ actionKey: this.keyOf(which + 3), at: this.now - (how % 50), probability: 0.8, medianDelayMs: 10 + how, spread: 0.5 }] : undefined,
    });
  }

  private arrive(which: number): void {
    const activationId = `a${this.activations.size}`;
    this.activations.set(activationId, 'waiting');
    this.tell({ type: 'activationArrived', at: this.now, activationId, actionKey: this.keyOf(which) });
  }

  private crash(which: number, how: number): void {
    const alive = [...this.containers].filter(([, container]) => container.isUp || how % 2 === 0);
    const victim = alive[which % Math.max(1, alive.length)];
    if (victim === undefined) return;
    const [id, container] = victim;
    const reason = container.isUp ? 'crashed' : 'start-failed';
    this.containers.delete(id);
    this.tell({ type: 'containerRemoved', at: this.now, containerId: id, reason });
  }

  private answer(which: number, how: number): void {
    const [command] = this.pending.splice(which % Math.max(1, this.pending.length), 1);
    if (command?.type === 'readAhead') return this.answerReading(command, how);
    if (command === undefined || !('containerId' in command)) return;
    const container = this.containers.get(command.containerId);
    if (command.type === 'startActivation' && container !== undefined && !container.isInitialized && this.limitOf(command.actionKey) > 1 && how % 4 !== 0) {
      container.isInitialized = true;
      this.pending.push(command);
      return this.tell({ type: 'activationInitialized', at: this.now, activationId: command.activationId, containerId: command.containerId });
    }
    // An answer that crossed a removal still arrives: the scheduler has to bear it.
    if (container !== undefined || how % 3 === 0) this.tell(this.answerTo(command, container, how));
  }

  /** It ends once, told to stop or not, however far it came. */
  private answerReading({ actionKey, files }: ReadAhead, how: number): void {
    this.readingFor = undefined;
    const outcome = readingOutcomes[how % readingOutcomes.length] ?? 'read';
    const known = this.filesOf(actionKey);
    const read = files.flatMap((id) => known.filter((file) => file.id === id)).map(({ id, bytes }) => ({ id, bytes: outcome === 'read' ? bytes : (how % 40) * MiB }));
    this.tell({ type: 'readAheadEnded', at: this.now, actionKey, outcome, files: read, diskBytes: (how % 90) * MiB, tookMs: how });
  }

  /** Two files each, the first of them another's too. */
  private filesOf(actionKey: string): ModelFile[] {
    const number = Number(/action(\d)/.exec(actionKey)?.[1]);
    return number === 6 ? [] : [number % 3, number + 10].map((file) => ({ id: `f${file}`, bytes: (10 + 3 * file) * MiB }));
  }

  private answerTo(command: Extract<SchedulerCommand, { containerId: string }>, container: WorldContainer | undefined, how: number): SchedulerEvent {
    const { containerId } = command;
    const at = this.now;
    const usedBytes = (20 + (how % 230)) * MiB;
    const diskBytes = how % 4 === 0 ? undefined : (how % 60) * MiB;
    switch (command.type) {
      case 'createContainer':
        if (container !== undefined) container.isUp = true;
        return { type: 'containerStarted', at, containerId, startMs: how, usedBytes: 20 * MiB };
      case 'startActivation': {
        container?.running.delete(command.activationId);
        if (how % 17 === 3 && container !== undefined && this.activations.get(command.activationId) === 'running') {
          this.activations.set(command.activationId, 'waiting');
          container.isRetired = true;
          return { type: 'activationUnserved', at, activationId: command.activationId, containerId };
        }
        if (this.activations.get(command.activationId) === 'running') this.activations.set(command.activationId, 'done');
        const measured = how % 3 === 0 ? {} : { usedBytes };
        const containerUsable = how % 11 !== 5;
        if (container !== undefined) {
          container.isInitialized ||= containerUsable;
          container.isRetired ||= !containerUsable;
        }
        return { type: 'activationFinished', at, activationId: command.activationId, containerId, containerUsable, initMs: how % 50, loadMs: how % 300, runMs: how, diskBytes, ...measured };
      }
      case 'load': {
        if (container?.loading === command.actionKey) container.loading = undefined;
        const reasons = ['cancelled', 'memory', 'artifact', 'error'] as const;
        const reason = how % 13 === 7 ? reasons[how % 4] : undefined;
        if (reason !== undefined) return { type: 'loadFailed', at, containerId, actionKey: command.actionKey, reason, predictedBytes: usedBytes };
        return { type: 'loadSucceeded', at, containerId, actionKey: command.actionKey, loadMs: how, residentBytes: (how % 150) * MiB, usedBytes, diskBytes };
      }
      case 'offload':
        container?.releasing.delete(command.actionKey);
        return { type: 'offloadCompleted', at, containerId, actionKey: command.actionKey, usedBytes };
      case 'cleanContainer':
        if (container !== undefined) container.cleaning = false;
        return { type: 'containerCleaned', at, containerId, usedBytes: 20 * MiB };
      case 'removeContainer':
        this.containers.delete(containerId);
        return { type: 'containerRemoved', at, containerId, reason: 'requested' };
    }
  }

  private tell(event: SchedulerEvent): void {
    const { commands, wakeAt } = step(this.state, event, this.config);
    assertInvariants(this.state, this.config);
    this.onStep(commands);
    assert.ok(wakeAt === undefined || Number.isFinite(wakeAt), 'wakeAt is a time');
    this.wakeAt = wakeAt;
    this.log.push({ event, commands });
    for (const command of commands) {
      this.check(command);
      if (command.type !== 'failActivation') this.pending.push(command);
    }
  }

  private check(command: SchedulerCommand): void {
    if (command.type === 'failActivation') {
      const fate = this.activations.get(command.activationId);
      assert.ok(fate === 'waiting' || fate === 'running', `${command.activationId} fails once, not after ${fate}`);
      this.activations.set(command.activationId, 'failed');
      return;
    }
    if (command.type === 'readAhead') {
      assert.equal(this.readingFor, undefined, 'one reading at a time');
      assert.ok(command.files.length > 0 && this.config.readAheadBytesPerSecond > 0 && this.config.preload, 'something is read, and only where that is wanted');
      this.readingFor = command.actionKey;
      this.readCount += 1;
      return;
    }
    if (command.type === 'stopReading') {
      assert.equal(this.readingFor, command.actionKey, 'what is stopped is under way');
      return;
    }
    if (command.type === 'createContainer') return this.checkCreation(command.containerId, command.memoryLimitBytes);
    const container = this.containers.get(command.containerId);
    assert.ok(container !== undefined && !container.removing, `${command.type} goes to a container that exists`);
    switch (command.type) {
      case 'startActivation':
        assert.ok(container.isUp && !container.isRetired && !container.cleaning, 'an activation starts in a container that takes one');
        if (container.running.size > 0) {
          assert.equal(container.initialisedFor, command.actionKey, 'two actions never run in one container');
          assert.ok(container.isInitialized, 'several calls run only in a container that is initialised');
          assert.ok(container.running.size < this.limitOf(command.actionKey), 'never more than the action’s limit at once');
        } else container.isInitialized = !command.init;
        assert.equal(this.activations.get(command.activationId), 'waiting', 'an activation starts once');
        assert.equal(command.init, container.initialisedFor !== command.actionKey, 'init is sent exactly where it is needed');
        assert.equal(this.deployed.get(command.actionKey)?.limitBytes, container.limitBytes, 'the memory limit is exactly the action’s');
        this.checkFormer(container, command);
        this.activations.set(command.activationId, 'running');
        this.startOrder.push(command.activationId);
        container.running.add(command.activationId);
        this.mostAtOnce = Math.max(this.mostAtOnce, container.running.size);
        container.initialisedFor = command.actionKey;
        return;
      case 'load':
        assert.ok(container.isUp && container.running.size === 0 && !container.cleaning, 'loads go only into idle containers');
        assert.equal(container.loading, undefined, 'one load at a time in a container');
        assert.ok(!container.releasing.has(command.actionKey), 'nothing is loaded while it is being off-loaded');
        container.loading = command.actionKey;
        this.loadCount += 1;
        return;
      case 'offload':
        container.releasing.add(command.actionKey);
        return;
      case 'cleanContainer':
        assert.ok(container.running.size === 0 && this.config.prewarmPolicy === 'pagurus', 'only idle containers become zygotes, under pagurus');
        container.cleaning = true;
        container.initialisedFor = undefined;
        return;
      case 'removeContainer':
        assert.ok(container.running.size === 0 && container.isUp, 'only idle containers are removed');
        container.removing = true;
    }
  }

  private checkFormer(container: WorldContainer, command: Extract<SchedulerCommand, { type: 'startActivation' }>): void {
    const former = container.initialisedFor;
    if (former === undefined || former === command.actionKey) {
      assert.equal(command.clean, 'none', 'nothing to clean');
      return;
    }
    assert.ok(this.config.preload, 'without pre-loading a warm container serves its own action only');
    assert.equal(former.split('/')[0], command.actionKey.split('/')[0], 'a warm container never changes its namespace');
    assert.notEqual(command.clean, 'none', 'a former action’s code is cleaned away first');
  }

  private checkCreation(containerId: string, limitBytes: number): void {
    assert.ok(!this.everUsedIds.has(containerId), 'a container id is never used twice');
    this.everUsedIds.add(containerId);
    this.containers.set(containerId, { limitBytes, isUp: false, running: new Set(), isInitialized: false, isRetired: false, initialisedFor: undefined, loading: undefined, releasing: new Set(), cleaning: false, removing: false });
    const usedBytes = [...this.containers.values()].reduce((sum, container) => sum + container.limitBytes, 0);
    assert.ok(usedBytes <= this.config.poolMemoryBytes, 'the pool is never over-committed');
  }
}
