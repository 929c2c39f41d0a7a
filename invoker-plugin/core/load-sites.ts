// Idle containers that loads ahead may go into, and what has to be known of each. While a step tries one action after the other
// and nothing changes, what was worked out of a container for one holds for the next.
import type { Action } from './action.ts';
import { classOf, type Container } from './container.ts';
import type { ContainerId } from './events.ts';
import { heldByDensity, ownPlaceValueMs, type HeldPlace } from './evict.ts';
import { aheadLoadMsOf } from './learn.ts';
import { firstContainers } from './pool.ts';
import { idleOfClass, type StepContext } from './state.ts';
import { deadlineOf } from './windows.ts';

/** Containers in which one step works out what would have to go. */
const comparedForEviction = 16;
/** A container that goes before this many load times have passed is not worth loading into. */
const leastLifeInLoads = 2;

/** A container that takes a load now, of whichever action. */
export class LoadSite {
  readonly container: Container;
  /** Bytes that loads ahead may still fill: the headroom stays free for activations. */
  readonly roomBytes: number;
  readonly #context: StepContext;
  #staysMs: number | undefined;
  #held: readonly HeldPlace[] | undefined;
  #ownValueMs: number | undefined;

  constructor(context: StepContext, container: Container) {
    this.#context = context;
    this.container = container;
    this.roomBytes = container.memoryLimitBytes * (1 - context.config.headroomShare) - container.usedBytes;
  }

  /** How long it is sure to stay, in ms. */
  get staysMs(): number {
    return (this.#staysMs ??= this.#lookHowLong());
  }

  /** Its residents that may go, least value per byte first. */
  get held(): readonly HeldPlace[] {
    return (this.#held ??= heldByDensity(this.#context, this.container));
  }

  /** What its own action would lose with it; undefined where that may not be given up. */
  get ownValueMs(): number | undefined {
    return (this.#ownValueMs ??= ownPlaceValueMs(this.#context, this.container));
  }

  #lookHowLong(): number {
    const { policy, now } = this.#context;
    const goesAt = policy.afterKeepAlive === 'zygote' && this.container.role === 'warm' ? undefined : deadlineOf(this.#context, this.container);
    return goesAt === undefined ? Infinity : goesAt - now;
  }
}

interface SitesOfClass {
  /** Those that just changed first, then the longest idle. */
  readonly sites: readonly LoadSite[];
  readonly mostRoomBytes: number;
}

export class LoadSites {
  readonly #context: StepContext;
  readonly #only: ReadonlySet<ContainerId> | undefined;
  readonly #known = new Map<number, Map<string, SitesOfClass>>();

  /** @param only the containers that are looked at; undefined: all */
  constructor(context: StepContext, only?: ReadonlySet<ContainerId>) {
    this.#context = context;
    this.#only = only;
  }

  /** Something has changed. */
  forget(): void {
    this.#known.clear();
  }

  /** Whether no container has so much room. */
  isFullFor(action: Action, bytes: number): boolean {
    return this.#near(action).mostRoomBytes < bytes;
  }

  /** The container with the most room for so many bytes more of the action; stem cells and zygotes before other actions' own: those are taken by their own action most. */
  roomiestFor(action: Action, bytes: number): Container | undefined {
    const { sites, mostRoomBytes } = this.#near(action);
    if (mostRoomBytes < bytes) return undefined;
    let best: LoadSite | undefined;
    for (const site of sites) {
      if (site.roomBytes < bytes || !mayHold(site, action)) continue;
      if (best === undefined || isRoomier(site, best)) best = site;
    }
    return best?.container;
  }

  /** The first containers that the action could be in, whatever room they have: something may have to go for it. */
  withoutRoomFor(action: Action): readonly LoadSite[] {
    const found: LoadSite[] = [];
    for (const site of this.#near(action).sites) {
      if (!mayHold(site, action)) continue;
      found.push(site);
      if (found.length === comparedForEviction) break;
    }
    return found;
  }

  /** Containers that the action could be run in afterwards. */
  #near({ memoryLimitBytes, namespace }: Action): SitesOfClass {
    let ofSize = this.#known.get(memoryLimitBytes);
    if (ofSize === undefined) this.#known.set(memoryLimitBytes, (ofSize = new Map<string, SitesOfClass>()));
    let near = ofSize.get(namespace);
    if (near === undefined) ofSize.set(namespace, (near = this.#look(memoryLimitBytes, namespace)));
    return near;
  }

  #look(memoryLimitBytes: number, namespace: string): SitesOfClass {
    const { state, roomy } = this.#context;
    const sites: LoadSite[] = [];
    let mostRoomBytes = -Infinity;
    const add = (container: Container): void => {
      if (container.phase !== 'idle' || container.load !== undefined) return;
      const site = new LoadSite(this.#context, container);
      sites.push(site);
      mostRoomBytes = Math.max(mostRoomBytes, site.roomBytes);
    };
    for (const id of this.#only ?? roomy) {
      const container = state.containers.get(id);
      if (container?.memoryLimitBytes === memoryLimitBytes && (container.role !== 'warm' || container.namespace === namespace)) add(container);
    }
    if (this.#only !== undefined) return { sites, mostRoomBytes };
    for (const className of [classOf('stem', memoryLimitBytes, undefined), classOf('zygote', memoryLimitBytes, undefined), classOf('warm', memoryLimitBytes, namespace)]) {
      for (const container of firstContainers(this.#context, idleOfClass(state, className))) if (!roomy.has(container.id)) add(container);
    }
    return { sites, mostRoomBytes };
  }
}

function mayHold(site: LoadSite, action: Action): boolean {
  const { key } = action;
  const { container } = site;
  if (container.ownActionKey === key || container.residents.has(key) || container.releasing.has(key)) return false;
  if (container.makingRoomFor !== undefined && container.makingRoomFor !== key) return false;
  return site.staysMs >= leastLifeInLoads * aheadLoadMsOf(action);
}

function isRoomier(left: LoadSite, right: LoadSite): boolean {
  const isOwn = ({ container }: LoadSite): number => (container.role === 'warm' ? 1 : 0);
  const order = isOwn(left) - isOwn(right);
  return order === 0 ? left.roomBytes > right.roomBytes : order < 0;
}
