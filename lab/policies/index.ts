// The policies by the names that `--policies` takes, in the order of the tables.
import { AppError } from '../../common/errors.ts';
import { clairvoyant } from './clairvoyant.ts';
import { faasCache } from './faascache.ts';
import { hybridHistogram } from './hybrid-histogram.ts';
import { instaInferCode } from './instainfer-code.ts';
import { instaInferPaper } from './instainfer-paper.ts';
import { keepAlive } from './keep-alive.ts';
import { ours } from './ours.ts';
import { pagurus } from './pagurus.ts';
import type { PolicyDefinition } from './policy.ts';
import { stemCells } from './stem-cells.ts';

export const policies: readonly PolicyDefinition[] = [keepAlive, stemCells, hybridHistogram, faasCache, pagurus, instaInferCode, instaInferPaper, ours, clairvoyant];

/** Throws AppError BAD_OPTION where there is none. */
export function policyNamed(name: string): PolicyDefinition {
  const found = policies.find((policy) => policy.name === name);
  if (found === undefined) throw new AppError('BAD_OPTION', `There is no policy '${name}'.`, `Take of ${policies.map((policy) => policy.name).join(', ')}.`);
  return found;
}
