// Stock OpenWhisk's stem cells: so many containers without an action stand ready and are replaced when one is taken.
import type { PolicyRules } from './rules.ts';

export const stemcell: PolicyRules = { stemCellCount: (config) => config.stemCellCount, afterKeepAlive: 'remove' };
