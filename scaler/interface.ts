// The interface of the cloud-native contest's Scaler task (Aliyun, 2023; package serverless.simulator) in proto3, and its
// messages as types. Names, numbers and spelling (`assigment`) are the contest's: its own clients have to work unchanged.
import * as grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const proto = `
syntax = "proto3";
package serverless.simulator;

enum Status { Ok = 0; Throttle = 1; InternalError = 2; NotFound = 3; InvalidArgument = 4; InvalidAssigment = 5; }

message Meta { string key = 1; string runtime = 3; uint32 timeout_in_secs = 4; uint64 memory_in_mb = 5; }
message Assignment { string request_id = 1; string meta_key = 2; string instance_id = 3; }
message Result { int32 status_code = 1; uint64 duration_in_ms = 2; optional bool need_destroy = 3; optional string reason = 4; }
message AssignRequest { string request_id = 1; uint64 timestamp = 2; Meta meta_data = 3; }
message AssignReply { Status status = 1; Assignment assigment = 2; optional string error_message = 3; }
message IdleRequest { Assignment assigment = 1; Result result = 2; }
message IdleReply { Status status = 1; optional string error_message = 3; }

message ResourceConfig { uint64 memory_in_megabytes = 1; }
message Slot { string id = 1; ResourceConfig resource_config = 2; uint64 create_time = 3; uint64 create_duration_in_ms = 4; }
message CreateSlotRequest { string request_id = 1; ResourceConfig resource_config = 2; }
message CreateSlotReply { Status status = 1; optional Slot slot = 2; optional string error_message = 3; }
message InitRequest { string request_id = 1; string slot_id = 2; string instance_id = 3; Meta meta_data = 4; }
message InitReply { Status status = 1; uint64 create_time = 2; uint64 init_duration_in_ms = 3; optional string error_message = 4; }
message DestroySlotRequest { string request_id = 1; string id = 2; optional string reason = 3; }
message DestroySlotReply { Status status = 1; optional string error_message = 2; }
`;

export const statusCodes = { ok: 0, throttle: 1, internalError: 2, notFound: 3, invalidArgument: 4, invalidAssignment: 5 } as const;

export interface Meta {
  readonly key: string;
  readonly runtime: string;
  readonly timeout_in_secs: number;
  readonly memory_in_mb: number;
}
export interface Assignment {
  readonly request_id: string;
  readonly meta_key: string;
  readonly instance_id: string;
}
interface Reply {
  readonly status: number;
  readonly error_message?: string | undefined;
}
export interface AssignRequest {
  readonly request_id: string;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly meta_data?: Meta | undefined;
}
export interface AssignReply extends Reply {
  readonly assigment?: Assignment | undefined;
}
export interface IdleRequest {
  readonly assigment?: Assignment | undefined;
  readonly result?: { readonly status_code: number; readonly duration_in_ms: number; readonly need_destroy?: boolean | undefined; readonly reason?: string | undefined } | undefined;
}
export type IdleReply = Reply;
export interface CreateSlotRequest {
  readonly request_id: string;
  readonly resource_config?: { readonly memory_in_megabytes: number } | undefined;
}
export interface CreateSlotReply extends Reply {
  readonly slot?: { readonly id: string; readonly resource_config?: { readonly memory_in_megabytes: number } | undefined; readonly create_time: number; readonly create_duration_in_ms: number } | undefined;
}
export interface InitRequest {
  readonly request_id: string;
  readonly slot_id: string;
  readonly instance_id: string;
  readonly meta_data?: Meta | undefined;
}
export interface InitReply extends Reply {
  readonly create_time: number;
  readonly init_duration_in_ms: number;
}
export interface DestroySlotRequest {
  readonly request_id: string;
  readonly id: string;
  readonly reason?: string | undefined;
}
export type DestroySlotReply = Reply;

const root = protobuf.parse(proto, { keepCase: true }).root;
/** Numbers of 64 bits as numbers: times and sizes are far below 2^53. Absent fields have their defaults, absent messages are absent. */
const readable = { longs: Number, defaults: true } as const;

/** One unary method; what comes in has the shape of the message, whatever the peer sent. */
function unary<Request, Response>(service: string, name: string, requestType: string, replyType: string): grpc.MethodDefinition<Request, Response> {
  const write = (type: string) => {
    const message = root.lookupType(`serverless.simulator.${type}`);
    return (value: object): Buffer => Buffer.from(message.encode(message.fromObject(value)).finish());
  };
  const read = (type: string) => {
    const message = root.lookupType(`serverless.simulator.${type}`);
    return (bytes: Buffer): unknown => {
      const value = message.toObject(message.decode(bytes), readable);
      return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
    };
  };
  return {
    path: `/serverless.simulator.${service}/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: write(requestType) as (value: Request) => Buffer,
    requestDeserialize: read(requestType) as (bytes: Buffer) => Request,
    responseSerialize: write(replyType) as (value: Response) => Buffer,
    responseDeserialize: read(replyType) as (bytes: Buffer) => Response,
  };
}

export const scalerMethods = {
  Assign: unary<AssignRequest, AssignReply>('Scaler', 'Assign', 'AssignRequest', 'AssignReply'),
  Idle: unary<IdleRequest, IdleReply>('Scaler', 'Idle', 'IdleRequest', 'IdleReply'),
};
export const platformMethods = {
  CreateSlot: unary<CreateSlotRequest, CreateSlotReply>('Platform', 'CreateSlot', 'CreateSlotRequest', 'CreateSlotReply'),
  Init: unary<InitRequest, InitReply>('Platform', 'Init', 'InitRequest', 'InitReply'),
  DestroySlot: unary<DestroySlotRequest, DestroySlotReply>('Platform', 'DestroySlot', 'DestroySlotRequest', 'DestroySlotReply'),
};
