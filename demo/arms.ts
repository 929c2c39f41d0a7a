// The arms that are compared: each adds one part to the one before it, so that what a part contributes can be told.
import type { PrewarmPolicy } from '../invoker-plugin/core/config.ts';
import type { LoadingForm } from '../lab/simulation/profile.ts';

/** One way to run the same trace. */
export interface Arm {
  readonly policy: PrewarmPolicy;
  readonly preload: boolean;
  readonly loading: LoadingForm;
}

/** Such as `pagurus, mapped, pre-load`. */
export function armName({ policy, preload, loading }: Arm): string {
  return [policy, loading, ...(preload ? ['pre-load'] : [])].join(', ');
}

/** A file name for the arm, such as `pagurus-mapped-preload`. */
export function armSlug({ policy, preload, loading }: Arm): string {
  return [policy, loading, ...(preload ? ['preload'] : [])].join('-');
}

/** The arms of `--compare`; the first is what stock OpenWhisk without stem cells does. */
export const comparisonArms: readonly Arm[] = Object.freeze([
  { policy: 'none', preload: false, loading: 'stock' },
  { policy: 'stemcell', preload: false, loading: 'stock' },
  { policy: 'pagurus', preload: false, loading: 'stock' },
  { policy: 'pagurus', preload: false, loading: 'mapped' },
  { policy: 'pagurus', preload: true, loading: 'mapped' },
]);
