// The Scaler service over gRPC: checks what comes in and hands it to a fleet.
import * as grpc from '@grpc/grpc-js';
import type { Fleet } from './fleet.ts';
import { scalerMethods, statusCodes, type AssignReply, type AssignRequest, type IdleReply, type IdleRequest } from './interface.ts';
import { unaryCall } from './rpc.ts';

const mostMemoryMegabytes = 2 ** 20;

/** A server that does not listen yet. */
export function createScalerServer(fleet: Fleet): grpc.Server {
  const server = new grpc.Server();
  server.addService(scalerMethods, {
    Assign: unaryCall<AssignRequest, AssignReply>(async ({ request_id: requestId, meta_data: meta }, isCancelled) => {
      if (requestId === '') return { status: statusCodes.invalidArgument, error_message: 'request_id is missing' };
      if (meta === undefined || meta.key === '') return { status: statusCodes.invalidArgument, error_message: 'meta_data has no key' };
      if (meta.memory_in_mb < 1 || meta.memory_in_mb > mostMemoryMegabytes) return { status: statusCodes.invalidArgument, error_message: `memory_in_mb is ${meta.memory_in_mb}; send 1 to ${mostMemoryMegabytes}` };
      const assigned = await fleet.assign(requestId, meta);
      if (!assigned.ok) return { status: statusCodes.internalError, error_message: assigned.reason };
      // Nobody will say that it is idle.
      if (isCancelled()) fleet.idle(assigned.assignment, { durationMs: 0, isBroken: false });
      return { status: statusCodes.ok, assigment: assigned.assignment };
    }),
    Idle: unaryCall<IdleRequest, IdleReply>(({ assigment, result }) => {
      if (assigment === undefined) return { status: statusCodes.invalidArgument, error_message: 'assigment is missing' };
      const isKnown = fleet.idle(assigment, { durationMs: result?.duration_in_ms ?? 0, isBroken: result?.need_destroy ?? false });
      return isKnown ? { status: statusCodes.ok } : { status: statusCodes.invalidAssignment, error_message: `request ${assigment.request_id} does not have instance ${assigment.instance_id}` };
    }),
  });
  return server;
}
