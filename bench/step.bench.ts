// What does one scheduling decision take, with 10 to 10,000 containers and as many actions? Every measured decision runs
// through the real `step` in a pool in steady state; building the pool and answering commands is not measured.
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import { createRandom, type Random } from '../common/random.ts';
import type { SchedulerCommand } from '../invoker-plugin/core/commands.ts';
import type { SchedulerConfig } from '../invoker-plugin/core/config.ts';
import type { SchedulerEvent } from '../invoker-plugin/core/events.ts';
import { createState } from '../invoker-plugin/core/state.ts';
import { step } from '../invoker-plugin/core/step.ts';
import { median, percentileOf } from '../common/statistics.ts';
import { wholeNumber } from './whole-number.ts';

const MiB = 2 ** 20;
const sizes = [10, 100, 1000, 10_000];
const kinds = ['arrival', 'finished', 'load answer', 'plan', 'tick'] as const;
type Kind = (typeof kinds)[number];
const defaults = { seed: 1, decisions: 3000 };

/** A pool that answers commands at once, but for runs: those last until the next arrival, so that some containers are busy. */
class Pool {
  readonly samplesMs = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
  readonly startTypes = new Map<string, number>();
  private readonly state = createState();
  private readonly config: SchedulerConfig;
  private readonly running: { activationId: string; containerId: string }[] = [];
  private now = 1_000_000_000;
  private isMeasuring = false;

  constructor(size: number) {
    this.config = {
      poolMemoryBytes: size * 256 * MiB,
      prewarmPolicy: 'pagurus',
      preload: true,
      keepAliveMs: 600_000,
      zygoteWindowMs: 600_000,
      stemCellCount: 2,
      stemCellMemoryBytes: 256 * MiB,
      maxConcurrentLoads: 2,
      valueHorizonMs: 60_000,
      evictionHysteresis: 2,
      headroomShare: 0.1,
      mostPinnedShare: 0.25,
      readAheadBytesPerSecond: 0,
      memoryPriceMsPerGibSecond: 1,
      maxQueuedActivations: 1000,
    };
  }

  /** Deploys the actions, calls each once, and gives each a plan. */
  fill(keys: readonly string[], random: Random): void {
    for (const actionKey of keys) {
      this.tell('plan', {
        type: 'actionDeployed',
        at: this.now,
        actionKey,
        namespace: actionKey.split('/')[0] ?? '',
        memoryLimitBytes: 256 * MiB,
        declaresArtifacts: true,
        estimatedLoadMs: random.uniformBetween(20, 2000),
        estimatedResidentBytes: random.uniformBetween(20, 120) * MiB,
      });
      this.call(actionKey, `fill ${actionKey}`);
      this.plan(actionKey, random);
    }
    while (this.running.length > 0) this.finishOne(random);
  }

  measure(): void {
    this.isMeasuring = true;
  }

  pass(ms: number): void {
    this.now += ms;
    this.tell('tick', { type: 'ticked', at: this.now });
  }

  plan(actionKey: string, random: Random): void {
    const meanGapMs = random.uniformBetween(5000, 600_000);
    this.tell('plan', {
      type: 'planReceived',
      at: this.now,
      actionKey,
      arrivalRatePerMs: 1 / meanGapMs,
      sampleCount: 20,
      lastArrivalAt: this.now,
      preloadWindowMs: 0.0619 * meanGapMs,
      offloadWindowMs: 2.813 * meanGapMs,
    });
  }

  call(actionKey: string, activationId: string): void {
    this.tell('arrival', { type: 'activationArrived', at: this.now, activationId, actionKey });
  }

  finishOne(random: Random): void {
    const run = this.running.shift();
    if (run === undefined) return;
    this.tell('finished', {
      type: 'activationFinished',
      at: this.now,
      ...run,
      containerUsable: true,
      initMs: 20,
      loadMs: random.uniformBetween(20, 2000),
      runMs: 100,
      usedBytes: random.uniformBetween(60, 200) * MiB,
    });
  }

  get runningCount(): number {
    return this.running.length;
  }

  private tell(kind: Kind, event: SchedulerEvent): void {
    const startedAt = performance.now();
    const { commands } = step(this.state, event, this.config);
    const tookMs = performance.now() - startedAt;
    if (this.isMeasuring) this.samplesMs.get(kind)?.push(tookMs);
    for (const command of commands) this.answer(command);
  }

  private answer(command: SchedulerCommand): void {
    const at = this.now;
    switch (command.type) {
      case 'createContainer':
        return this.tell('finished', { type: 'containerStarted', at, containerId: command.containerId, startMs: 500, usedBytes: 20 * MiB });
      case 'startActivation':
        if (this.isMeasuring) this.startTypes.set(command.startType, (this.startTypes.get(command.startType) ?? 0) + 1);
        this.running.push({ activationId: command.activationId, containerId: command.containerId });
        return;
      case 'load': {
        const { containerId, actionKey } = command;
        const usedBytes = (this.state.containers.get(containerId)?.usedBytes ?? 0) + 60 * MiB;
        return this.tell('load answer', { type: 'loadSucceeded', at, containerId, actionKey, loadMs: 400, residentBytes: 60 * MiB, usedBytes });
      }
      case 'offload': {
        const { containerId, actionKey } = command;
        const usedBytes = Math.max(20 * MiB, (this.state.containers.get(containerId)?.usedBytes ?? 0) - 60 * MiB);
        return this.tell('load answer', { type: 'offloadCompleted', at, containerId, actionKey, usedBytes });
      }
      case 'cleanContainer':
        return this.tell('finished', { type: 'containerCleaned', at, containerId: command.containerId, usedBytes: 60 * MiB });
      case 'removeContainer':
        return this.tell('finished', { type: 'containerRemoved', at, containerId: command.containerId, reason: 'requested' });
      case 'failActivation':
      case 'readAhead':
      case 'stopReading':
        return;
    }
  }
}

interface Row {
  readonly size: number;
  readonly kind: Kind;
  readonly count: number;
  readonly medianUs: number;
  readonly p99Us: number;
}

function measureSize(size: number, seed: number, decisions: number): { rows: Row[]; startTypes: ReadonlyMap<string, number> } {
  const random = createRandom(seed, `step ${size}`);
  const keys = Array.from({ length: size }, (_, index) => `namespace${Math.floor(index / 10)}/action${index}@0.0.1`);
  const pool = new Pool(size);
  pool.fill(keys, random);
  const mostBusy = Math.max(1, Math.floor(size / 4));
  for (let number = 0; number < 2 * decisions; number += 1) {
    // The first half warms up the compiler and brings the pool into its steady state.
    if (number === decisions) pool.measure();
    pool.pass(random.exponential(100));
    // Squared, so that some actions are called far more often than others.
    const actionKey = keys[Math.floor(random.uniform() ** 2 * size)] ?? '';
    pool.call(actionKey, `call ${number}`);
    while (pool.runningCount > mostBusy) pool.finishOne(random);
    if (number % 4 === 0) pool.plan(actionKey, random);
  }
  const rows = kinds.map((kind): Row => {
    const samples = pool.samplesMs.get(kind) ?? [];
    return { size, kind, count: samples.length, medianUs: 1000 * median(samples), p99Us: 1000 * (percentileOf(samples, 0.99) ?? Number.NaN) };
  });
  return { rows, startTypes: pool.startTypes };
}

function numberOption(args: readonly string[], name: string, fallback: number): number {
  const index = args.indexOf(`--${name}`);
  return index < 0 ? fallback : wholeNumber(name, args[index + 1]);
}

/** Prints the table. Options: `--seed N`, `--decisions N` (measured arrivals for each size). */
export function run(args: string[]): Promise<void> {
  const seed = numberOption(args, 'seed', defaults.seed);
  const decisions = numberOption(args, 'decisions', defaults.decisions);
  const lines = [
    `step(state, event, config): ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, seed ${seed}, ${decisions} arrivals for each size`,
    'as many actions as containers, ten to a namespace; policy pagurus with pre-loading; a quarter of the containers busy; calls skewed; pool full',
    '',
    `${'containers'.padStart(10)}  ${'event'.padEnd(12)}${'events'.padStart(8)}${'median µs'.padStart(11)}${'p99 µs'.padStart(9)}${'median vs 10'.padStart(14)}`,
  ];
  const smallest = new Map<Kind, number>();
  for (const size of sizes) {
    const { rows, startTypes } = measureSize(size, seed, decisions);
    for (const { kind, count, medianUs, p99Us } of rows.filter(({ count }) => count > 0)) {
      if (size === sizes[0]) smallest.set(kind, medianUs);
      const ratio = medianUs / (smallest.get(kind) ?? NaN);
      const ratioText = Number.isFinite(ratio) ? `${ratio.toFixed(1)}×` : '-';
      const figures = [String(count).padStart(8), medianUs.toFixed(1).padStart(11), p99Us.toFixed(1).padStart(9), ratioText.padStart(14)];
      lines.push(`${String(size).padStart(10)}  ${kind.padEnd(12)}${figures.join('')}`);
    }
    lines.push(`${''.padStart(10)}  starts: ${[...startTypes].map(([type, count]) => `${type} ${count}`).join(', ')}`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return Promise.resolve();
}
