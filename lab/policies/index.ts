// The policies by the names that `--policies` takes, in the order of the tables.
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
