// GET /status: what the container is doing and holding.
import type { RequestHandler } from 'express';
import type { Container } from '../container.ts';
import { sendJson } from './send.ts';

export function handleStatus(container: Container): RequestHandler {
  return async (_request, response) => {
    sendJson(response, 200, await container.status());
  };
}
