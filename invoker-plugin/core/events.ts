// The facts the scheduler is told. Every event carries its time; the scheduler knows no other clock.
import type { FollowForecast } from '../../common/follow-forecast.ts';
import type { GapForecast } from '../../common/gap-forecast.ts';
import type { ActionKey } from '../../common/action-identity.ts';
import type { ActionWishes } from './wishes.ts';

/** Identifies a container of this invoker; chosen by the scheduler when it asks for one, never used twice. */
export type ContainerId = string;

/** A file of the model store by its content, so that equal files are one. */
export type FileId = string;
export interface ModelFile {
  readonly id: FileId;
  readonly bytes: number;
}

interface EventBase {
  /** Epoch milliseconds at which it happened. */
  readonly at: number;
}

/** An action was created, updated or seen for the first time. Estimates stand until measurements replace them. */
export interface ActionDeployed extends EventBase {
  readonly type: 'actionDeployed';
  readonly actionKey: ActionKey;
  /** Namespace that invokes it. */
  readonly namespace: string;
  readonly memoryLimitBytes: number;
  /** Whether it declares artifacts; an action without any is never pre-loaded. */
  readonly declaresArtifacts: boolean;
  readonly estimatedLoadMs: number;
  /** Private memory of a slot that holds its artifacts. */
  readonly estimatedResidentBytes: number;
  /** What its author asks for, as far as that is allowed; absent: nothing. */
  readonly wishes?: ActionWishes | undefined;
  /** Activations of it that one container may run at once (`limits.concurrency`); 1 where it is not given. */
  readonly concurrencyLimit?: number | undefined;
  /** Files of the host's model store that a load of it reads, each once; absent: not known. */
  readonly files?: readonly ModelFile[] | undefined;
}
export interface ActionRemoved extends EventBase {
  readonly type: 'actionRemoved';
  readonly actionKey: ActionKey;
}
/** The controller plugin published a plan for an action. */
export interface PlanReceived extends EventBase {
  readonly type: 'planReceived';
  readonly actionKey: ActionKey;
  readonly arrivalRatePerMs: number;
  readonly sampleCount: number;
  readonly lastArrivalAt: number;
  readonly preloadWindowMs?: number | undefined;
  readonly offloadWindowMs?: number | undefined;
  readonly prewarmWindowMs?: number | undefined;
  readonly keepAliveWindowMs?: number | undefined;
  /** How long it will be silent after `lastArrivalAt`. */
  readonly gaps?: GapForecast | undefined;
  /** Calls of other actions, at whichever invoker, that its next one tends to follow. */
  readonly follows?: readonly FollowForecast[] | undefined;
  /** Whether the plan names other invokers: nothing is to be prepared here for calls that come there. */
  readonly elsewhere?: boolean | undefined;
}
export interface ActivationArrived extends EventBase {
  readonly type: 'activationArrived';
  readonly activationId: string;
  readonly actionKey: ActionKey;
}
export interface ContainerStarted extends EventBase {
  readonly type: 'containerStarted';
  readonly containerId: ContainerId;
  readonly startMs: number;
  /** Private memory the container uses with nothing loaded. */
  readonly usedBytes: number;
}
/**
 * A stem cell that another invoker made and will use: artifacts may be loaded into it, and that is all. `containerRemoved`
 * when it is taken or gone. A scheduler that borrows serves nobody: it is told of plans, never of activations.
 */
export interface ContainerFound extends EventBase {
  readonly type: 'containerFound';
  readonly containerId: ContainerId;
  readonly memoryLimitBytes: number;
  readonly usedBytes: number;
}
/** The activation's /init was answered: the container takes further calls of its action, where its limit allows more than one. */
export interface ActivationInitialized extends EventBase {
  readonly type: 'activationInitialized';
  readonly activationId: string;
  readonly containerId: ContainerId;
}
/** The activation's run is over and its reply received; without others the container is idle again unless `containerUsable` is false. */
export interface ActivationFinished extends EventBase {
  readonly type: 'activationFinished';
  readonly activationId: string;
  readonly containerId: ContainerId;
  /** False after a developer or system error: the container has to go, once the others in it have ended (OpenWhisk's rule). */
  readonly containerUsable: boolean;
  readonly initMs: number;
  /** Time that loading libraries and models took on the path of this call. */
  readonly loadMs: number;
  readonly runMs: number;
  /** Private memory of the container after the run; absent when it could not be read. */
  readonly usedBytes?: number | undefined;
  /** What loading on the path of this call had read from the disk; absent where nothing was loaded, or nobody counted. */
  readonly diskBytes?: number | undefined;
}
/** The container refused the run before it began: it is about to end, or its action's process has. The activation had no effect. */
export interface ActivationUnserved extends EventBase {
  readonly type: 'activationUnserved';
  readonly activationId: string;
  readonly containerId: ContainerId;
}
export interface LoadSucceeded extends EventBase {
  readonly type: 'loadSucceeded';
  readonly containerId: ContainerId;
  readonly actionKey: ActionKey;
  readonly loadMs: number;
  readonly residentBytes: number;
  /** Private memory of the whole container after the load. */
  readonly usedBytes: number;
  /** What the load had read from the disk; absent where nobody counted. */
  readonly diskBytes?: number | undefined;
}
/** `cancelled`: the container was taken. `memory`: refused for want of room. `artifact`: will never load. `error`: may be tried again. */
export const loadFailureReasons = ['cancelled', 'memory', 'artifact', 'error'] as const;
export type LoadFailureReason = (typeof loadFailureReasons)[number];
export interface LoadFailed extends EventBase {
  readonly type: 'loadFailed';
  readonly containerId: ContainerId;
  readonly actionKey: ActionKey;
  readonly reason: LoadFailureReason;
  /** What the container said it would have needed, when it refused for memory. */
  readonly predictedBytes?: number | undefined;
  readonly usedBytes?: number | undefined;
}
/** The memory is back. Also sent when there was nothing to off-load. */
export interface OffloadCompleted extends EventBase {
  readonly type: 'offloadCompleted';
  readonly containerId: ContainerId;
  readonly actionKey: ActionKey;
  readonly usedBytes: number;
}
/** The container is a stem cell again (`cleanContainer` done). */
export interface ContainerCleaned extends EventBase {
  readonly type: 'containerCleaned';
  readonly containerId: ContainerId;
  readonly usedBytes: number;
}
/** The container is gone: asked for, crashed, or never came up. Whatever it held or ran is lost. */
export interface ContainerRemoved extends EventBase {
  readonly type: 'containerRemoved';
  readonly containerId: ContainerId;
  readonly reason: 'requested' | 'start-failed' | 'crashed';
}
/** A person wants the action's artifacts loaded now, whatever they are worth; nothing happens where no container has room. */
export interface LoadAsked extends EventBase {
  readonly type: 'loadAsked';
  readonly actionKey: ActionKey;
}
/** A person wants them out of this container; they are not loaded ahead again for {@link heldBackMs}. */
export interface OffloadAsked extends EventBase {
  readonly type: 'offloadAsked';
  readonly containerId: ContainerId;
  readonly actionKey: ActionKey;
}
/** How long the scheduler respects that a person had something off-loaded. */
export const heldBackMs = 60_000;
/** What the host has for files: free memory, and the page cache that the kernel can take back. Who sends it can read ahead. */
export interface HostMemory extends EventBase {
  readonly type: 'hostMemory';
  readonly cacheableBytes: number;
}
/** `stopped`: as it was told. `memory`: the host has too little. `failed`: the files cannot be read. */
export const readingOutcomes = ['read', 'stopped', 'memory', 'failed'] as const;
export type ReadingOutcome = (typeof readingOutcomes)[number];
/** A `readAhead` is over. */
export interface ReadAheadEnded extends EventBase {
  readonly type: 'readAheadEnded';
  readonly actionKey: ActionKey;
  readonly outcome: ReadingOutcome;
  /** How far each file was read, from its beginning. */
  readonly files: readonly ModelFile[];
  /** What came from the disk, the rest having been in the page cache; absent where nobody counted. */
  readonly diskBytes?: number | undefined;
  readonly tookMs: number;
}
/** The time that an earlier step asked to be woken at has come. */
export interface Ticked extends EventBase {
  readonly type: 'ticked';
}

export type SchedulerEvent =
  | ActionDeployed
  | ActionRemoved
  | PlanReceived
  | ActivationArrived
  | ContainerStarted
  | ContainerFound
  | ActivationInitialized
  | ActivationFinished
  | ActivationUnserved
  | LoadSucceeded
  | LoadFailed
  | OffloadCompleted
  | ContainerCleaned
  | ContainerRemoved
  | LoadAsked
  | OffloadAsked
  | HostMemory
  | ReadAheadEnded
  | Ticked;
