// Fires the arrivals of a trace at a controller and collects a row for each answered activation.
import type { ActionDocument } from '../../common/action-document.ts';
import { shortNameOf } from '../../common/action-identity.ts';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { activationStatusTexts } from '../../common/messages/acknowledgement.ts';
import type { EmbeddedController } from '../../controller-plugin/embedded/controller.ts';
import type { FinishedActivation } from '../../invoker-plugin/activation-answers.ts';
import type { Arrival } from '../../lab/traces/arrivals.ts';
import type { ActivationRow } from '../report/rows.ts';

/** A row as the invoker knows it: it was not told when the trace had the arrival. */
export type MeasuredActivation = Omit<ActivationRow, 'arrival'>;

/** What an answered activation went through; `now` stands for the end of one that never ran. */
export function measuredActivation({ message, record, arrivedAt, command, outcome }: FinishedActivation, now: number): MeasuredActivation {
  const endedAt = outcome?.endedAt ?? now;
  return {
    activationId: message.activationId,
    action: message.action.name,
    startType: command?.startType ?? 'none',
    waitMs: (outcome?.readyAt ?? endedAt) - arrivedAt,
    initMs: outcome?.initMs ?? 0,
    loadMs: outcome?.loadMs ?? 0,
    runMs: outcome?.runMs ?? 0,
    e2eMs: endedAt - arrivedAt,
    inferenceMs: inferenceMsOf(record.response.result),
    container: command?.containerId ?? '',
    preloaded: command?.startType === 'preloaded',
    status: activationStatusTexts[record.response.statusCode] ?? 'whisk internal error',
  };
}

/** `timings.inferenceMs` of the action's result, where it reports one. */
function inferenceMsOf(result: unknown): number | undefined {
  const timings = typeof result === 'object' && result !== null && 'timings' in result ? result.timings : undefined;
  const inferenceMs = typeof timings === 'object' && timings !== null && 'inferenceMs' in timings ? timings.inferenceMs : undefined;
  return typeof inferenceMs === 'number' ? inferenceMs : undefined;
}

export interface ReplayOptions {
  readonly actions: readonly ActionDocument[];
  readonly arrivals: readonly Arrival[];
  readonly clock: Clock;
  readonly onRow: (row: ActivationRow) => void;
}

export class Replay {
  private readonly options: ReplayOptions;
  private readonly actions: ReadonlyMap<string, ActionDocument>;
  private readonly arrivalMsOf = new Map<string, number>();
  private finishedCount = 0;
  /** Set when the replay is over: what is killed after an interruption is no result. */
  private isOver = false;
  private allFinished: () => void = () => undefined;

  constructor(options: ReplayOptions) {
    this.options = options;
    this.actions = new Map(options.actions.map((action) => [shortNameOf(action.actionKey), action]));
  }

  private get isComplete(): boolean {
    return this.finishedCount === this.options.arrivals.length;
  }

  /** Resolves when every activation has ended, or with `aborted`. */
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

  take(activation: MeasuredActivation): void {
    if (this.isOver) return;
    this.finishedCount += 1;
    this.options.onRow({ ...activation, arrival: this.arrivalMsOf.get(activation.activationId) ?? 0 });
    if (this.isComplete) this.allFinished();
  }

  private send(controller: EmbeddedController, arrival: Arrival): void {
    const action = this.actions.get(arrival.action);
    if (action === undefined) throw new Error(`no action ${arrival.action} was deployed`);
    const { activationId } = controller.invoke(action, {});
    this.arrivalMsOf.set(activationId, arrival.atMs);
  }
}
