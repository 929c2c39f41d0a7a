// What others may want to see of the scheduler's state: residency reports, metrics, a person. A copy, never the state itself.
import type { ActionKey } from '../../common/action-identity.ts';
import type { ContainerId } from './events.ts';
import { predictedBytesOf } from './learn.ts';
import { actionOf, type ContainerPhase, type ContainerRole, type SchedulerState } from './state.ts';

export interface ContainerView {
  readonly containerId: ContainerId;
  readonly phase: ContainerPhase;
  readonly role: ContainerRole;
  /** The action it is warm for. */
  readonly ownActionKey: ActionKey | undefined;
  readonly loadingActionKey: ActionKey | undefined;
  readonly memoryLimitBytes: number;
  readonly usedBytes: number;
  /** Actions whose next call finds its artifacts here, the own one included. */
  readonly resident: readonly { readonly actionKey: ActionKey; readonly residentBytes: number }[];
}

export interface SchedulerView {
  readonly containers: readonly ContainerView[];
  readonly waitingCount: number;
  /** Those of the waiting for which there is no room yet. */
  readonly queuedCount: number;
  readonly loadsInFlight: number;
  readonly poolUsedBytes: number;
}

/** Everything at once; O(containers + residents), for reports rather than for each step. */
export function viewOf(state: SchedulerState): SchedulerView {
  const containers = [...state.containers.values()].map((container): ContainerView => {
    const { id, phase, role, ownActionKey, load, memoryLimitBytes, usedBytes } = container;
    const own = ownActionKey === undefined ? [] : [{ actionKey: ownActionKey, residentBytes: predictedBytesOf(actionOf(state, ownActionKey)) }];
    const others = [...container.residents.values()].map(({ actionKey, residentBytes }) => ({ actionKey, residentBytes }));
    return { containerId: id, phase, role, ownActionKey, loadingActionKey: load?.actionKey, memoryLimitBytes, usedBytes, resident: [...own, ...others] };
  });
  const { waiting, queuedCount, loadsInFlight, poolUsedBytes } = state;
  return { containers, waitingCount: waiting.size, queuedCount, loadsInFlight, poolUsedBytes };
}
