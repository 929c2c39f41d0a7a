// Keeps slow and numerous callers from using up the proxy: how long a request may take to come in, how many connections
// are open, and how much memory bodies that are still coming may hold together. How long an answer takes is not its
// business: an activation may run as long as its limit allows.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { maxBodyBytes } from './handlers/max-body.ts';

export interface ConnectionBounds {
  /** From the connection, or the request's first byte, to the end of its headers. */
  readonly headersMs: number;
  /** To the end of its body. */
  readonly requestMs: number;
  readonly checkEveryMs: number;
  readonly connections: number;
  /** Declared bytes of large bodies on their way in, all together. */
  readonly bodyBytes: number;
}

/** Bodies up to this size are not counted. */
const smallBodyBytes = 1024 * 1024;

/** @param limitBytes the container's memory limit */
export function connectionBounds(limitBytes: number): ConnectionBounds {
  // One body of the largest size always fits.
  return { headersMs: 15_000, requestMs: 120_000, checkEveryMs: 2000, connections: 512, bodyBytes: Math.max(maxBodyBytes, limitBytes / 4) };
}

/** Options for `createServer`. */
export function timeoutsOf({ headersMs, requestMs, checkEveryMs }: ConnectionBounds): { headersTimeout: number; requestTimeout: number; connectionsCheckingInterval: number; keepAliveTimeout: number } {
  // An idle connection of a caller that keeps them stays; where there are too many, those go first.
  return { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: checkEveryMs, keepAliveTimeout: 0 };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export interface ConnectionGuard {
  /** Closes every connection that waits for nothing. */
  readonly closeIdle: () => void;
  readonly closeAll: () => void;
}

/** A connection on which is answered without the server's requests telling of it: whether an answer is due, and whether one was given. */
export interface AnsweredBeside {
  readonly isAnswering: boolean;
  readonly hasAnswered: boolean;
}
export type AnswersBeside = (socket: Socket) => AnsweredBeside | undefined;

/** To be called before anything else listens to the server's requests. */
export function guardConnections(server: Server, bounds: ConnectionBounds, beside: AnswersBeside = () => undefined): ConnectionGuard {
  // Oldest first. Not a Set: the tables that one grows out of refer to each other, and while the first of them has grown old, none of
  // them nor of the connections in them goes when the young generation is collected.
  const sockets: Socket[] = [];
  const exchanges = new WeakMap<Socket, Exchange>();
  const large = new Map<IncomingMessage, number>();
  let largeBytes = 0;

  /** Neither waiting for an answer nor in the middle of getting one. */
  const isExpendable = (socket: Socket): boolean => {
    const exchange = exchanges.get(socket);
    if (exchange === undefined) return beside(socket)?.isAnswering !== true && socket.writableLength === 0;
    return !exchange.request.complete || exchange.response.writableFinished;
  };
  /** Its last request was answered: a caller's that keeps it for the next one. */
  const isKept = (socket: Socket): boolean => exchanges.get(socket)?.response.writableFinished ?? beside(socket)?.hasAnswered === true;

  const forget = (socket: Socket): void => {
    const index = sockets.indexOf(socket);
    if (index >= 0) sockets.splice(index, 1);
  };

  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.once('close', () => {
      forget(socket);
    });
    if (sockets.length <= bounds.connections) return;
    // The oldest that wait for nothing go: a caller who means it sends its request at once, and may be sending its next one over
    // a connection that it keeps.
    for (const areKeptSpared of [true, false]) {
      for (const candidate of [...sockets]) {
        if (sockets.length <= bounds.connections) return;
        if (candidate === socket || !isExpendable(candidate) || (areKeptSpared && isKept(candidate))) continue;
        forget(candidate);
        candidate.destroy();
      }
    }
  });

  server.on('request', (request, response) => {
    exchanges.set(request.socket, { request, response });
    const bytes = declaredBytes(request);
    if (bytes <= smallBodyBytes) return;
    large.set(request, bytes);
    largeBytes += bytes;
    request.once('close', () => {
      if (large.delete(request)) largeBytes -= bytes;
    });
    for (const [candidate, candidateBytes] of large) {
      if (largeBytes <= bounds.bodyBytes || candidate === request) return;
      if (large.delete(candidate)) largeBytes -= candidateBytes;
      candidate.socket.destroy();
    }
  });

  const close = (isToGo: (socket: Socket) => boolean): void => {
    for (const socket of sockets.filter(isToGo)) socket.destroy();
  };
  return { closeIdle: () => close(isExpendable), closeAll: () => close(() => true) };
}

/** What the body may come to: its declared length, else the most that is read of one. */
function declaredBytes({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return maxBodyBytes;
  return Math.min(Number(headers['content-length'] ?? 0), maxBodyBytes);
}
