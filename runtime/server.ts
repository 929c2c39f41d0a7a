// The HTTP face of the container: which route goes where, who may call it, and how bodies and errors are encoded.
// `createApp` gives an application that does not listen, so that tests bind it where they like.
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Container } from './container.ts';
import { ExtensionError } from './extension-error.ts';
import { handleClean } from './handlers/clean.ts';
import { handleHealth, handleReadiness } from './handlers/health.ts';
import { handleInit } from './handlers/init.ts';
import { handleLoad } from './handlers/load.ts';
import { handleOffload } from './handlers/offload.ts';
import { handleRun } from './handlers/run.ts';
import { maxBodyBytes } from './handlers/max-body.ts';
import { handleStatus } from './handlers/status.ts';
import { sendJson } from './handlers/send.ts';
import { isAuthorised } from './handlers/token.ts';

/** @param token when given, the routes beyond OpenWhisk's own ask for `Authorization: Bearer <token>` */
export function createApp(container: Container, token: string | undefined): Express {
  const app = newApp();
  app.post('/run', rawBody, handleRun(container));
  app.post('/init', rawBody, handleInit(container));
  addExtensionRoutes(app, container, token);
  app.get('/healthz', handleHealth());
  app.get('/readyz', handleReadiness(container));
  addFallback(app);
  return app;
}

/** An application without routes that says nothing about itself. */
export function newApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  return app;
}

/** The bytes go through as they are; whoever needs the object parses them, once. */
export const rawBody = express.raw({ type: () => true, limit: maxBodyBytes });

/** The routes beyond OpenWhisk's own. */
export function addExtensionRoutes(app: Express, container: Container, token: string | undefined): void {
  const authorised = token === undefined ? [] : [requireToken(token)];
  app.post('/load', ...authorised, rawBody, handleLoad(container));
  app.post('/offload', ...authorised, rawBody, handleOffload(container));
  app.post('/clean', ...authorised, rawBody, handleClean(container));
  app.get('/status', ...authorised, handleStatus(container));
}

/** What is answered to everything that no route has taken, and to errors. */
export function addFallback(app: Express): void {
  app.use((_request, response) => {
    sendJson(response, 500, badRequest);
  });
  app.use(handleError);
}

/** What the stock runtime says to every request it does not understand, with status 500. */
const badRequest = { error: 'Bad request.' };

/** Routes that the stock runtime has not: nobody expects of them that they answer as it does. */
const extensionRoutes = ['/load', '/offload', '/clean', '/status'];

const handleError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
  const refusal = extensionRoutes.includes(request.path) ? bodyErrorOf(error) : undefined;
  if (error instanceof ExtensionError) sendJson(response, error.status, error.reply);
  else if (refusal !== undefined) sendJson(response, refusal.status, { error: refusal.message, code: 'bad-request' });
  else sendJson(response, 500, badRequest);
};

/** What the reader of bodies says about one it cannot take: its encoding, its length, its size. */
function bodyErrorOf(error: unknown): { status: number; message: string } | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number' || error.status >= 500) return undefined;
  return { status: error.status, message: error.message };
}

function requireToken(token: string): RequestHandler {
  return (request, _response, next) => {
    next(isAuthorised(request, token) ? undefined : new ExtensionError('forbidden', 'This route asks for "Authorization: Bearer" with the token of INSTAINFER_TOKEN.'));
  };
}
