// What the scheduler remembers: containers, actions, waiting activations, and the indexes that keep a step cheap. It
// decides nothing; indexes.ts keeps them in step. All of it is plain data with maps and sets: `structuredClone` copies a state completely.
import type { ActionKey } from '../../common/action-identity.ts';
import type { FollowForecast } from '../../common/follow-forecast.ts';
import type { GapForecast } from '../../common/gap-forecast.ts';
import type { SchedulerCommand, StartType, Load } from './commands.ts';
import type { SchedulerConfig } from './config.ts';
import type { ContainerId, ModelFile } from './events.ts';
import type { LearntMean } from './learn.ts';
import { createPageCache, type PageCache } from './page-cache.ts';
import type { PolicyRules } from './policies/rules.ts';
import type { Timer } from './timers.ts';
import type { ActionWishes } from './wishes.ts';

/** One action's artifacts in a container, beside the container's own action. */
export interface Resident {
  readonly actionKey: ActionKey;
  readonly residentBytes: number;
  readonly since: number;
  /** A former own action's slot, kept frozen: it holds user code, so it serves only that action. */
  readonly retained: boolean;
}

export interface LoadInFlight {
  readonly actionKey: ActionKey;
  readonly reason: Load['reason'];
  readonly startedAt: number;
  readonly predictedBytes: number;
  /** `joined`: an activation of the same action took the container. `cancelled`: one of another action did. */
  fate: 'running' | 'joined' | 'cancelled';
}

export interface RunningActivation {
  readonly activationId: string;
  readonly actionKey: ActionKey;
  readonly startType: StartType;
  /** It found a load of its own artifacts under way and waits for the rest of it. */
  readonly joinedLoad: boolean;
  /** Another container has refused it already. */
  readonly wasUnserved: boolean;
  /** When the container is expected to be idle again, in epoch ms. */
  readonly expectedEndAt: number;
}

export type ContainerPhase = 'starting' | 'idle' | 'busy' | 'cleaning' | 'removing';
/** `stem`: no action yet. `warm`: has its own action. `zygote`: had one, is clean again, and any action may take it. */
export type ContainerRole = 'stem' | 'warm' | 'zygote';

export interface Container {
  readonly id: ContainerId;
  readonly memoryLimitBytes: number;
  phase: ContainerPhase;
  role: ContainerRole;
  /** The action it is initialised for; defined exactly when the role is `warm`. */
  ownActionKey: ActionKey | undefined;
  namespace: string | undefined;
  /** Last measurement of its private memory, moved by predictions until the next one. */
  usedBytes: number;
  residents: Map<ActionKey, Resident>;
  /** Bytes whose off-load is not confirmed yet; still part of `usedBytes`. */
  releasing: Map<ActionKey, number>;
  load: LoadInFlight | undefined;
  /** Those that run in it, the longest first: all of its own action, and no more than that one's limit. */
  activations: Map<string, RunningActivation>;
  /** Whether the own action's /init has been answered: no further call goes in before. */
  isInitialized: boolean;
  /** One of its activations has failed: it goes when the others have ended. */
  isUnusable: boolean;
  /** While starting: the activation that waits for it. */
  claimedBy: string | undefined;
  /** While cleaning: whether the former action's slot stays. */
  retaining: boolean;
  /** The action whose load waits for the off-loads under way here. */
  makingRoomFor: ActionKey | undefined;
  /** The action whose pre-warm window it was started for. */
  prewarmedFor: ActionKey | undefined;
  /** It is there for pinned places alone: its window is over, or it was started for them. */
  heldForPins: boolean;
  /** Another invoker's stem cell: holds artifacts ahead, and is in no pool of ours. */
  readonly isBorrowed: boolean;
  /** End of the last activation (or of the start): its keep-alive counts from here; loads do not extend it. */
  idleSince: number;
  timerAt: number | undefined;
}

/** The controller plugin's plan, without its key. */
export interface ActionPlan {
  readonly arrivalRatePerMs: number;
  readonly sampleCount: number;
  readonly preloadWindowMs: number | undefined;
  readonly offloadWindowMs: number | undefined;
  readonly prewarmWindowMs: number | undefined;
  readonly keepAliveWindowMs: number | undefined;
  readonly gaps?: GapForecast | undefined;
  readonly follows?: readonly FollowForecast[] | undefined;
  /** Its calls are expected at other invokers. */
  readonly elsewhere?: boolean | undefined;
}

/** Probabilities of a call within some horizons, as seen from one moment. */
export interface Foretold {
  readonly gaps: GapForecast;
  readonly at: number;
  readonly lastArrivalAt: number;
  /** Share of the gaps that are longer than the silence until then. */
  readonly silent: number;
  readonly byHorizon: [horizonMs: number, probability: number][];
}

export interface Action {
  readonly key: ActionKey;
  namespace: string;
  memoryLimitBytes: number;
  declaresArtifacts: boolean;
  wishes: ActionWishes;
  /** Places that are pinned: what it wishes, as far as there is memory for it. */
  grantedPins: number;
  estimatedLoadMs: number;
  estimatedResidentBytes: number;
  /** Activations of it that one container may run at once. */
  concurrencyLimit: number;
  removed: boolean;
  /** A newer version is deployed: calls that are under way are still served, but no more are expected. */
  superseded: boolean;
  deployedAt: number;
  lastArrivalAt: number | undefined;
  /** Times of the last few arrivals, oldest first. */
  recentArrivals: number[];
  plan: ActionPlan | undefined;
  /** What was worked out from the plan's forecast, for one moment. */
  foretold: Foretold | undefined;
  /** Model files that its loads read, and their size together; none where that is not known. */
  files: readonly ModelFile[];
  fileBytes: number;
  /** Share of them that is believed to be in the host's page cache; 1 where none are known. */
  hotShare: number;
  /** When they may be read ahead again. */
  retryReadAt: number;
  /** Without and with the artifacts resident. */
  initMs: LearntMean;
  adoptMs: LearntMean;
  /** Loading on the path of a call, and ahead of time: files in the page cache, and on the disk. */
  loadMs: LearntMean;
  aheadLoadMs: LearntMean;
  coldLoadMs: LearntMean;
  coldAheadLoadMs: LearntMean;
  /** Runs that found their artifacts resident, and the others. */
  runMs: LearntMean;
  firstRunMs: LearntMean;
  coldFirstRunMs: LearntMean;
  residentBytes: LearntMean;
  /** What a container said it needs when it refused a load for memory. */
  refusedBytes: number;
  /** False once a load failed for a reason that only a new deployment changes. */
  loadable: boolean;
  loadFailures: number;
  retryLoadAt: number;
  /** A replica was lost with its container and has not been replaced. */
  hasLostReplica: boolean;
  /** Container in which victims are being off-loaded for it. */
  roomBeingMadeIn: ContainerId | undefined;
  /** The `lastArrivalAt` for which the pre-warm window has already started a container. */
  prewarmedAfter: number | undefined;
  timerAt: number | undefined;
  idleOwn: Set<ContainerId>;
  idleResident: Set<ContainerId>;
  /** Every container where it is resident, idle or not. */
  residentIn: Set<ContainerId>;
  loadingIn: Set<ContainerId>;
  /** Own containers that run. */
  busyOwn: Set<ContainerId>;
  /** Those of them that take one more call beside what runs in them. */
  openOwn: Set<ContainerId>;
  /** Its waiting activations, in order of arrival. */
  waitingIds: Set<string>;
  /** Those of them for which a container is starting, or being made room for. */
  comingOwnCount: number;
}

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

/** Containers of one class are interchangeable for an action that finds none of its own: role, memory limit, and for warm ones the namespace. */
export function classOf(role: ContainerRole, memoryLimitBytes: number, namespace: string | undefined): string {
  if (role === 'warm') return `warm ${memoryLimitBytes} ${namespace ?? ''}`;
  // Asked for several times in every step; there are as many as memory limits.
  const known = blankClassNames[role];
  let name = known.get(memoryLimitBytes);
  if (name === undefined) {
    name = `${role} ${memoryLimitBytes}`;
    known.set(memoryLimitBytes, name);
  }
  return name;
}
const blankClassNames = { stem: new Map<number, string>(), zygote: new Map<number, string>() };

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

/** Places where the next activation of the action would find its artifacts: own and resident containers that are idle, own ones that take one more, and loads under way. */
export function freePlacesOf(action: Action): number {
  return action.idleOwn.size + action.openOwn.size + action.idleResident.size + action.loadingIn.size;
}

/** Places that are taken for the moment: own containers that run, and containers with its artifacts that run (or clean up after) another action. */
export function busyPlacesOf(action: Action): number {
  return action.busyOwn.size - action.openOwn.size + action.residentIn.size - action.idleResident.size;
}

/** Calls of its own action that a container would take now; none while it is being initialised, or has to go. */
export function ownSlotsOf(state: SchedulerState, { phase, ownActionKey, activations, isInitialized, isUnusable }: Container): number {
  if (ownActionKey === undefined) return 0;
  const { concurrencyLimit } = actionOf(state, ownActionKey);
  if (phase === 'idle') return concurrencyLimit;
  return phase === 'busy' && isInitialized && !isUnusable ? Math.max(0, concurrencyLimit - activations.size) : 0;
}
