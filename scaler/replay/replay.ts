// Sends the requests of a data set to a scaler when they are due, runs each on the instance it was given, and scores the run.
import type { Clock } from '../../common/clock.ts';
import { meanOf, percentileOf } from '../../common/statistics.ts';
import { scalerScoreOf } from '../../lab/measures/measures.ts';
import type { Assignment, Meta } from '../interface.ts';
import type { Dataset, ReplayApplication, ReplayRequest } from './dataset.ts';
import type { SimulatedPlatform } from './simulated-platform.ts';

/** The scaler under test: in this process, or behind gRPC. */
export interface ScalerUnderTest {
  /** @throws where it gives no instance */
  assign(requestId: string, meta: Meta, atMs: number): Promise<Assignment>;
  idle(assignment: Assignment, durationMs: number): Promise<void>;
}

export interface ReplayResult {
  readonly requests: number;
  readonly failed: number;
  /** From request to instance, in ms. */
  readonly scheduleMeanMs: number;
  readonly scheduleP99Ms: number;
  readonly slots: number;
  readonly heldGibSeconds: number;
  readonly score: number;
  /** The first thing that failed. */
  readonly problem: string | undefined;
}

export interface ReplayOptions {
  readonly dataset: Dataset;
  readonly scaler: ScalerUnderTest;
  readonly platform: SimulatedPlatform;
  readonly clock: Clock;
  readonly onProgress?: (done: number, all: number) => void;
}

/** Resolves once every request has ended; memory counts until then. */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { dataset, clock, platform } = options;
  const beginsAt = clock.now();
  const counted = { scheduleMs: [] as number[], runMs: 0, runGibSeconds: 0, failed: 0, problem: undefined as string | undefined };
  let done = 0;
  const one = async (request: ReplayRequest, index: number): Promise<void> => {
    const application = dataset.applications.get(request.key);
    if (application === undefined) throw new Error(`the data set has no application ${request.key}`);
    const startedAt = clock.now();
    try {
      const assignment = await options.scaler.assign(`r${index + 1}`, metaOf(application), Math.round(startedAt));
      const scheduleMs = clock.now() - startedAt;
      if (!platform.hasInstance(assignment.instance_id)) throw new Error(`instance ${assignment.instance_id} is in no slot`);
      await until(clock, clock.now() + request.durationMs);
      counted.scheduleMs.push(scheduleMs);
      counted.runMs += request.durationMs;
      counted.runGibSeconds += (application.memoryMegabytes / 1024) * (request.durationMs / 1000);
      await options.scaler.idle(assignment, request.durationMs);
    } catch (error) {
      counted.failed += 1;
      counted.problem ??= error instanceof Error ? error.message : String(error);
    }
    done += 1;
    options.onProgress?.(done, dataset.requests.length);
  };
  const running: Promise<void>[] = [];
  for (const [index, request] of dataset.requests.entries()) {
    await until(clock, beginsAt + request.atMs);
    running.push(one(request, index));
  }
  await Promise.all(running);
  const { scheduleMs, runMs, runGibSeconds, failed, problem } = counted;
  const sumMs = scheduleMs.reduce((sum, value) => sum + value, 0);
  const heldGibSeconds = platform.heldGibSeconds();
  return {
    requests: dataset.requests.length,
    failed,
    scheduleMeanMs: meanOf(scheduleMs) ?? 0,
    scheduleP99Ms: percentileOf(scheduleMs, 0.99) ?? 0,
    slots: platform.createdCount,
    heldGibSeconds,
    score: scalerScoreOf({ runGibSeconds, heldGibSeconds, runMs, startupMs: sumMs, succeededShare: scheduleMs.length / Math.max(1, dataset.requests.length) }),
    problem,
  };
}

function until(clock: Clock, atMs: number): Promise<void> {
  if (clock.now() >= atMs) return Promise.resolve();
  return new Promise((resolve) => {
    clock.setTimer(atMs, resolve);
  });
}

function metaOf({ key, runtime, memoryMegabytes, timeoutSeconds }: ReplayApplication): Meta {
  return { key, runtime, memory_in_mb: memoryMegabytes, timeout_in_secs: timeoutSeconds };
}
