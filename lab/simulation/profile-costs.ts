// The costs of a measured profile, in one of its loading forms.
import { shortNameOf, type ActionKey } from '../../common/action-identity.ts';
import { createRandom, type Random } from '../../common/random.ts';
import type { ActionCosts, CostModel, PlatformCosts } from './costs.ts';
import type { ActionProfile, LoadingForm, Profile } from './profile.ts';

export function actionCostsOf(profile: ActionProfile, loading: LoadingForm): ActionCosts {
  return {
    initMs: profile.initMs[loading],
    coldInitMs: profile.coldInitMs[loading],
    adoptMs: profile.adoptMs,
    loadMs: profile.loadMs[loading],
    aheadLoadMs: profile.aheadLoadMs,
    reportedLoadMs: profile.reportedLoadMs,
    firstRunExtraMs: profile.firstRunExtraMs[loading],
    residentBytes: profile.residentBytes,
    measuredDiskBytes: profile.diskBytes,
    estimatedLoadMs: profile.estimatedLoadMs,
    estimatedResidentBytes: profile.estimatedResidentBytes,
  };
}

export function platformCostsOf(profile: Profile): PlatformCosts {
  const { containerStartMs, cleanMs, removeMs, offloadMs, emptyContainerBytes } = profile;
  return { containerStartMs, cleanMs, removeMs, offloadMs, emptyContainerBytes };
}

/** Actions by their short names. Runs are drawn from the measured ones; each action draws from a stream of its own, so that what one arm of a comparison does to others does not change its runs. */
export function profileCosts(profile: Profile, loading: LoadingForm, seed: number): CostModel {
  const known = new Map<ActionKey, { readonly costs: ActionCosts; readonly runSamplesMs: readonly number[]; readonly random: Random }>();
  const find = (actionKey: ActionKey): { readonly costs: ActionCosts; readonly runSamplesMs: readonly number[]; readonly random: Random } => {
    let found = known.get(actionKey);
    if (found === undefined) {
      const action = profile.actions[shortNameOf(actionKey)];
      if (action === undefined) throw new Error(`the profile holds no action ${actionKey}`);
      found = { costs: actionCostsOf(action, loading), runSamplesMs: action.runSamplesMs[loading], random: createRandom(seed, `runs of ${actionKey}`) };
      known.set(actionKey, found);
    }
    return found;
  };
  return {
    ...platformCostsOf(profile),
    costsOf: (actionKey) => find(actionKey).costs,
    // The profile was measured with one at a time.
    concurrencyLimitOf: () => 1,
    runMsOf: (_activationId, actionKey) => {
      const { random, runSamplesMs } = find(actionKey);
      return random.pick(runSamplesMs);
    },
  };
}
