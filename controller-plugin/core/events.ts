// The facts the Proactive Pre-loader learns from OpenWhisk's topics. Every event carries its time.
import type { ActionKey } from '../../common/action-identity.ts';

interface EventBase {
  /** Epoch milliseconds at which it happened. */
  readonly at: number;
}
/** An action was created or updated: it may be pre-loaded before any history exists. */
export interface ActionDeployed extends EventBase {
  readonly type: 'actionDeployed';
  readonly actionKey: ActionKey;
}
export interface ActionRemoved extends EventBase {
  readonly type: 'actionRemoved';
  readonly actionKey: ActionKey;
}
/** An ActivationMessage was seen on an invoker's topic. */
export interface ArrivalObserved extends EventBase {
  readonly type: 'arrivalObserved';
  readonly actionKey: ActionKey;
}

export type PreloaderEvent = ActionDeployed | ActionRemoved | ArrivalObserved;
