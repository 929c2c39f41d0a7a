// How replies are written: JSON with its length, which OpenWhisk's invoker insists on.
import type { Response } from 'express';
import { serverTimingHeader } from '../protocol.ts';
import type { ActivationReply } from '../container.ts';

const contentType = 'application/json; charset=utf-8';

export function sendJson(response: Response, status: number, value: unknown): void {
  sendBytes(response, status, Buffer.from(JSON.stringify(value)));
}

export function sendActivationReply(response: Response, reply: ActivationReply): void {
  if (reply.timing !== undefined) response.setHeader(serverTimingHeader, reply.timing);
  sendBytes(response, reply.status, reply.body);
}

function sendBytes(response: Response, status: number, body: Uint8Array): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('content-length', body.length);
  response.end(body);
}
