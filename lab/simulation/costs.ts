// What things take in a simulated world, in ms and bytes: containers, and each action in one loading form.
import type { ActionKey } from '../../common/action-identity.ts';

export interface ActionCosts {
  /** /init with nothing resident, without loading, in a container that waited; and in a new one. */
  readonly initMs: number;
  readonly coldInitMs: number;
  /** /init where the artifacts are resident. */
  readonly adoptMs: number;
  /** Loading on the path of a call, and ahead of one. */
  readonly loadMs: number;
  readonly aheadLoadMs: number;
  /** What the container says that a load ahead took, from which schedulers learn; absent: all of it. */
  readonly reportedLoadMs?: number | undefined;
  /** What the first run after a load on the path takes beyond a steady one. */
  readonly firstRunExtraMs: number;
  readonly residentBytes: number;
  /** Model files that a load reads; absent: they cost nothing wherever they are. */
  readonly fileBytes?: number;
  /** What loads had read from the disk when these times were measured, which they hold; absent: nobody counted. */
  readonly measuredDiskBytes?: number | undefined;
  /** What a scheduler is told at the deployment, before anything was measured. */
  readonly estimatedLoadMs: number;
  readonly estimatedResidentBytes: number;
}

export interface PlatformCosts {
  readonly containerStartMs: number;
  readonly cleanMs: number;
  readonly removeMs: number;
  readonly offloadMs: number;
  readonly emptyContainerBytes: number;
}

export interface CostModel extends PlatformCosts {
  costsOf(actionKey: ActionKey): ActionCosts;
  /** Activations of the action that one container may run at once. */
  concurrencyLimitOf(actionKey: ActionKey): number;
  /** Length of this activation's run with everything in place; asked for once for each activation, when it starts. */
  runMsOf(activationId: string, actionKey: ActionKey): number;
}
