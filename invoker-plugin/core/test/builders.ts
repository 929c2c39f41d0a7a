// Shorthand for the tests of the scheduler core: a configuration, and a scheduler that is told facts in readable form.
import { strict as assert } from 'node:assert';
import type { SchedulerCommand } from '../commands.ts';
import type { SchedulerConfig } from '../config.ts';
import type { ActionDeployed, ActivationFinished, PlanReceived, SchedulerEvent } from '../events.ts';
import { assertInvariants } from '../invariants.ts';
import { createState, type SchedulerState } from '../state.ts';
import { step } from '../step.ts';

export const MiB = 2 ** 20;
export const minute = 60_000;

export const baseConfig: SchedulerConfig = {
  poolMemoryBytes: 1024 * MiB,
  prewarmPolicy: 'none',
  preload: false,
  keepAliveMs: 10 * minute,
  zygoteWindowMs: 10 * minute,
  stemCellCount: 1,
  stemCellMemoryBytes: 256 * MiB,
  maxConcurrentLoads: 2,
  valueHorizonMs: minute,
  evictionHysteresis: 2,
  headroomShare: 0.1,
  mostPinnedShare: 0.25,
  readAheadBytesPerSecond: 100e6,
  memoryPriceMsPerGibSecond: 0,
  maxQueuedActivations: 100,
};

type CommandOf<T extends SchedulerCommand['type']> = Extract<SchedulerCommand, { type: T }>;

/** A scheduler with a clock in the test's hand. Every step is checked against the invariants. */
export class TestScheduler {
  readonly config: SchedulerConfig;
  readonly state: SchedulerState = createState();
  now = 1_000_000;
  /** Commands of the last event. */
  commands: SchedulerCommand[] = [];
  wakeAt: number | undefined;

  constructor(config: Partial<SchedulerConfig> = {}) {
    this.config = { ...baseConfig, ...config };
  }

  tell(event: SchedulerEvent): SchedulerCommand[] {
    const result = step(this.state, event, this.config);
    assertInvariants(this.state, this.config);
    this.commands = result.commands;
    this.wakeAt = result.wakeAt;
    return this.commands;
  }

  /** Lets time pass, with a tick whenever the scheduler asked for one; returns all commands of that time. */
  pass(ms: number): SchedulerCommand[] {
    const until = this.now + ms;
    const commands: SchedulerCommand[] = [];
    while (this.wakeAt !== undefined && this.wakeAt <= until) {
      this.now = Math.max(this.now, this.wakeAt);
      commands.push(...this.tell({ type: 'ticked', at: this.now }));
    }
    this.now = until;
    this.commands = commands;
    return commands;
  }

  deploy(actionKey: string, more: Partial<ActionDeployed> = {}): SchedulerCommand[] {
    return this.tell({
      type: 'actionDeployed',
      at: this.now,
      actionKey,
      namespace: actionKey.split('/')[0] ?? '',
      memoryLimitBytes: 256 * MiB,
      declaresArtifacts: true,
      estimatedLoadMs: 300,
      estimatedResidentBytes: 50 * MiB,
      ...more,
    });
  }

  plan(actionKey: string, more: Partial<PlanReceived> = {}): SchedulerCommand[] {
    return this.tell({ type: 'planReceived', at: this.now, actionKey, arrivalRatePerMs: 1 / minute, sampleCount: 10, lastArrivalAt: this.now, ...more });
  }

  arrive(activationId: string, actionKey: string): SchedulerCommand[] {
    return this.tell({ type: 'activationArrived', at: this.now, activationId, actionKey });
  }

  started(containerId: string): SchedulerCommand[] {
    return this.tell({ type: 'containerStarted', at: this.now, containerId, startMs: 500, usedBytes: 20 * MiB });
  }

  finished(activationId: string, containerId: string, more: Partial<ActivationFinished> = {}): SchedulerCommand[] {
    return this.tell({
      type: 'activationFinished',
      at: this.now,
      activationId,
      containerId,
      containerUsable: true,
      initMs: 20,
      loadMs: 300,
      runMs: 100,
      usedBytes: 70 * MiB,
      ...more,
    });
  }

  unserved(activationId: string, containerId: string): SchedulerCommand[] {
    return this.tell({ type: 'activationUnserved', at: this.now, activationId, containerId });
  }

  loaded(containerId: string, actionKey: string, usedBytes = 70 * MiB, residentBytes = 50 * MiB): SchedulerCommand[] {
    return this.tell({ type: 'loadSucceeded', at: this.now, containerId, actionKey, loadMs: 350, residentBytes, usedBytes });
  }

  removed(containerId: string, reason: 'requested' | 'crashed' | 'start-failed' = 'requested'): SchedulerCommand[] {
    return this.tell({ type: 'containerRemoved', at: this.now, containerId, reason });
  }

  /** Runs one activation to its end in a container of its own or an idle one; returns the container. */
  runOnce(activationId: string, actionKey: string): string {
    this.arrive(activationId, actionKey);
    const created = this.only('createContainer', 0);
    if (created !== undefined) this.started(created.containerId);
    const { containerId } = this.the('startActivation');
    this.finished(activationId, containerId);
    return containerId;
  }

  all<T extends SchedulerCommand['type']>(type: T): CommandOf<T>[] {
    return this.commands.filter((command): command is CommandOf<T> => command.type === type);
  }

  /** The one command of this type that the last event led to. */
  the<T extends SchedulerCommand['type']>(type: T): CommandOf<T> {
    const command = this.only(type, 1);
    assert.ok(command !== undefined, `expected a ${type}, got ${JSON.stringify(this.commands)}`);
    return command;
  }

  private only<T extends SchedulerCommand['type']>(type: T, least: number): CommandOf<T> | undefined {
    const found = this.all(type);
    assert.ok(found.length >= least && found.length <= 1, `expected one ${type}, got ${JSON.stringify(this.commands)}`);
    return found[0];
  }
}
