// What the scheduler remembers of a container.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Load, StartType } from './commands.ts';
import type { ContainerId } from './events.ts';

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
  /** Whose artifacts go for it. */
  madeRoomBy: readonly ActionKey[];
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
