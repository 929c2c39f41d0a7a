// After Pagurus (USENIX ATC'22): beside stem cells, a container idle past its keep-alive becomes a zygote that any action
// may take, and only goes when its zygote window is over too. There is no repacked image: the clean container serves all.
import type { PolicyRules } from './rules.ts';

export const pagurus: PolicyRules = { stemCellCount: (config) => config.stemCellCount, afterKeepAlive: 'zygote' };
