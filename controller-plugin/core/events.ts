// The facts the Proactive Pre-loader learns from OpenWhisk's topics. Every event carries its time.
import type { ActionKey } from '../../common/action-identity.ts';

interface EventBase {
  /** Epoch milliseconds at which it happened. */
  readonly at: number;
}
export interface RecordPlace {
  readonly topic: string;
  readonly offset: number;
}

/** An action was created or updated: it may be pre-loaded before any history exists. */
export interface ActionDeployed extends EventBase {
  readonly type: 'actionDeployed';
  readonly actionKey: ActionKey;
  /** Memory limit of one container; absent where the document was not read. */
  readonly memoryMegabytes?: number;
}
export interface ActionRemoved extends EventBase {
  readonly type: 'actionRemoved';
  readonly actionKey: ActionKey;
}
/** An ActivationMessage was seen on an invoker's topic, or worked out from a user event. */
export interface ArrivalObserved extends EventBase {
  readonly type: 'arrivalObserved';
  readonly actionKey: ActionKey;
  /** The invoker that got it, where known. */
  readonly invoker?: number;
  /** The record that told of it, so that one which is read twice counts once. */
  readonly place?: RecordPlace;
}
/** An activation ended, and an acknowledgement or a user event told what it took. */
export interface ActivationMeasured extends EventBase {
  readonly type: 'activationMeasured';
  readonly actionKey: ActionKey;
  readonly durationMs: number;
  readonly waitMs: number;
  /** 0 for a warm start. */
  readonly initMs: number;
  readonly memoryMegabytes?: number;
}
/** An invoker's heartbeat on the `health` topic. */
export interface InvokerPinged extends EventBase {
  readonly type: 'invokerPinged';
  readonly invoker: number;
  /** False when it takes no more work. */
  readonly isEnabled: boolean;
  readonly userMemoryBytes: number;
}
/** Time has passed: an invoker may have fallen silent. */
export interface Ticked extends EventBase {
  readonly type: 'ticked';
}

export type PreloaderEvent = ActionDeployed | ActionRemoved | ArrivalObserved | ActivationMeasured | InvokerPinged | Ticked;
