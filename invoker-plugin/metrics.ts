// What an invoker counts and measures, for Prometheus. It reads what the parts tell it and changes nothing.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { activationStatusTexts } from '../common/messages/acknowledgement.ts';
import { startupMsOf, type FinishedActivation } from './activation-answers.ts';
import type { SchedulerCommand } from './core/commands.ts';
import type { SchedulerEvent } from './core/events.ts';
import type { SchedulerState } from './core/state.ts';

/** What is asked for when the metrics are read. */
export interface MeasuredInvoker {
  readonly pendingCount: number;
  readonly unreadable: ReadonlyMap<string, number>;
  lag(): Promise<number>;
}

/** Startups and loads that are worth telling apart, in seconds. */
const secondsBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export class InvokerMetrics {
  readonly registry = new Registry();
  private state: Readonly<SchedulerState> | undefined;
  private readonly activations: Counter<'status' | 'start'>;
  private readonly startup: Histogram<'start'>;
  private readonly loads: Counter<'reason'>;
  private readonly loadFailures: Counter<'reason'>;
  private readonly loadTimes: Histogram;
  private readonly offloads: Counter<'reason'>;
  private readonly diskBytes: Counter;
  private readonly readings: Counter<'outcome'>;
  private readonly readingBytes: Counter;

  constructor() {
    const registers = [this.registry];
    this.activations = new Counter({ name: 'instainfer_activations_total', help: 'Answered activations by status and start type.', labelNames: ['status', 'start'], registers });
    this.startup = new Histogram({ name: 'instainfer_startup_seconds', help: 'Wait, init and load of an activation, from its arrival at this invoker.', labelNames: ['start'], buckets: secondsBuckets, registers });
    this.loads = new Counter({ name: 'instainfer_loads_total', help: 'Loads ahead of calls that were begun, by why.', labelNames: ['reason'], registers });
    this.loadFailures = new Counter({ name: 'instainfer_load_failures_total', help: 'Loads ahead of calls that did not succeed, by why.', labelNames: ['reason'], registers });
    this.loadTimes = new Histogram({ name: 'instainfer_load_seconds', help: 'Duration of loads ahead of calls that succeeded.', buckets: secondsBuckets, registers });
    this.offloads = new Counter({ name: 'instainfer_offloads_total', help: 'Off-loads, by why.', labelNames: ['reason'], registers });
    this.diskBytes = new Counter({ name: 'instainfer_load_disk_bytes_total', help: 'What loads read from the disk, ahead of calls and on their path.', registers });
    this.readings = new Counter({ name: 'instainfer_file_readings_total', help: 'Readings of model files into the page cache ahead of loads, by how they ended.', labelNames: ['outcome'], registers });
    this.readingBytes = new Counter({ name: 'instainfer_file_reading_disk_bytes_total', help: 'What those read from the disk.', registers });
    this.gauge('instainfer_hot_file_bytes', 'Model files that are believed to be in the page cache.', (state) => state.pageCache.hotBytes);
    this.gauge('instainfer_waiting_activations', 'Activations that wait for a container.', (state) => state.waiting.size);
    this.gauge('instainfer_resident_bytes', 'Private memory of artifacts that are resident ahead of calls.', (state) => {
      let bytes = 0;
      for (const container of state.containers.values()) for (const { residentBytes } of container.residents.values()) bytes += residentBytes;
      return bytes;
    });
    this.gauge('instainfer_pool_used_bytes', 'Memory limits of all containers together.', (state) => state.poolUsedBytes);
    const containersByPhase = (): Map<string, number> => this.containersByPhase();
    new Gauge({
      name: 'instainfer_containers',
      help: 'Containers by phase.',
      labelNames: ['phase'],
      registers,
      collect() {
        this.reset();
        for (const [phase, count] of containersByPhase()) this.set({ phase }, count);
      },
    });
  }

  /** Adds what only the running invoker can tell. */
  watch(invoker: MeasuredInvoker, poolMemoryBytes: number): void {
    const registers = [this.registry];
    new Gauge({ name: 'instainfer_pool_limit_bytes', help: 'What the containers may have together.', registers }).set(poolMemoryBytes);
    new Gauge({
      name: 'instainfer_activations_in_hand',
      help: 'Activations taken and not answered yet.',
      registers,
      collect() {
        this.set(invoker.pendingCount);
      },
    });
    new Gauge({
      name: 'instainfer_topic_lag',
      help: "Activations on the invoker's topic that were not taken yet.",
      registers,
      async collect() {
        this.set(await invoker.lag().catch(() => Number.NaN));
      },
    });
    new Counter({
      name: 'instainfer_unreadable_records_total',
      help: 'Records that the invoker could not read and skipped, by topic.',
      labelNames: ['topic'],
      registers,
      collect() {
        this.reset();
        for (const [topic, count] of invoker.unreadable) this.inc({ topic }, count);
      },
    });
  }

  /** To be called after every step of the scheduler. */
  observeStep(event: SchedulerEvent, commands: readonly SchedulerCommand[], state: Readonly<SchedulerState>): void {
    this.state = state;
    if (event.type === 'loadFailed') this.loadFailures.inc({ reason: event.reason });
    if (event.type === 'loadSucceeded') this.loadTimes.observe(event.loadMs / 1000);
    if (event.type === 'loadSucceeded' || event.type === 'activationFinished') this.diskBytes.inc(event.diskBytes ?? 0);
    if (event.type === 'readAheadEnded') {
      this.readings.inc({ outcome: event.outcome });
      this.readingBytes.inc(event.diskBytes ?? 0);
    }
    for (const command of commands) {
      if (command.type === 'load') this.loads.inc({ reason: command.reason });
      if (command.type === 'offload') this.offloads.inc({ reason: command.reason });
    }
  }

  /** To be called for every answered activation. */
  observeActivation(finished: FinishedActivation): void {
    const { record, command } = finished;
    const start = command?.startType ?? 'none';
    this.activations.inc({ status: activationStatusTexts[record.response.statusCode] ?? 'unknown', start });
    const startupMs = startupMsOf(finished);
    if (startupMs !== undefined) this.startup.observe({ start }, startupMs / 1000);
  }

  private gauge(name: string, help: string, read: (state: Readonly<SchedulerState>) => number): void {
    const current = (): Readonly<SchedulerState> | undefined => this.state;
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        const state = current();
        this.set(state === undefined ? 0 : read(state));
      },
    });
  }

  private containersByPhase(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { phase } of this.state?.containers.values() ?? []) counts.set(phase, (counts.get(phase) ?? 0) + 1);
    return counts;
  }
}
