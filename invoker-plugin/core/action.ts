// What the scheduler remembers of an action.
import type { ActionKey } from '../../common/action-identity.ts';
import type { FollowForecast } from '../../common/follow-forecast.ts';
import type { GapForecast } from '../../common/gap-forecast.ts';
import type { ContainerId, ModelFile } from './events.ts';
import type { LearntMean } from './learn.ts';
import type { ActionWishes } from './wishes.ts';

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

/** Places where the next activation of the action would find its artifacts: own and resident containers that are idle, own ones that take one more, and loads under way. */
export function freePlacesOf(action: Action): number {
  return action.idleOwn.size + action.openOwn.size + action.idleResident.size + action.loadingIn.size;
}

/** Places that are taken for the moment: own containers that run, and containers with its artifacts that run (or clean up after) another action. */
export function busyPlacesOf(action: Action): number {
  return action.busyOwn.size - action.openOwn.size + action.residentIn.size - action.idleResident.size;
}
