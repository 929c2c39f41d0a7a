// The invoker's HTTP server: what OpenWhisk's operators ask of an invoker, in its words, and Prometheus metrics.
// Wire facts: core/invoker/{DefaultInvokerServer,InvokerReactive}.scala of Apache OpenWhisk.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { basicAuthorization } from '../common/basic-authorization.ts';
import { AppError } from '../common/errors.ts';
import { isSameSecret } from '../common/same-secret.ts';

/** What can be asked of an invoker. */
export interface AdministeredInvoker {
  /** Such as `invoker0/0`. */
  readonly name: string;
  readonly heartbeat: { readonly isEnabled: boolean; enable: () => boolean; disable: () => Promise<boolean> };
}

export interface AdminServerOptions {
  readonly invoker: AdministeredInvoker;
  /** `user:password` of /enable, /disable and /isEnabled. */
  readonly credentials: string;
  readonly metrics: Registry;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

type Route = (options: AdminServerOptions) => Promise<Answer> | Answer;

const openRoutes: Readonly<Record<string, Route>> = {
  'GET /ping': () => ({ status: 200, body: 'pong' }),
  'GET /metrics': async ({ metrics }) => ({ status: 200, body: await metrics.metrics(), type: metrics.contentType }),
};

const guardedRoutes: Readonly<Record<string, Route>> = {
  'POST /enable': ({ invoker: { name, heartbeat } }) => ({ status: 200, body: `${name} is ${heartbeat.enable() ? 'now' : 'already'} enabled.` }),
  'POST /disable': async ({ invoker: { name, heartbeat } }) => ({ status: 200, body: `${name} is ${(await heartbeat.disable()) ? 'now' : 'already'} disabled.` }),
  'GET /isEnabled': ({ invoker: { heartbeat } }) => ({ status: 200, body: JSON.stringify({ enabled: heartbeat.isEnabled }), type: 'application/json' }),
};

/** A server that does not listen yet. */
export function createAdminServer(options: AdminServerOptions): Server {
  return createServer((request, response) => {
    answer(options, request).then(
      (found) => {
        send(response, found);
      },
      () => {
        send(response, { status: 500, body: 'There was an internal server error.' });
      },
    );
  });
}

async function answer(options: AdminServerOptions, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const key = `${request.method ?? ''} ${path}`;
  const open = Object.hasOwn(openRoutes, key) ? openRoutes[key] : undefined;
  if (open !== undefined) return open(options);
  const guarded = Object.hasOwn(guardedRoutes, key) ? guardedRoutes[key] : undefined;
  if (guarded === undefined) return { status: 404, body: 'The requested resource could not be found.' };
  if (request.headers.authorization === undefined) return { status: 401, body: 'The resource requires authentication, which was not supplied with the request' };
  if (!isSameSecret(request.headers.authorization, basicAuthorization(options.credentials))) return { status: 401, body: 'The supplied authentication is invalid' };
  return guarded(options);
}

function send(response: ServerResponse, { status, body, type = 'text/plain; charset=UTF-8' }: Answer): void {
  const challenge = status === 401 ? { 'www-authenticate': 'Basic realm="OpenWhisk secure realm"' } : {};
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...challenge }).end(body);
}

/** Resolves to the port. @throws AppError PORT_IN_USE */
export function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new AppError('PORT_IN_USE', `Port ${port} is in use.`, 'Choose another one with --port, or 0 for any that is free.') : error);
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}
