// How far a simulation may be trusted: its start types held against those of a live run of the same arrivals.
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../common/errors.ts';
import { armName } from '../arms.ts';
import { msText, percentText } from '../report/comparison.ts';
import { comparisonSchema, summarySchema, type RunContext, type Summary } from '../report/summary-schema.ts';

/** The largest share of activations that may start otherwise for a simulation to count as faithful. */
export const faithfulShare = 0.05;

export interface Agreement {
  readonly arm: string;
  /** Counts by start type: live, then simulated. */
  readonly counts: Readonly<Record<string, readonly [live: number, simulated: number]>>;
  /** Activations that would have to change their start type for both counts to be equal. */
  readonly differing: number;
  /** Of the live run's activations, 0 to 1. */
  readonly differingShare: number;
  /** Mean startup in ms, live and simulated; null where nothing succeeded. */
  readonly meanStartupMs: readonly [live: number | null, simulated: number | null];
}

/** Compares counts, not activation by activation: half the sum of the differences, rounded up, is what differs. */
export function agreementOf(live: Summary, simulated: Summary): Agreement {
  const types = new Set([...Object.keys(live.activations.byStartType), ...Object.keys(simulated.activations.byStartType)]);
  const counts = Object.fromEntries(
    [...types].map((type): [string, [number, number]] => [type, [live.activations.byStartType[type] ?? 0, simulated.activations.byStartType[type] ?? 0]]),
  );
  const differing = Math.ceil(Object.values(counts).reduce((sum, [a, b]) => sum + Math.abs(a - b), 0) / 2);
  const total = live.activations.completed;
  return {
    arm: armName(live.context.arm),
    counts,
    differing,
    differingShare: total === 0 ? 1 : differing / total,
    meanStartupMs: [live.startupMs?.mean ?? null, simulated.startupMs?.mean ?? null],
  };
}

export function agreementText(agreement: Agreement): string {
  const { arm, counts, differing, differingShare, meanStartupMs } = agreement;
  const parts = Object.entries(counts).map(([type, [live, simulated]]) => `${type} ${live}/${simulated}`);
  const verdict = differingShare <= faithfulShare ? 'agrees' : 'does not agree';
  const startup = meanStartupMs.map((ms) => (ms === null ? '–' : msText(ms))).join('/');
  return (
    `${arm}: the simulation ${verdict} with the live run; start types live/simulated: ${parts.join(', ')}; ` +
    `${differing} differ (${percentText(differingShare)}, at most ${percentText(faithfulShare)}); mean startup ${startup}`
  );
}

/** The summaries in a summary.json of one run or of a comparison. Throws AppError BAD_OPTION where it is none. */
export async function readSummaries(file: string): Promise<readonly Summary[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new AppError('BAD_OPTION', `--against ${file} cannot be read.`, 'Give the summary.json of a live run.', { cause });
  }
  const comparison = comparisonSchema.safeParse(value);
  if (comparison.success) return comparison.data.arms;
  const summary = summarySchema.safeParse(value);
  if (summary.success) return [summary.data];
  throw new AppError('BAD_OPTION', `--against ${file} is no summary.json of this version.`, 'Give the summary.json of a live run.');
}

/** What has to be equal for two runs to be held against each other. Cache and model size are the profile's business. */
const workloadKeys = [
  'seed',
  'arrivals',
  'speed',
  'poolMemoryMb',
  'containerMemoryMb',
  'keepAliveSeconds',
  'zygoteWindowSeconds',
  'stemCells',
  'trace',
] as const satisfies readonly (keyof RunContext)[];

/**
 * Pairs each simulated arm with the live run of the same arm. Throws AppError BAD_OPTION where an arm is missing or was run
 * with other settings, naming the first that differs.
 */
export function agreementsOf(live: readonly Summary[], simulated: readonly Summary[]): Agreement[] {
  return simulated.map((summary) => {
    const name = armName(summary.context.arm);
    const reference = live.find((candidate) => armName(candidate.context.arm) === name);
    if (reference === undefined) {
      const found = live.map((candidate) => `"${armName(candidate.context.arm)}"`).join(', ');
      throw new AppError('BAD_OPTION', `--against holds no run of "${name}".`, `It holds ${found}: give the same --policy, --preload and --loading.`);
    }
    const [ours, theirs] = [summary.context, reference.context];
    const key = workloadKeys.find((candidate) => !isDeepStrictEqual(ours[candidate], theirs[candidate]));
    if (key !== undefined) {
      const message = `--against was run with ${key} ${JSON.stringify(theirs[key])}, the simulation with ${JSON.stringify(ours[key])}.`;
      throw new AppError('BAD_OPTION', message, 'Give both the same options.');
    }
    return agreementOf(reference, summary);
  });
}
