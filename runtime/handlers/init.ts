// POST /init: the action's code.
import type { RequestHandler } from 'express';
import type { Container } from '../container.ts';
import { bytesOf } from './body.ts';
import { initValueOf } from './init-value.ts';
import { sendActivationReply } from './send.ts';

export function handleInit(container: Container): RequestHandler {
  return async (request, response) => {
    const value = initValueOf(bytesOf(request.body));
    if (value === undefined) throw new SyntaxError('The body is no JSON object.');
    sendActivationReply(response, await container.init(value));
  };
}
