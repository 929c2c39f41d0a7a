// Keep-alive only: containers are made when an activation needs one, as stock OpenWhisk does without stem cells.
import type { PolicyRules } from './rules.ts';

export const none: PolicyRules = { stemCellCount: () => 0, afterKeepAlive: 'remove' };
