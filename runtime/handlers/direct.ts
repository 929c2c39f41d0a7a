// The short way of the calls that count: OpenWhisk's two and the probes. Express's router, body reader and response take
// as long as everything else that a small activation costs (`npm run bench -- proxy`), and loading Express and zod takes
// most of a container's start and 20 MB (`npm run bench -- startup`); these calls ask for none of what they offer. So the
// plain cases, which are the only ones that an invoker sends, are answered here with the same bytes; whatever is the
// least bit different goes to the application, which is loaded for it.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { ActivationReply, Container } from '../container.ts';
import { initValueOf } from './init-value.ts';
import { maxBodyBytes } from './max-body.ts';
import { replyHeaders, sendJson } from './send.ts';
import { isAuthorised } from './token.ts';

/** What Express gives: it takes a request, and loads itself for it where it has to. */
export interface Application {
  readonly handle: RequestListener;
  /** Has it loaded when there is time. */
  readonly prepare: () => void;
}

export function answerDirectly(container: Container, application: Application, token: string | undefined): RequestListener {
  return (request, response) => {
    const { method, url } = request;
    if (method === 'POST' && (url === '/run' || url === '/init')) {
      const bodyBytes = plainBodyBytes(request);
      if (bodyBytes !== undefined) {
        collect(request, bodyBytes, (body) => {
          if (url === '/run') void container.run(body).then((reply) => send(response, reply));
          else initialise(container, body, response, application);
        });
        return;
      }
    } else if (method === 'GET' && probe(container, request, response, token)) return;
    application.handle(request, response);
  };
}

/** Size of a body that came with its length and without any encoding; undefined for other bodies. */
function plainBodyBytes({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  if (length === undefined || headers['content-encoding'] !== undefined || headers['transfer-encoding'] !== undefined) return undefined;
  const bodyBytes = Number(length);
  return bodyBytes <= maxBodyBytes ? bodyBytes : undefined;
}

/** Where the connection ends early nothing is run, and nobody is there to be told. */
function collect(request: IncomingMessage, bodyBytes: number, onBody: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
  });
  request.on('end', () => {
    const [first] = chunks;
    onBody(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, bodyBytes));
  });
}

function initialise(container: Container, body: Buffer, response: ServerResponse, application: Application): void {
  const value = initValueOf(body);
  if (value === undefined) {
    sendJson(response, 500, { error: 'Bad request.' });
    return;
  }
  void container.init(value).then((reply) => {
    send(response, reply);
    // A container in use is soon cleaned, loaded into or asked more.
    application.prepare();
  });
}

/** @returns whether the request has been one for the state of the container */
function probe(container: Container, request: IncomingMessage, response: ServerResponse, token: string | undefined): boolean {
  switch (request.url) {
    case '/status':
      if (!isAuthorised(request, token)) return false;
      void container.status().then((status) => sendJson(response, 200, status));
      return true;
    case '/healthz':
      sendJson(response, 200, { ok: true });
      return true;
    case '/readyz':
      sendJson(response, container.isReady ? 200 : 503, { ready: container.isReady });
      return true;
    default:
      return false;
  }
}

function send(response: ServerResponse, reply: ActivationReply): void {
  response.writeHead(reply.status, replyHeaders(reply));
  response.end(reply.body);
}
