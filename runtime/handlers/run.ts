// POST /run: one activation. The body is passed on as it came.
import type { RequestHandler } from 'express';
import type { Container } from '../container.ts';
import { bytesOf } from './body.ts';
import { sendActivationReply } from './send.ts';

export function handleRun(container: Container): RequestHandler {
  return async (request, response) => {
    sendActivationReply(response, await container.run(bytesOf(request.body)));
  };
}
