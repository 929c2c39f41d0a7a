// The scheduler's intentions. A driver carries them out and answers each with an event; each carries the reason for it.
import type { ActionKey } from '../../common/action-identity.ts';
import type { ContainerId, FileId } from './events.ts';

/**
 * `cold`: a new container. `prewarmed`: a stem cell or zygote without the artifacts. `warm`: the same action's own
 * container. `preloaded`: a container that is up and in which the artifacts are resident.
 */
export const startTypes = ['cold', 'prewarmed', 'warm', 'preloaded'] as const;
export type StartType = (typeof startTypes)[number];
/** Start types that had to load on the path of the call. */
export const loadsOnPath = (startType: StartType): boolean => startType === 'cold' || startType === 'prewarmed';

/** Answered by `containerStarted` or `containerRemoved`. */
export interface CreateContainer {
  readonly type: 'createContainer';
  readonly containerId: ContainerId;
  readonly memoryLimitBytes: number;
  readonly reason: 'activation' | 'stem-cell' | 'prewarm-window' | 'pinned' | 'worth-its-memory' | 'reserve';
}
/**
 * Run an activation now, beside others of its action where its limit allows that; answered by `activationFinished` (or
 * `containerRemoved`), and before that, where it has to be initialised, by `activationInitialized`. A load that is under way in the
 * container is cancelled by it, unless it is for the same action: then the call joins it.
 */
export interface StartActivation {
  readonly type: 'startActivation';
  readonly activationId: string;
  readonly containerId: ContainerId;
  readonly actionKey: ActionKey;
  readonly startType: StartType;
  /** First make the container a stem cell again, keeping its former action's slot frozen when `retain` (same namespace). */
  readonly clean: 'none' | 'retain' | 'discard';
  /** Whether /init has to be sent before /run. */
  readonly init: boolean;
}
/** Answered by `loadSucceeded` or `loadFailed`. */
export interface Load {
  readonly type: 'load';
  readonly containerId: ContainerId;
  readonly actionKey: ActionKey;
  readonly reason: 'deployed' | 'preload-window' | 'predecessor-called' | 'burst-replica' | 'replaced-after-loss' | 'pinned' | 'asked';
  /** With `predecessor-called`: the action that was called. */
  readonly after?: ActionKey | undefined;
}
/** Answered by `offloadCompleted`. */
export interface Offload {
  readonly type: 'offload';
  readonly containerId: ContainerId;
  readonly actionKey: ActionKey;
  readonly reason: 'offload-window' | 'evicted-for-value' | 'action-removed' | 'memory-pressure' | 'idle-ttl' | 'asked';
}
/** Idle past its keep-alive: becomes a zygote. Answered by `containerCleaned` (or `containerRemoved`). */
export interface CleanContainer {
  readonly type: 'cleanContainer';
  readonly containerId: ContainerId;
  /** Keep the former action's slot frozen as a resident of its namespace. */
  readonly retain: boolean;
  readonly reason: 'keep-alive-over' | 'evicted-for-value' | 'idle-ttl';
}
/** Answered by `containerRemoved` with reason `requested`. */
export interface RemoveContainer {
  readonly type: 'removeContainer';
  readonly containerId: ContainerId;
  readonly reason: 'keep-alive-over' | 'idle-ttl' | 'zygote-window-over' | 'evicted-for-activation' | 'unusable' | 'surplus-stem-cell' | 'not-worth-its-memory';
}
export const failureReasons = ['action-unknown', 'memory-limit-exceeds-pool', 'container-failed', 'queue-full', 'initialization-failed'] as const;
/** The activation can never run here; the caller gets an error with this reason. */
export interface FailActivation {
  readonly type: 'failActivation';
  readonly activationId: string;
  readonly reason: (typeof failureReasons)[number];
  /** With `initialization-failed`: the container that it waited for and in which its action's /init failed; the answer is the same. */
  readonly failedIn?: ContainerId | undefined;
}

/**
 * Read model files of the action from end to end, so that they are in the host's page cache: a load then reads nothing from the
 * disk, in whatever container. One at a time; answered by `readAheadEnded`.
 */
export interface ReadAhead {
  readonly type: 'readAhead';
  readonly actionKey: ActionKey;
  readonly files: readonly FileId[];
  readonly bytesPerSecond: number;
  /** `no-place`: the action has no place in a container. `next-load`: it has, and its files are needed all the same. */
  readonly reason: 'no-place' | 'next-load';
}
/** The disk is wanted by a call or a load; what was read stays. */
export interface StopReading {
  readonly type: 'stopReading';
  readonly actionKey: ActionKey;
  readonly reason: 'call' | 'load';
}

export type SchedulerCommand =
  | CreateContainer
  | StartActivation
  | Load
  | Offload
  | CleanContainer
  | RemoveContainer
  | FailActivation
  | ReadAhead
  | StopReading;
