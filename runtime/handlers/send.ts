// How replies are written: JSON with its length, which OpenWhisk's invoker insists on.
import type { ServerResponse as Response } from 'node:http';
import type { ActivationReply } from '../container.ts';
import { serverTimingHeader } from '../server-timing.ts';

const contentType = 'application/json; charset=utf-8';

export function sendJson(response: Response, status: number, value: unknown): void {
  sendBytes(response, status, Buffer.from(JSON.stringify(value)));
}

export function sendActivationReply(response: Response, reply: ActivationReply): void {
  response.writeHead(reply.status, replyHeaders(reply));
  response.end(reply.body);
}

/** The headers of a reply to /init or /run: names and values in turn, as `writeHead` takes them. */
export function replyHeaders({ body, timing }: ActivationReply): string[] {
  const headers = ['content-type', contentType, 'content-length', String(body.length)];
  if (timing !== undefined) headers.push(serverTimingHeader, timing);
  return headers;
}

function sendBytes(response: Response, status: number, body: Uint8Array): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('content-length', body.length);
  response.end(body);
}
