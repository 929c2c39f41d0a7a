// POST /load: an action's artifacts ahead of its calls.
import type { RequestHandler } from 'express';
import type { Container } from '../container.ts';
import { loadRequestSchema } from '../protocol.ts';
import { parseBody } from './body.ts';
import { sendJson } from './send.ts';

export function handleLoad(container: Container): RequestHandler {
  return async (request, response) => {
    const { value } = parseBody(loadRequestSchema, request.body);
    sendJson(response, 200, await container.load(value));
  };
}
