// The pre-warm policies by the name an operator gives.
import type { PrewarmPolicy } from '../config.ts';
import { none } from './none.ts';
import { pagurus } from './pagurus.ts';
import type { PolicyRules } from './rules.ts';
import { stemcell } from './stemcell.ts';

export const policyTable: Readonly<Record<PrewarmPolicy, PolicyRules>> = { none, stemcell, pagurus };
