// Unary gRPC calls as promises, both ways. It knows no method.
import * as grpc from '@grpc/grpc-js';
import { AppError } from '../common/errors.ts';

/** A handler of one method; `isCancelled` tells whether the caller still waits. */
export type Handler<Request, Response> = (request: Request, isCancelled: () => boolean) => Response | Promise<Response>;

/** For grpc.Server.addService: what a handler throws reaches the caller as INTERNAL with its message. */
export function unaryCall<Request, Response>(handler: Handler<Request, Response>): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    void (async () => {
      try {
        callback(null, await handler(call.request, () => call.cancelled));
      } catch (error) {
        callback({ code: grpc.status.INTERNAL, details: error instanceof Error ? error.message : String(error) });
      }
    })();
  };
}

/** A server that listens on `address` (host:port; port 0 takes any) without encryption, as the contest has it. @throws AppError PORT_IN_USE */
export async function listen(server: grpc.Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new AppError('PORT_IN_USE', `Nothing can listen on ${address}: ${error.message}.`, 'Give another address, with a port that is free.', { cause: error }));
    });
  });
}

/** Ends a server once what it answers is answered. */
export async function shutDown(server: grpc.Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.tryShutdown(() => {
      resolve();
    });
  });
}

/** The client's side of the methods of one service. */
export class RpcClient {
  readonly #client: grpc.Client;

  constructor(address: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure());
  }

  /** @throws grpc.ServiceError, also when the deadline has passed */
  async call<Request, Response>(method: grpc.MethodDefinition<Request, Response>, request: Request, deadlineMs: number): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, request, { deadline: Date.now() + deadlineMs }, (error, response) => {
        if (error !== null) reject(error);
        else if (response === undefined) reject(new Error(`${method.path} answered nothing`));
        else resolve(response);
      });
    });
  }

  close(): void {
    this.#client.close();
  }
}
