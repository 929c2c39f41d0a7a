// The HTTP face of the container: which route goes where, who may call it, and how bodies and errors are encoded.
// `createApp` gives an application that does not listen, so that tests bind it where they like.
import { timingSafeEqual } from 'node:crypto';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Container } from './container.ts';
import { ExtensionError } from './extension-error.ts';
import { maxBodyBytes } from './handlers/body.ts';
import { handleClean } from './handlers/clean.ts';
import { handleHealth, handleReadiness } from './handlers/health.ts';
import { handleInit } from './handlers/init.ts';
import { handleLoad } from './handlers/load.ts';
import { handleOffload } from './handlers/offload.ts';
import { handleRun } from './handlers/run.ts';
import { handleStatus } from './handlers/status.ts';
import { sendJson } from './handlers/send.ts';

/** @param token when given, the routes beyond OpenWhisk's own ask for `Authorization: Bearer <token>` */
export function createApp(container: Container, token: string | undefined): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // The bytes go through as they are; whoever needs the object parses them, once.
  const body = express.raw({ type: () => true, limit: maxBodyBytes });
  const authorised = token === undefined ? [] : [requireToken(token)];

  app.post('/run', body, handleRun(container));
  app.post('/init', body, handleInit(container));
  app.post('/load', ...authorised, body, handleLoad(container));
  app.post('/offload', ...authorised, body, handleOffload(container));
  app.post('/clean', ...authorised, body, handleClean(container));
  app.get('/status', ...authorised, handleStatus(container));
  app.get('/healthz', handleHealth());
  app.get('/readyz', handleReadiness(container));
  app.use((_request, response) => {
    sendJson(response, 500, badRequest);
  });
  app.use(handleError);
  return app;
}

/** What the stock runtime says to every request it does not understand, with status 500. */
const badRequest = { error: 'Bad request.' };

const handleError: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  if (error instanceof ExtensionError) sendJson(response, error.status, error.reply);
  else sendJson(response, 500, badRequest);
};

function requireToken(token: string): RequestHandler {
  const expected = Buffer.from(`Bearer ${token}`);
  return (request, _response, next) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    next(given.length === expected.length && timingSafeEqual(given, expected) ? undefined : new ExtensionError('forbidden', 'This route asks for "Authorization: Bearer" with the token of INSTAINFER_TOKEN.'));
  };
}
