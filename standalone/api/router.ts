// The API as a whole, mounted at /api/v1: who calls, in which transaction, and how errors are answered.
import { randomUUID } from 'node:crypto';
import express, { Router, type ErrorRequestHandler, type RequestHandler } from 'express';
import { describeError } from '../../common/errors.ts';
import { guestKey } from '../namespaces.ts';
import { actionRoutes } from './actions.ts';
import { activationRoutes } from './activations.ts';
import type { ApiContext } from './api-context.ts';
import { ApiError, tooLarge } from './api-error.ts';
import { absentRoutes, apiInfo, namespaceRoutes } from './basics.ts';
import { mayUseWellKnownKey } from './browser-origin.ts';
import { mostCodeBytes, mostParameterBytes, usualAllowedHeaders, type ApiResponse } from './call.ts';
import { packageRoutes } from './packages.ts';
import { webRoutes } from './web-routes.ts';

/** An entity's code, and what is around it in its JSON: quotes and line ends of source text take two characters. */
const mostEntityBytes = 2 * mostCodeBytes + 3 * mostParameterBytes;

/** A transaction of the caller's own, unless it pretends to be one of the platform's. */
function transactionId(clock: ApiContext['clock']): RequestHandler {
  return (request, response, next) => {
    const given = request.get('x-request-id');
    const id = given === undefined || given === '' || given.startsWith('sid_') ? randomUUID().replaceAll('-', '') : given.slice(0, 128);
    (response as ApiResponse).locals.transid = [id, Math.floor(clock.now())];
    response.setHeader('x-request-id', id);
    next();
  };
}

/** What pages of other sites may ask. */
function crossOrigin(): RequestHandler {
  return (request, response, next) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', usualAllowedHeaders);
    response.setHeader('access-control-allow-methods', 'GET, DELETE, POST, PUT, HEAD');
    if (request.method === 'OPTIONS') response.status(200).end();
    else next();
  };
}

export function transaction(clock: ApiContext['clock']): RequestHandler[] {
  return [transactionId(clock), crossOrigin()];
}

export function authentication({ namespaces }: ApiContext): RequestHandler {
  return (request, response, next) => {
    const header = request.get('authorization');
    const user = header === undefined ? undefined : namespaces.authenticate(header);
    if (user === undefined) {
      response.set('www-authenticate', 'Basic realm="OpenWhisk secure realm"');
      throw new ApiError(401, header === undefined ? 'The resource requires authentication, which was not supplied with the request' : 'The supplied authentication is invalid');
    }
    const origin = request.get('origin');
    if (user.authkey['api_key'] === guestKey && !mayUseWellKnownKey(origin, request.get('host'))) {
      throw new ApiError(403, `A page of '${String(origin)}' may not use the guest's well-known key, which every site knows. Give guest a key of its own: --namespaces guest=UUID:KEY.`);
    }
    (response as ApiResponse).locals.user = user;
    next();
  };
}

/** Bodies as bytes, up to what the route takes: whoever may not call is refused before any is read. */
function body(limit: number): RequestHandler {
  return express.raw({ type: () => true, limit });
}

/** Answers what a route threw. */
export function errorAnswer({ logger }: Pick<ApiContext, 'logger'>): ErrorRequestHandler {
  return (thrown: unknown, _request, response, _next) => {
    const { transid } = (response as ApiResponse).locals;
    const error = apiErrorOf(thrown);
    if (error === undefined) logger.error({ transid: transid[0], reason: describeError(thrown) }, 'a request could not be answered');
    const { status, message } = error ?? { status: 500, message: 'There was an internal server error.' };
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(status).json({ error: message, code: transid[0] });
  };
}

function apiErrorOf(thrown: unknown): ApiError | undefined {
  if (thrown instanceof ApiError) return thrown;
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const { type, status, length, limit, message } = thrown as { type?: unknown; status?: unknown; length?: unknown; limit?: unknown; message?: unknown };
  if (type === 'entity.too.large') return tooLarge('Request', typeof length === 'number' ? length : Number(limit) + 1, Number(limit));
  // What Express and its body reader have against a request: a path that cannot be decoded, a connection that broke.
  return typeof status === 'number' && status >= 400 && status < 500 ? new ApiError(status, String(message)) : undefined;
}

export function apiRouter(context: ApiContext): Router {
  const router = Router();
  router.use(transactionId(context.clock));
  // Before what other sites may ask is said: a web action may say it itself.
  router.use('/web', webRoutes(context));
  router.use(crossOrigin());
  router.get('/', (_request, response) => {
    response.json(apiInfo);
  });
  router.use(authentication(context));
  const [readEntity, readParameters] = [body(mostEntityBytes), body(mostParameterBytes)];
  const read: RequestHandler = (request, response, next) => {
    (request.method === 'PUT' ? readEntity : readParameters)(request, response, next);
  };
  router.use('/namespaces/:namespace/actions', read, actionRoutes(context));
  router.use('/namespaces/:namespace/packages', read, packageRoutes(context));
  router.use('/namespaces/:namespace/activations', activationRoutes(context));
  router.use('/namespaces/:namespace/triggers', absentRoutes('Triggers'));
  router.use('/namespaces/:namespace/rules', absentRoutes('Rules'));
  router.use('/namespaces', namespaceRoutes(context));
  router.use((request) => {
    const isKnown = /^\/namespaces\/[^/]+\/(?:actions|packages|activations)(?:\/|$)/.test(request.path);
    throw isKnown ? new ApiError(405, 'HTTP method not allowed, supported methods: GET, PUT, POST, DELETE') : new ApiError(404, 'The requested resource could not be found.');
  });
  router.use(errorAnswer(context));
  return router;
}
