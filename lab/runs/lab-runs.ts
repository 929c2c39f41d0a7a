// Where runs are done: one after the other in this thread, or side by side in threads of their own.
import path from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { Tinypool } from 'tinypool';
import type { CompareOptions } from '../compare-options.ts';
import { jointProgress } from './joint-progress.ts';
import { LabRunner, ofAllInvokers, type LabRun, type LabRunResult, type LabSetup } from './lab-run.ts';
import type { ThreadTask } from './run-thread.ts';

export interface LabRuns {
  /** How many are done at once. */
  readonly threads: number;
  /** @param onProgress told now and then of the share that is done; a signal that is aborted makes it reject */
  run(run: LabRun, onProgress: (doneShare: number) => void, signal?: AbortSignal): Promise<LabRunResult | 'home-is-full'>;
  close(): Promise<void>;
}

export function runsInThisThread(setup: LabSetup): LabRuns {
  const runner = new LabRunner(setup);
  return {
    threads: 1,
    run: (run, onProgress) => Promise.resolve().then(() => runner.run(run, onProgress)),
    close: () => Promise.resolve(),
  };
}

/** New objects live shortly here, and there are many: V8's usual 48 MB of young ones are collected twice as often as they need be. */
const youngGenerationMb = 192;

/** Threads that read trace and costs for themselves, as the options say. */
export function runsInThreads(options: CompareOptions, threads: number): LabRuns {
  const pool = new Tinypool({
    filename: path.join(import.meta.dirname, 'run-thread.js'),
    minThreads: threads,
    maxThreads: threads,
    workerData: options,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
  return {
    threads,
    run: async (run, onProgress, signal) => {
      const { port1, port2 } = new MessageChannel();
      port1.on('message', onProgress);
      const task: ThreadTask = { run, progress: port2 };
      try {
        return (await pool.run(task, { transferList: [port2], ...(signal === undefined ? {} : { signal }) })) as LabRunResult | 'home-is-full';
      } finally {
        port1.close();
      }
    },
    close: () => pool.destroy(),
  };
}

/**
 * One run of the whole: in as many parts as are asked for, side by side, where calls find room at home; in one piece from the
 * beginning where one does not.
 */
export async function runWhole(runs: LabRuns, run: LabRun, parts: number, onProgress: (doneShare: number) => void): Promise<readonly LabRunResult[]> {
  if (parts > 1) {
    const reportOf = jointProgress(parts, onProgress);
    const giveUp = new AbortController();
    const results = await Promise.all(
      Array.from({ length: parts }, async (_, index) => {
        try {
          const result = await runs.run({ ...run, part: { index, count: parts } }, reportOf(index), giveUp.signal);
          if (result === 'home-is-full') giveUp.abort();
          return result;
        } catch (error) {
          if (giveUp.signal.aborted) return 'home-is-full';
          throw error;
        }
      }),
    );
    if (results.every((result) => result !== 'home-is-full')) return results;
    onProgress(0);
  }
  return [ofAllInvokers(await runs.run(run, onProgress))];
}
