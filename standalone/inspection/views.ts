// What a caller sees of a standalone system, as JSON: the shapes that the server writes and the console reads. No other file
// is needed to understand them, and nothing of Node.js.
import type { StartType } from '../../invoker-plugin/core/commands.ts';
import type { ContainerPhase, ContainerRole } from '../../invoker-plugin/core/container.ts';

/** Artifacts of one action in a container. */
export interface ResidentView {
  /** Action key, or {@link anothers}. */
  readonly action: string;
  readonly residentBytes: number;
  /** Epoch ms. */
  readonly since: number;
  /** A former own action's slot that is kept frozen for its next call. */
  readonly retained: boolean;
  /** Expected saved latency of its being here, in ms within the value horizon; absent for another namespace's. */
  readonly valueMs?: number | undefined;
  /** Kept whatever it is worth, as the action's annotations ask; absent for another namespace's. */
  readonly pinned?: boolean | undefined;
}

export interface ContainerView {
  readonly id: string;
  readonly phase: ContainerPhase;
  readonly role: ContainerRole;
  readonly own?: string | undefined;
  readonly running?: string | undefined;
  /** Calls that run in it at once; absent where none does. */
  readonly runningCount?: number | undefined;
  readonly loading?: string | undefined;
  readonly memoryLimitBytes: number;
  /** Private memory as measured last. */
  readonly usedBytes: number;
  readonly residents: readonly ResidentView[];
}

/** What is expected of an action; times in epoch ms. */
export interface ForecastView {
  readonly lastArrivalAt?: number | undefined;
  /** The last few arrivals, oldest first. */
  readonly arrivals: readonly number[];
  /** 0 while too little is known, and when its off-load window is over. */
  readonly arrivalRatePerMs: number;
  /** From when its artifacts should be loaded, and when they may go. */
  readonly loadDueAt: number;
  readonly offloadDueAt: number;
  /** What a call saves that finds its artifacts resident. */
  readonly savedMs: number;
}

/** What the action's annotations ask of the scheduler, and what it gets. */
export interface WishesView {
  readonly pinnedPlaces: number;
  /** As many are pinned as there is memory for. */
  readonly grantedPins: number;
  /** Of these, the ones that are there now: the others are in use, being loaded, or have no room. */
  readonly heldPins: number;
  readonly priority: number;
  readonly idleMs?: number | undefined;
  /** When nothing is kept any more unless it is called, in epoch ms; absent where it has no idle time. */
  readonly idleEndsAt?: number | undefined;
  /** All of it in words. */
  readonly text: string;
}

export interface ActionView {
  readonly actionKey: string;
  readonly qualifiedName: string;
  readonly kind: string;
  readonly memoryMegabytes: number;
  readonly declaresArtifacts: boolean;
  /** Containers that are its own, or in which its artifacts are resident. */
  readonly heldIn: readonly string[];
  readonly waitingCount: number;
  /** Absent until the scheduler knows the action. */
  readonly forecast?: ForecastView | undefined;
  /** Absent where it asks for nothing, or for nothing that is allowed. */
  readonly wishes?: WishesView | undefined;
}

export interface MemoryPoint {
  readonly at: number;
  /** Limits of all containers together: what the pool has given away. */
  readonly poolUsedBytes: number;
  /** Private memory of all containers together. */
  readonly usedBytes: number;
  /** Of that, artifacts resident beside the containers' own actions. */
  readonly residentBytes: number;
}

export interface SystemStatus extends MemoryPoint {
  readonly startedAt: number;
  readonly namespace: string;
  readonly poolMemoryBytes: number;
  /** Whether artifacts are loaded ahead at all. */
  readonly preload: boolean;
  readonly waitingCount: number;
  readonly loadsInFlight: number;
  readonly containers: readonly ContainerView[];
  /** Actions of the caller. */
  readonly actions: readonly ActionView[];
}

/** One answered activation. */
export interface ActivationView {
  readonly activationId: string;
  readonly action: string;
  /** When it had ended. */
  readonly at: number;
  /** Absent when it never reached a container. */
  readonly startType?: StartType | undefined;
  /** Wait, init and load on the path of the call. */
  readonly startupMs: number;
  readonly runMs: number;
  readonly status: string;
}

/** What a console that opens now has missed. */
export interface HistoryView {
  readonly activations: readonly ActivationView[];
  readonly memory: readonly MemoryPoint[];
}

/** Stands for the name of an action that is none of the caller's business. */
export const anothers = '(another namespace)';
