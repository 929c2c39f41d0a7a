// POST /clean: the container becomes a stem cell again.
import type { RequestHandler } from 'express';
import type { Container } from '../container.ts';
import { cleanRequestSchema } from '../protocol.ts';
import { parseBody } from './body.ts';
import { sendJson } from './send.ts';

export function handleClean(container: Container): RequestHandler {
  return async (request, response) => {
    const { value } = parseBody(cleanRequestSchema, request.body);
    sendJson(response, 200, await container.clean(value.retain));
  };
}
