// One arm of the demo, live: real containers, real sessions, the real scheduler, fed with the trace's arrivals through
// OpenWhisk's own messages. It measures and reports; it prints nothing.
import { kafkaStage } from '../kafka/kafka-stage.ts';
import type { Arrival } from '../../lab/traces/arrivals.ts';
import type { ActivationRow } from '../report/rows.ts';
import { embeddedStage } from './embedded-stage.ts';
import { Replay } from './replay.ts';
import type { StageOptions } from './stage.ts';

export interface LiveRunOptions extends Omit<StageOptions, 'onFinished'> {
  readonly arrivals: readonly Arrival[];
  /** Invokers as processes of their own, over these brokers; absent: all in this process. */
  readonly kafka: { readonly brokers: readonly string[]; readonly invokers: number; readonly seed: number } | undefined;
  /** Aborting ends the replay early: what runs is given up, what was measured stays. */
  readonly signal: AbortSignal;
  readonly onRow: (row: ActivationRow) => void;
  readonly onPhase: (phase: 'deploying' | 'replaying' | 'finishing') => void;
}

export interface LiveRunResult {
  /** From deploying the actions until nothing was under way any more. */
  readonly deployMs: number;
  readonly replayMs: number;
  readonly startedAt: number;
}

/** Runs the arm and resolves when the last activation is answered and every container is gone. */
export async function runLive(options: LiveRunOptions): Promise<LiveRunResult> {
  const { clock, signal, kafka } = options;
  const replay = new Replay(options);
  const stageOptions: StageOptions = {
    ...options,
    onFinished: (activation) => {
      replay.take(activation);
    },
  };
  const stage = kafka === undefined ? embeddedStage(stageOptions) : await kafkaStage({ ...stageOptions, ...kafka });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
  const deployAt = clock.now();
  try {
    options.onPhase('deploying');
    await stage.start();
    for (const action of options.actions) await stage.controller.deploy(action);
    await Promise.race([stage.settled(), aborted]);
    const deployMs = clock.now() - deployAt;
    options.onPhase('replaying');
    const { startedAt } = await replay.run(stage.controller, aborted);
    options.onPhase('finishing');
    return { deployMs, replayMs: clock.now() - startedAt, startedAt };
  } finally {
    await stage.close();
  }
}
