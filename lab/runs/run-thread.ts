// What a thread of the pool does with a task: tinypool calls it with each.
import { workerData, type MessagePort } from 'node:worker_threads';
import { labSetupOf, type CompareOptions } from '../compare-options.ts';
import { LabRunner, type LabRun } from './lab-run.ts';

export interface ThreadTask {
  readonly run: LabRun;
  readonly progress: MessagePort;
}

/** Milliseconds between two messages of progress. */
const reportEveryMs = 250;

// A pool gives its own data first.
const [, options] = workerData as [unknown, CompareOptions];
const runner = labSetupOf(options).then((setup) => new LabRunner(setup));

export default async function runTask({ run, progress }: ThreadTask): Promise<unknown> {
  let reportedAt = performance.now();
  const result = (await runner).run(run, (doneShare) => {
    const now = performance.now();
    if (now - reportedAt < reportEveryMs) return;
    reportedAt = now;
    progress.postMessage(doneShare);
  });
  progress.close();
  return result;
}
