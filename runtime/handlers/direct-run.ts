// The short way of a run. Express's router, body reader and response take about half as long again as everything else
// that a small activation costs (`npm run bench -- proxy` is the measure), and an activation asks for none of what they
// offer. So the plain case, which is the only one that OpenWhisk's invoker sends, is answered here with the same bytes;
// whatever is the least bit different goes through the application.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Container } from '../container.ts';
import { maxBodyBytes } from './body.ts';
import { replyHeaders } from './send.ts';

/** @param application answers every other request */
export function runDirectly(container: Container, application: RequestListener): RequestListener {
  return (request, response) => {
    const bodyBytes = plainRunBytes(request);
    if (bodyBytes === undefined) application(request, response);
    else collect(request, bodyBytes, (body) => void answer(container, body, response));
  };
}

/** Size of the body of a `POST /run` that came with its length and without any encoding; undefined for other requests. */
function plainRunBytes({ method, url, headers }: IncomingMessage): number | undefined {
  if (url !== '/run' || method !== 'POST') return undefined;
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

async function answer(container: Container, body: Buffer, response: ServerResponse): Promise<void> {
  const reply = await container.run(body);
  response.writeHead(reply.status, replyHeaders(reply));
  response.end(reply.body);
}
