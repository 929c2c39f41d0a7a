// `npm run demo`: prepares models and actions, runs the arms one after the other on the same arrivals, writes their files
// and prints what came of it.
import os from 'node:os';
import path from 'node:path';
import { SystemClock, type Clock } from '../../common/clock.ts';
import type { ActionDocument } from '../../common/action-document.ts';
import { AppError } from '../../common/errors.ts';
import { createLogger } from '../../common/logger.ts';
import type { LoadEstimate } from '../../common/load-estimate.ts';
import type { Container } from '../../invoker-plugin/core/container.ts';
import { JournalRecorder, type JournalEntry } from '../../invoker-plugin/journal.ts';
import { estimatorOf } from '../../runtime/model-store/load-estimate.ts';
import { armName, armSlug, comparisonArms, type Arm } from '../arms.ts';
import { helpText, isHelpRequested } from '../../common/config.ts';
import { containerMemoryMb, demoTable, parseDemoOptions, replayPreloaderConfig, schedulerConfigOf, type DemoOptions } from '../options.ts';
import { msText } from '../report/comparison.ts';
import { openRunFiles, writeJsonFile, writeTextFile } from '../report/output-files.ts';
import type { ReportedRun } from '../report/run-report.ts';
import { profileFromRuns, type MeasuredRun } from '../profile-from-rows.ts';
import { readProfile } from '../../lab/simulation/read-profile.ts';
import { shippedProfileFile } from '../../lab/shipped-files.ts';
import { poolUsageOf } from '../report/pool-usage.ts';
import type { ActivationRow } from '../report/rows.ts';
import type { Comparison, Summary } from '../report/summary-schema.ts';
import { runContextOf, summarize } from '../report/summary.ts';
import { renderComparison, renderRun } from '../report/table.ts';
import { generateArrivals, type Arrival } from '../../lab/traces/arrivals.ts';
import { readAssignedTrace, type AssignedTrace } from '../../lab/traces/assign-actions.ts';
import { demoContainers } from './containers.ts';
import { readRunningBroker } from '../../scripts/kafka-broker/state.ts';
import { ofInvoker } from '../kafka/kafka-stage.ts';
import { deployableActions } from './deployment.ts';
import { runLive } from './live-run.ts';
import { ensureModelStore } from './model-store.ts';
import { Screen } from './screen.ts';
import { renderView, type ViewModel } from './view.ts';
import { describeWithoutPreloading } from './without-preloading.ts';

/** Everything the arms of one invocation have in common. */
interface Replay {
  readonly options: DemoOptions;
  readonly trace: AssignedTrace;
  readonly arrivals: readonly Arrival[];
  readonly actions: readonly ActionDocument[];
  readonly storeDir: string;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly outDir: string;
  /** Of the Kafka that the invokers speak through; empty without. */
  readonly brokers: readonly string[];
}

const usage = 'usage: npm run demo -- [options]\n\nReplays five minutes of an Azure trace on real inference actions, with pre-loading, and reports what it saved.';
/** What one arm came to: its summary, and what the simulator can learn from it. */
interface ArmRun {
  readonly summary: Summary;
  readonly measured: MeasuredRun;
  readonly reported: ReportedRun;
  /** From the deployment of the actions to the start of the replay. */
  readonly deployMs: number;
}

/** Exit code of a run that Ctrl-C ended, as shells have it: 128 + SIGINT. */
const interruptedExitCode = 130;

/**
 * Runs the demo.
 * @returns the exit code: 0, 1 when an activation failed, 130 when it was interrupted.
 * @throws AppError for bad options, a bad trace, or models that cannot be built
 */
export async function runDemo(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(demoTable, usage));
    return 0;
  }
  const options = parseDemoOptions(argv, env);
  const trace = await readAssignedTrace(options.traceFile, options.actions);
  const interruption = new AbortController();
  const interrupt = (): void => {
    // A second Ctrl-C takes the default way out.
    process.removeListener('SIGINT', interrupt);
    interruption.abort();
  };
  process.on('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    // An engine or an image that is missing shows now, not after the models are built.
    await demoContainers({ ...options, storeDir: undefined }, 0).driver.start();
    const replay = await prepare(options, trace, interruption.signal);
    if (replay === undefined) return interruptedExitCode;
    const runs: ArmRun[] = [];
    for (const arm of options.compare ? comparisonArms : [options.arm]) {
      if (interruption.signal.aborted) break;
      runs.push(await runArm(replay, arm));
    }
    const summaries = runs.map(({ summary }) => summary);
    await report(replay, runs, argv);
    if (interruption.signal.aborted) return interruptedExitCode;
    return summaries.every(({ activations }) => activations.succeeded === activations.expected) ? 0 : 1;
  } finally {
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
  }
}

async function prepare(options: DemoOptions, trace: AssignedTrace, signal: AbortSignal): Promise<Replay | undefined> {
  const brokers = options.kafka === undefined ? [] : brokersOf(options.kafka.brokers);
  const arrivals = generateArrivals({ functions: trace.functions, mode: options.arrivals, seed: options.seed, speed: options.speed });
  const names = [...new Set(trace.functions.map(({ action }) => action))];
  const storeDir = await ensureModelStore({ names, small: options.small, signal, output: process.stderr });
  if (signal.aborted) return undefined;
  const actions = await deployableActions(names, containerMemoryMb);
  const estimate = estimatorOf(storeDir);
  const clock = new SystemClock();
  const outDir = options.outDir ?? path.join('out', new Date(clock.now()).toISOString().replaceAll(':', '-').slice(0, 19));
  return { options, trace, arrivals, actions, storeDir, estimate, clock, signal, outDir, brokers };
}

/** Those that were named, or the one that `scripts/kafka up` started. */
function brokersOf(named: readonly string[] | undefined): readonly string[] {
  const running = named ?? readRunningBroker()?.address;
  if (running === undefined) throw new AppError('BROKER_UNAVAILABLE', 'No Kafka broker is up.', 'Run scripts/kafka up, or name one with --brokers HOST:PORT.');
  return typeof running === 'string' ? [running] : running;
}

async function runArm(replay: Replay, arm: Arm): Promise<ArmRun> {
  const { options, clock, arrivals, actions } = replay;
  const files = openRunFiles(options.compare ? path.join(replay.outDir, armSlug(arm)) : replay.outDir, options.kafka?.invokers ?? 1);
  const scheduler = schedulerConfigOf(options, arm);
  const rows: ActivationRow[] = [];
  const entries: JournalEntry[] = [];
  const invokers = options.kafka?.invokers ?? 1;
  const journals = Array.from(
    { length: invokers },
    (_, invoker) =>
      new JournalRecorder({ startedAt: clock.now(), config: scheduler }, (line) => {
        files.writeJournalLine(line, invoker);
      }),
  );
  const containers = new Map<number, readonly Container[]>();
  let phase: ViewModel['phase'] = 'deploying';
  let replayingSince = clock.now();
  const title = armName(arm);
  const totalMs = (replay.trace.minuteCount * 60_000) / options.speed;
  const screen = new Screen({
    clock,
    output: process.stderr,
    render: () =>
      renderView({ title, phase, elapsedMs: clock.now() - replayingSince, totalMs, expectedActivations: arrivals.length, rows, containers: [...containers.values()].flat(), poolMemoryBytes: invokers * options.poolMemoryBytes }),
  });
  try {
    const result = await runLive({
      containers: { containers: options.containers, image: options.image, poolMemoryBytes: options.poolMemoryBytes, storeDir: replay.storeDir },
      actions,
      arrivals,
      scheduler,
      preloader: replayPreloaderConfig,
      clock,
      logger: createLogger('invoker', process.env['INSTAINFER_LOG_LEVEL'] ?? 'silent'),
      environment: { INSTAINFER_MODEL_STORE: replay.storeDir, INSTAINFER_LOADING: arm.loading, INSTAINFER_CACHE: options.cache },
      estimate: replay.estimate,
      signal: replay.signal,
      onRow: (row) => {
        rows.push(row);
        files.writeRow(row);
      },
      kafka: options.kafka === undefined ? undefined : { brokers: replay.brokers, invokers, seed: options.seed },
      onStep: ({ invoker, event, commands, containers: left }) => {
        containers.set(invoker, left);
        const entry = journals[invoker]?.record(event, commands);
        // Several invokers count as one pool; container ids are theirs alone.
        if (entry !== undefined) entries.push(options.kafka === undefined ? entry : { ...entry, event: ofInvoker(invoker, event), commands: commands.map((command) => ofInvoker(invoker, command)) });
      },
      onPhase: (next) => {
        if (next === 'replaying') replayingSince = clock.now();
        phase = next;
      },
    });
    const window = { fromAt: result.startedAt, toAt: result.startedAt + result.replayMs };
    const context = runContextOf({ source: 'live', measuredOn: machineText(), options: { ...options, poolMemoryBytes: invokers * options.poolMemoryBytes }, arm, trace: replay.trace, traceName: path.basename(options.traceFile) });
    const summary = summarize({ context, rows, expectedActivations: arrivals.length, pool: poolUsageOf(entries, window) });
    files.writeJson('summary.json', summary);
    return {
      summary,
      measured: { loading: arm.loading, rows, journalEntries: entries },
      reported: { summary, rows, journalEntries: entries, startedAt: window.fromAt, endedAt: window.toAt },
      deployMs: result.deployMs,
    };
  } finally {
    screen.close();
    files.close();
  }
}

/** Prints what came of the runs, and keeps their latencies for the simulator. */
async function report(replay: Replay, runs: readonly ArmRun[], argv: readonly string[]): Promise<void> {
  const { options, trace, arrivals, outDir } = replay;
  const [only] = runs;
  if (only === undefined) return;
  const profile = profileFromRuns({ runs: runs.map(({ measured }) => measured), base: await readProfile(shippedProfileFile), measuredOn: machineText() });
  writeJsonFile(path.join(outDir, 'profile.json'), profile);
  if (options.compare) {
    // What an arm measured itself stands before what the others did: its simulation is held against this arm alone.
    for (const { summary, measured } of runs) {
      const own = profileFromRuns({ runs: [measured], base: profile, measuredOn: machineText() });
      writeJsonFile(path.join(outDir, armSlug(summary.context.arm), 'profile.json'), own);
    }
  }
  const lines: string[] = [];
  if (options.compare) {
    const comparison: Comparison = { formatVersion: 1, arms: runs.map(({ summary }) => summary) };
    writeJsonFile(path.join(outDir, 'summary.json'), comparison);
    lines.push(renderComparison(comparison));
  } else {
    lines.push(renderRun(only.summary));
    // The latencies of small models say nothing of what loading costs, and the simulation has one invoker.
    if (options.arm.preload && !options.small && (options.kafka?.invokers ?? 1) === 1) lines.push(describeWithoutPreloading(only.summary, { options, trace, arrivals, profile }));
  }
  for (const { summary, deployMs } of runs.filter((run) => run.summary.context.arm.preload)) {
    lines.push(`Before the replay of "${armName(summary.context.arm)}", deploying the actions and loading them ahead took ${msText(deployMs)}.`);
  }
  // Not before: it would take memory and time of the machine that is being measured.
  const { commandText, reportFileName, runReport } = await import('../report/run-report.ts');
  writeTextFile(path.join(outDir, reportFileName), runReport(runs.map(({ reported }) => reported), commandText('demo', argv)));
  process.stdout.write(`${lines.join('\n')}\nWritten to ${outDir}; ${path.join(outDir, reportFileName)} shows it.\n`);
}

/** Such as `Intel Xeon, 2 cores, 23 GB, Node v20.20.2`. */
function machineText(): string {
  const cores = os.cpus();
  const model = cores[0]?.model.trim() ?? 'unknown processor';
  return `${model}, ${cores.length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GB, Node ${process.version}`;
}
