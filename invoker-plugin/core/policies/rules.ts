// What a pre-warm policy may decide: plain data that the pool follows.
import type { SchedulerConfig } from '../config.ts';

export interface PolicyRules {
  /** Stem cells to keep ready. */
  readonly stemCellCount: (config: SchedulerConfig) => number;
  /** What becomes of a container whose keep-alive is over. */
  readonly afterKeepAlive: 'remove' | 'zygote';
}
