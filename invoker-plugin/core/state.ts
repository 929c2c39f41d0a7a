// What the scheduler remembers: containers, actions, waiting activations, and the indexes that keep a step cheap. It
// decides nothing; indexes.ts keeps them in step. All of it is plain data with maps and sets: `structuredClone` copies a state completely.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Action, ActionPlan } from './action.ts';
import type { SchedulerCommand } from './commands.ts';
import type { SchedulerConfig } from './config.ts';
import type { Container } from './container.ts';
import type { ContainerId } from './events.ts';
import type { LearntMean } from './learn.ts';
import { createPageCache, type PageCache } from './page-cache.ts';
import type { PolicyRules } from './policies/rules.ts';
import type { Timer } from './timers.ts';

/**
 * `queued`: there is no room; holds up everything that arrives later. `awaiting-room`: containers are being removed for
 * it and their memory is promised to it. `awaiting-start`: its container is starting. `awaiting-own`: a container of its own
 * action will have run (or, where that takes several calls at once, be initialised) sooner than anything else would be ready;
 * holds up nothing.
 */
export type WaitingState = 'queued' | 'awaiting-room' | 'awaiting-start' | 'awaiting-own';

export interface WaitingActivation {
  readonly activationId: string;
  readonly actionKey: ActionKey;
  /** Its place in the order of arrival. */
  readonly turn: number;
  state: WaitingState;
  containerId: ContainerId | undefined;
  failedStarts: number;
  readonly wasUnserved: boolean;
  /** Calls that went before it although they came later, while it was the first that had no room. */
  overtakenCount: number;
}

/** An action that deserves one more place than it has. */
export interface Wanted {
  valueMs: number;
  readonly memoryLimitBytes: number;
  readonly predictedBytes: number;
  /** The room epoch at which no container could take it; -1 before the first try. */
  triedAtEpoch: number;
  /** When what all containers hold was compared for it; −Infinity before the first time. */
  comparedAt: number;
}

/** Value per byte. */
export function densityOf({ valueMs, predictedBytes }: Wanted): number {
  return valueMs / Math.max(1, predictedBytes);
}

export interface SchedulerState {
  now: number;
  nextContainerNumber: number;
  containers: Map<ContainerId, Container>;
  actions: Map<ActionKey, Action>;
  /** The version deployed last, by `unversionedNameOf`. */
  newestKeys: Map<string, ActionKey>;
  /** Plans of actions that are not deployed here yet, the oldest first; bounded by {@link mostPlansAhead}. */
  plansAhead: Map<ActionKey, { readonly plan: ActionPlan; readonly lastArrivalAt: number }>;
  /** In order of arrival. */
  waiting: Map<string, WaitingActivation>;
  nextTurn: number;
  queuedCount: number;
  awaitingOwnCount: number;
  /** Limits of all containers of our own until they are gone. */
  poolUsedBytes: number;
  /** Part of `poolUsedBytes`: containers that are being removed. */
  removingBytes: number;
  /** Memory that will be free and is promised to activations `awaiting-room`. */
  promisedBytes: number;
  /** Idle containers, longest idle first. */
  idle: Set<ContainerId>;
  /** Idle containers by {@link classOf}, longest idle first. */
  idleByClass: Map<string, Set<ContainerId>>;
  /** Starting containers nobody waits for, by memory limit. */
  unclaimedStarting: Map<number, Set<ContainerId>>;
  /** Containers that are another invoker's, by memory limit. */
  borrowedCounts: Map<number, number>;
  loadsInFlight: number;
  wanted: Map<ActionKey, Wanted>;
  /** When all that is wanted is tried again although no container has got room. */
  nextRoundAt: number;
  /** Actions whose places or rate changed in this step. */
  dirty: Set<ActionKey>;
  /** Actions that wish pinned places, in order of deployment. */
  pinning: Set<ActionKey>;
  /** By memory limit: counts how often a container of that size has become able to take a load. */
  roomEpochs: Map<number, number>;
  pageCache: PageCache;
  timers: Timer[];
  nextTimerNumber: number;
  /** Times of the last calls that found no place in a container of a stem cell's size, oldest first. */
  recentMisses: number[];
  containerStartMs: LearntMean;
  /** Private memory of the container that started last, with nothing in it; 0 before the first. */
  freshUsedBytes: number;
  /** Failed starts of stem cells in a row, and when the next one may be tried. */
  stemCellFailures: number;
  retryStemCellAt: number;
}

/** A plans topic may speak of every action of the platform, an invoker sees some of them. */
export const mostPlansAhead = 10_000;

/** What the parts of one step share. */
export interface StepContext {
  readonly state: SchedulerState;
  readonly config: SchedulerConfig;
  readonly policy: PolicyRules;
  readonly now: number;
  readonly commands: SchedulerCommand[];
  /** Containers that became able to take a load in this step. */
  readonly roomy: Set<ContainerId>;
  /** Room that was made for an action and is there as of this step, and whose artifacts went for it. */
  readonly roomMade: { readonly forKey: ActionKey; readonly byKeys: readonly ActionKey[] }[];
}

/** A scheduler that knows no action and has no container. */
export function createState(): SchedulerState {
  return {
    now: 0,
    nextContainerNumber: 1,
    containers: new Map(),
    actions: new Map(),
    newestKeys: new Map(),
    plansAhead: new Map(),
    waiting: new Map(),
    nextTurn: 1,
    queuedCount: 0,
    awaitingOwnCount: 0,
    poolUsedBytes: 0,
    removingBytes: 0,
    promisedBytes: 0,
    idle: new Set(),
    idleByClass: new Map(),
    unclaimedStarting: new Map(),
    borrowedCounts: new Map(),
    loadsInFlight: 0,
    wanted: new Map(),
    nextRoundAt: 0,
    dirty: new Set(),
    pinning: new Set(),
    roomEpochs: new Map(),
    pageCache: createPageCache(),
    timers: [],
    nextTimerNumber: 1,
    recentMisses: [],
    containerStartMs: { mean: 0, count: 0 },
    freshUsedBytes: 0,
    stemCellFailures: 0,
    retryStemCellAt: 0,
  };
}

/** Idle containers of a class, longest idle first; empty where there is none. */
export function idleOfClass(state: SchedulerState, className: string): ReadonlySet<ContainerId> {
  return state.idleByClass.get(className) ?? noContainers;
}
const noContainers: ReadonlySet<ContainerId> = new Set<ContainerId>();

/** Looks up what the state itself says exists; absence is a programmer's error. */
export function containerOf(state: SchedulerState, id: ContainerId): Container {
  const container = state.containers.get(id);
  if (container === undefined) throw new Error(`the state names container ${id}, which it does not hold`);
  return container;
}
export function actionOf(state: SchedulerState, key: ActionKey): Action {
  const action = state.actions.get(key);
  if (action === undefined) throw new Error(`the state names action ${key}, which it does not hold`);
  return action;
}

/** Calls of its own action that a container would take now; none while it is being initialised, or has to go. */
export function ownSlotsOf(state: SchedulerState, { phase, ownActionKey, activations, isInitialized, isUnusable }: Container): number {
  if (ownActionKey === undefined) return 0;
  const { concurrencyLimit } = actionOf(state, ownActionKey);
  if (phase === 'idle') return concurrencyLimit;
  return phase === 'busy' && isInitialized && !isUnusable ? Math.max(0, concurrencyLimit - activations.size) : 0;
}
