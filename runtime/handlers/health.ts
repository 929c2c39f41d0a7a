// GET /healthz and GET /readyz: is the proxy alive, and does it take work.
import type { RequestHandler } from 'express';
import type { Container } from '../container.ts';
import { sendJson } from './send.ts';

export function handleHealth(): RequestHandler {
  return (_request, response) => {
    sendJson(response, 200, { ok: true });
  };
}

export function handleReadiness(container: Container): RequestHandler {
  return (_request, response) => {
    sendJson(response, container.isReady ? 200 : 503, { ready: container.isReady });
  };
}
