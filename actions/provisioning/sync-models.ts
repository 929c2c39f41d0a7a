// Keeps a store what a list says, on a schedule: each round reads the list anew and pulls what is missing. A model that cannot
// be had keeps no other from coming, and is tried again before the next round is due.
import { setTimeout as sleep } from 'node:timers/promises';
import cron from 'node-cron';
import { AppError, describeError } from '../../common/errors.ts';
import { referenceOf } from '../../runtime/model-store/manifest.ts';
import { pullModels, type PullOptions } from './pull-models.ts';
import { readRegistryList } from './registry-list.ts';

export interface Round {
  readonly pulled: number;
  readonly skipped: number;
  /** What could not be pulled, or read, each with its reason. */
  readonly failures: readonly string[];
}

export interface SyncOptions extends Omit<PullOptions, 'models'> {
  readonly listFile: string;
  /** A cron expression of five fields, or of six with seconds first. */
  readonly schedule: string;
  /** Waits before a failed round is tried again, one after the other. */
  readonly retryDelaysMs?: readonly number[];
  readonly onRound: (round: Round) => void;
}

const usualRetryDelaysMs = [10_000, 30_000, 120_000];

/**
 * Syncs now and then on schedule, until the signal aborts.
 * @throws AppError BAD_OPTION for a schedule that is none
 */
export async function syncModels(options: SyncOptions): Promise<void> {
  const { schedule, signal, retryDelaysMs = usualRetryDelaysMs, onRound } = options;
  if (!cron.validate(schedule)) throw new AppError('BAD_OPTION', `'${schedule}' is no cron expression.`, "For example: --schedule '*/5 * * * *', every five minutes.");
  const round = async (): Promise<void> => {
    for (const delayMs of [...retryDelaysMs, undefined]) {
      const done = await syncOnce(options);
      if (signal.aborted) return;
      onRound(done);
      if (done.failures.length === 0 || delayMs === undefined) return;
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  };
  let current = round();
  const task = cron.schedule(schedule, () => {
    // Rounds follow one another: one that takes longer than the schedule swallows those between.
    current = current.then(round);
    return current;
  }, { noOverlap: true });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => { resolve(); }, { once: true });
  });
  await task.destroy();
  await current;
}

/** One round; never rejects. */
async function syncOnce(options: SyncOptions): Promise<Round> {
  const failures: string[] = [];
  let [pulled, skipped] = [0, 0];
  try {
    for (const model of await readRegistryList(options.listFile)) {
      if (options.signal.aborted) break;
      try {
        const result = await pullModels({ ...options, models: [model] });
        pulled += result.pulled;
        skipped += result.skipped;
      } catch (thrown) {
        failures.push(`${referenceOf(model)}: ${describeError(thrown)}`);
      }
    }
  } catch (thrown) {
    failures.push(describeError(thrown));
  }
  return { pulled, skipped, failures };
}
