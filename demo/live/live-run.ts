// One arm of the demo, live: real containers, real sessions, the real scheduler, fed with the trace's arrivals through
// OpenWhisk's own messages. It measures and reports; it prints nothing.
import type { ActionDocument } from '../../common/action-document.ts';
import { shortNameOf } from '../../common/action-identity.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import { activationStatusTexts } from '../../common/messages/acknowledgement.ts';
import type { User } from '../../common/messages/identity.ts';
import type { PreloaderConfig } from '../../controller-plugin/core/config.ts';
import { EmbeddedController } from '../../controller-plugin/embedded/controller.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { Preloader } from '../../controller-plugin/preloader.ts';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { SchedulerState } from '../../invoker-plugin/core/state.ts';
import type { FinishedActivation } from '../../invoker-plugin/activation-answers.ts';
import { embeddedServing, Invoker, type LoadEstimate } from '../../invoker-plugin/invoker.ts';
import type { ActivationRow } from '../report/rows.ts';
import type { Arrival } from '../../lab/traces/arrivals.ts';
import type { DemoContainers } from './containers.ts';
import { Settling } from './settling.ts';

const invokerId = 0;

/** The demo's caller; the key is a name, not a secret: nothing checks it in this process. */
const demoUser: User = {
  subject: 'guest',
  namespace: { name: 'guest', uuid: '00000000-0000-4000-8000-000000000000' },
  authkey: { api_key: 'demo' },
  rights: ['ACTIVATE'],
  limits: {},
};

export interface LiveRunOptions {
  readonly actions: readonly ActionDocument[];
  readonly arrivals: readonly Arrival[];
  readonly scheduler: SchedulerConfig;
  readonly preloader: PreloaderConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly containers: DemoContainers;
  /** Environment of the runtime containers: model store, loading form, cache. */
  readonly environment: Readonly<Record<string, string>>;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  /** Aborting ends the replay early: what runs is given up, what was measured stays. */
  readonly signal: AbortSignal;
  readonly onRow: (row: ActivationRow) => void;
  readonly onStep: (event: SchedulerEvent, commands: readonly SchedulerCommand[], state: SchedulerState) => void;
  readonly onPhase: (phase: 'deploying' | 'replaying' | 'finishing') => void;
}

export interface LiveRunResult {
  /** From deploying the actions until nothing was under way any more. */
  readonly deployMs: number;
  readonly replayMs: number;
  readonly startedAt: number;
}

/** Runs the arm and resolves when the last activation is answered and every container is gone. */
export async function runLive(options: LiveRunOptions): Promise<LiveRunResult> {
  const { clock, logger, signal } = options;
  const bus = new MemoryBus();
  const catalog = new MemoryCatalog();
  const settling = new Settling(options.scheduler.preload ? options.actions.length : 0);
  const replay = new Replay(options);
  const invoker = new Invoker({
    ...embeddedServing(options.scheduler.poolMemoryBytes),
    instance: invokerId,
    bus,
    clock,
    logger,
    ...options.containers,
    catalog,
    scheduler: options.scheduler,
    environment: options.environment,
    publishEvents: true,
    estimate: options.estimate,
    onFinished: (finished) => {
      replay.take(finished);
    },
    onStep: (event, commands, state) => {
      settling.observe(event, commands);
      options.onStep(event, commands, state);
    },
  });
  const preloader = new Preloader({ bus, clock, logger, catalog, invokers: [invokerId], config: options.preloader });
  const controller = new EmbeddedController({ bus, clock, logger, catalog, controllerId: '0', invoker: invokerId, user: demoUser });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
  const deployAt = clock.now();
  try {
    options.onPhase('deploying');
    await controller.start();
    if (options.scheduler.preload) await preloader.start();
    await invoker.start();
    for (const action of options.actions) await controller.deploy(action);
    await Promise.race([settling.settled(), aborted]);
    const deployMs = clock.now() - deployAt;
    options.onPhase('replaying');
    const { startedAt } = await replay.run(controller, aborted);
    options.onPhase('finishing');
    return { deployMs, replayMs: clock.now() - startedAt, startedAt };
  } finally {
    await invoker.stop();
    await preloader.stop();
    await controller.stop();
    await bus.close();
  }
}

/** Fires the arrivals and collects a row for each. */
class Replay {
  private readonly options: LiveRunOptions;
  private readonly actions: ReadonlyMap<string, ActionDocument>;
  private readonly arrivalMsOf = new Map<string, number>();
  private finishedCount = 0;
  /** Set when the replay is over: what is killed after an interruption is no result. */
  private isOver = false;
  private allFinished: () => void = () => undefined;

  constructor(options: LiveRunOptions) {
    this.options = options;
    this.actions = new Map(options.actions.map((action) => [shortNameOf(action.actionKey), action]));
  }

  private get isComplete(): boolean {
    return this.finishedCount === this.options.arrivals.length;
  }

  async run(controller: EmbeddedController, aborted: Promise<void>): Promise<{ startedAt: number }> {
    const { clock, arrivals } = this.options;
    const startedAt = clock.now();
    const finished = new Promise<void>((resolve) => {
      this.allFinished = resolve;
      if (this.isComplete) resolve();
    });
    let next = 0;
    let cancel: CancelTimer = () => undefined;
    const fire = (): void => {
      for (let arrival = arrivals[next]; arrival !== undefined && startedAt + arrival.atMs <= clock.now(); arrival = arrivals[next]) {
        next += 1;
        this.send(controller, arrival);
      }
      const upcoming = arrivals[next];
      if (upcoming !== undefined) cancel = clock.setTimer(startedAt + upcoming.atMs, fire);
    };
    fire();
    await Promise.race([finished, aborted]);
    this.isOver = true;
    cancel();
    return { startedAt };
  }

  take(activation: FinishedActivation): void {
    if (this.isOver) return;
    const row = this.rowOf(activation);
    this.finishedCount += 1;
    this.options.onRow(row);
    if (this.isComplete) this.allFinished();
  }

  private send(controller: EmbeddedController, arrival: Arrival): void {
    const action = this.actions.get(arrival.action);
    if (action === undefined) throw new Error(`no action ${arrival.action} was deployed`);
    const { activationId } = controller.invoke(action, {});
    this.arrivalMsOf.set(activationId, arrival.atMs);
  }

  private rowOf({ message, record, arrivedAt, command, outcome }: FinishedActivation): ActivationRow {
    const statusText = activationStatusTexts[record.response.statusCode] ?? 'whisk internal error';
    const endedAt = outcome?.endedAt ?? this.options.clock.now();
    return {
      activationId: message.activationId,
      action: message.action.name,
      arrival: this.arrivalMsOf.get(message.activationId) ?? 0,
      startType: command?.startType ?? 'none',
      waitMs: (outcome?.readyAt ?? endedAt) - arrivedAt,
      initMs: outcome?.initMs ?? 0,
      loadMs: outcome?.loadMs ?? 0,
      runMs: outcome?.runMs ?? 0,
      e2eMs: endedAt - arrivedAt,
      inferenceMs: inferenceMsOf(record.response.result),
      container: command?.containerId ?? '',
      preloaded: command?.startType === 'preloaded',
      status: statusText,
    };
  }
}

/** `timings.inferenceMs` of the action's result, where it reports one. */
function inferenceMsOf(result: unknown): number | undefined {
  const timings = typeof result === 'object' && result !== null && 'timings' in result ? result.timings : undefined;
  const inferenceMs = typeof timings === 'object' && timings !== null && 'inferenceMs' in timings ? timings.inferenceMs : undefined;
  return typeof inferenceMs === 'number' ? inferenceMs : undefined;
}
