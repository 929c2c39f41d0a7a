// How every activation that was taken ends: one record, its acknowledgements, the stored record. The order follows the
// stock invoker (ContainerProxy.scala, InvokerReactive.scala): result, then logs, then the freed slot, then the record.
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/logger.ts';
import { activationStatusTexts, type ActivationResponse, type WhiskActivation } from '../common/messages/acknowledgement.ts';
import { actionKeyOfMessage, type ActivationMessage } from '../common/messages/activation-message.ts';
import type { InvokerInstance } from '../common/messages/identity.ts';
import { roundTo } from '../common/statistics.ts';
import type { Acknowledger } from './acknowledger.ts';
import { activationRecord, fallbackRecord } from './activation-record.ts';
import { developerFailure, platformFailure, refusedActivation } from './activation-result.ts';
import type { ActivationListener, PendingActivation } from './command-executor.ts';
import type { FailActivation, StartActivation } from './core/commands.ts';
import type { ActivationOutcome } from './managed-container.ts';
import { isToBeStored, type ActivationStore, type StorePolicy } from './stores/activation-store.ts';

/** An activation that was answered; `command` and `outcome` are absent when it never reached a container. */
export interface FinishedActivation {
  readonly message: ActivationMessage;
  readonly record: WhiskActivation;
  readonly arrivedAt: number;
  readonly command?: StartActivation | undefined;
  readonly outcome?: ActivationOutcome | undefined;
}

/** Wait for a container, init and load on the path of the call, in ms; undefined for one that reached no container. */
export function startupMsOf({ arrivedAt, outcome }: Pick<FinishedActivation, 'arrivedAt' | 'outcome'>): number | undefined {
  return outcome === undefined ? undefined : Math.max(0, outcome.readyAt - arrivedAt) + (outcome.initMs ?? 0) + outcome.loadMs;
}

export interface ActivationAnswersOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly acknowledger: Acknowledger;
  readonly store: ActivationStore;
  readonly storePolicy: StorePolicy;
  /** Sees every answered activation, after its acknowledgement. */
  readonly onFinished: (finished: FinishedActivation) => void;
}

/** Only `container-failed` and `queue-full` are the invoker's own faults, which take it out of rotation. */
const responseOf: Record<FailActivation['reason'], ActivationResponse> = {
  'action-unknown': refusedActivation('Action could not be found or may have been deleted.'),
  'memory-limit-exceeds-pool': developerFailure('The action needs more memory than this invoker has; lower its limit or enlarge the invoker.'),
  'container-failed': platformFailure('Failed to provision resources to run the action.'),
  'initialization-failed': developerFailure('The action did not initialize and exited unexpectedly.'),
  'queue-full': platformFailure('Too many activations wait at this invoker; try again later.'),
};

const interrupted = platformFailure('The invoker was stopped before the activation had finished.');

export class ActivationAnswers implements ActivationListener {
  private readonly options: ActivationAnswersOptions;
  private isInterrupted = false;

  constructor(options: ActivationAnswersOptions) {
    this.options = options;
  }

  /** From now on a call that is cut off is the invoker's doing, not the action's. */
  interrupt(): void {
    this.isInterrupted = true;
  }

  async ran(pending: PendingActivation, command: StartActivation, outcome: ActivationOutcome): Promise<void> {
    const { message, action, arrivedAt } = pending;
    const acknowledger = this.acknowledgerFor(pending.onBehalfOf);
    const response = this.isInterrupted && outcome.wasCutOff ? interrupted : outcome.response;
    const record = activationRecord(message, action, response, {
      startedAt: outcome.startedAt,
      endedAt: outcome.endedAt,
      initMs: outcome.initMs,
      loadMs: outcome.loadMs,
      startType: command.startType,
      waitMs: Math.max(0, outcome.readyAt - message.transid[1]),
      timedOut: outcome.timedOut,
    });
    const hasLogs = action.limits.logsMegabytes !== 0;
    if (!hasLogs && message.blocking) {
      await acknowledger.combined(message, record);
      this.finish({ message, record, arrivedAt, command, outcome });
      return;
    }
    await acknowledger.result(message, record);
    const whole = hasLogs ? { ...record, logs: (await outcome.logs).lines } : record;
    await acknowledger.completion(message, whole);
    this.finish({ message, record: whole, arrivedAt, command, outcome });
  }

  async failed({ message, arrivedAt, onBehalfOf }: PendingActivation, reason: FailActivation['reason'], response?: ActivationResponse): Promise<void> {
    await this.refuse(message, arrivedAt, this.isInterrupted ? interrupted : (response ?? responseOf[reason]), onBehalfOf);
  }

  /** Ends an activation that never reached a container. */
  async refuse(message: ActivationMessage, arrivedAt: number, response: ActivationResponse, onBehalfOf?: InvokerInstance): Promise<void> {
    const record = fallbackRecord(message, response, this.options.clock.now());
    await this.acknowledgerFor(onBehalfOf).combined(message, record);
    this.finish({ message, record, arrivedAt });
  }

  /** Frees the slot and does no more: a namespace that is blocked costs the platform as little as possible. */
  async block(message: ActivationMessage, arrivedAt: number): Promise<void> {
    const record = fallbackRecord(message, refusedActivation('The action was not invoked due to a blacklisted namespace.'), this.options.clock.now());
    await this.options.acknowledger.combined(message, record, true);
    this.options.onFinished({ message, record, arrivedAt });
  }

  private acknowledgerFor(onBehalfOf: InvokerInstance | undefined): Acknowledger {
    return onBehalfOf === undefined ? this.options.acknowledger : this.options.acknowledger.onBehalfOf(onBehalfOf);
  }

  /** One line for each, at the level that is switched on to look into something. */
  private log(finished: FinishedActivation): void {
    const { logger } = this.options;
    if (!logger.isLevelEnabled('debug')) return;
    const { message, record, command, outcome } = finished;
    const startupMs = startupMsOf(finished);
    logger.debug(
      {
        activationId: record.activationId,
        transid: message.transid[0],
        actionKey: command?.actionKey ?? actionKeyOfMessage(message),
        containerId: command?.containerId,
        startType: command?.startType,
        startupMs: startupMs === undefined ? undefined : roundTo(startupMs, 3),
        runMs: outcome === undefined ? undefined : roundTo(outcome.runMs, 3),
        status: activationStatusTexts[record.response.statusCode],
      },
      'an activation has ended',
    );
  }

  private finish(finished: FinishedActivation): void {
    const { store, storePolicy, onFinished } = this.options;
    if (isToBeStored(finished.message, finished.record, storePolicy)) store.store(finished.record);
    this.log(finished);
    onFinished(finished);
  }
}
