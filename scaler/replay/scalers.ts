// The two ways to reach a scaler that is to be replayed to: our fleet on virtual time, and any scaler over gRPC.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../../common/logger.ts';
import { VirtualClock } from '../../lab/simulation/virtual-clock.ts';
import { Fleet } from '../fleet.ts';
import { scalerMethods, statusCodes } from '../interface.ts';
import { scalerPolicy, type ScalerPolicyName } from '../policies.ts';
import { RpcClient } from '../rpc.ts';
import type { Dataset } from './dataset.ts';
import { replay, type ReplayResult, type ScalerUnderTest } from './replay.ts';
import { SimulatedPlatform } from './simulated-platform.ts';

export interface VirtualReplayOptions {
  readonly dataset: Dataset;
  readonly policy: ScalerPolicyName;
  readonly keepAliveMs: number;
  readonly createMs: number;
  readonly logger: Logger;
}

/** Replays a data set to our fleet under one policy, as fast as it can be computed; the same input gives the same result. */
export async function replayVirtually({ dataset, policy, keepAliveMs, createMs, logger }: VirtualReplayOptions): Promise<ReplayResult> {
  const clock = new VirtualClock(0);
  const platform = new SimulatedPlatform({ clock, applications: dataset.applications, createMs });
  const fleet = new Fleet({ policy: scalerPolicy(policy, keepAliveMs), platform, clock, logger });
  let result: ReplayResult | undefined;
  const running = replay({ dataset, scaler: inProcess(fleet), platform, clock }).then((value) => {
    result = value;
  });
  for (;;) {
    // What the last timer set going has to come to rest before the next one fires.
    await nextTurn();
    if (result !== undefined) break;
    let looks = 0;
    if (!clock.runUntil(() => looks++ > 0)) throw new Error('the replay stands still: a request waits for nothing');
  }
  await running;
  await fleet.close();
  return result;
}

function inProcess(fleet: Fleet): ScalerUnderTest {
  return {
    async assign(requestId, meta) {
      const assigned = await fleet.assign(requestId, meta);
      if (!assigned.ok) throw new Error(assigned.reason);
      return assigned.assignment;
    },
    idle(assignment, durationMs) {
      if (!fleet.idle(assignment, { durationMs, isBroken: false })) throw new Error(`request ${assignment.request_id} is unknown`);
      return Promise.resolve();
    },
  };
}

/** No request of a data set waits longer for an instance. */
const assignDeadlineMs = 10 * 60_000;

/** A scaler over gRPC; to be closed. */
export function remoteScaler(address: string): ScalerUnderTest & { close(): void } {
  const client = new RpcClient(address);
  return {
    async assign(requestId, meta, atMs) {
      const reply = await client.call(scalerMethods.Assign, { request_id: requestId, timestamp: atMs, meta_data: meta }, assignDeadlineMs);
      if (reply.status !== statusCodes.ok || reply.assigment === undefined) throw new Error(`Assign: status ${reply.status} ${reply.error_message ?? ''}`);
      return reply.assigment;
    },
    async idle(assignment, durationMs) {
      const reply = await client.call(scalerMethods.Idle, { assigment: assignment, result: { status_code: 200, duration_in_ms: Math.round(durationMs) } }, assignDeadlineMs);
      if (reply.status !== statusCodes.ok) throw new Error(`Idle: status ${reply.status} ${reply.error_message ?? ''}`);
    },
    close: () => {
      client.close();
    },
  };
}
