// Web actions: actions that anybody may call with an HTTP request of any kind, on behalf of the namespace they belong to.
// Wire facts: core/controller/{WebActions,RestAPIs}.scala and http/CorsSettings.scala of Apache OpenWhisk.
import express, { Router, type Request, type RequestHandler } from 'express';
import type { User } from '../../common/messages/identity.ts';
import { isSameSecret } from '../../common/same-secret.ts';
import type { StoredAction, StoredPackage } from '../store/entity.ts';
import { qualifiedNameOfPlace } from './access.ts';
import type { ApiContext } from './api-context.ts';
import { ApiError, notFound } from './api-error.ts';
import { mostParameterBytes, usualAllowedHeaders, type ApiResponse } from './call.ts';
import { mergeParameters } from './entity-bodies.ts';
import { awaitActivation, contentOf, protectedNamesOf, longestWaitMs } from './invocations.ts';
import { webAnswerOf, type WebAnswer } from './web-answer.ts';
import { webArguments, webRulesOf, webTargetOf, type WebRules, type WebTarget } from './web-request.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const secretHeader = 'x-require-whisk-auth';

/**
 * Pages of web actions come from the address that the console and the API have, and may be anybody's: the browser keeps each
 * apart as if it came from nowhere, so that none reads the key that a visitor has given the console.
 */
const apart = 'sandbox allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-scripts allow-top-navigation-by-user-activation';

/** A web action that a request has come for. */
interface WebCall {
  readonly target: WebTarget;
  readonly rules: WebRules;
  readonly owner: User;
  readonly action: StoredAction;
  readonly package: StoredPackage | undefined;
}

/** Mounted at /api/v1/web, before callers have to show a key. What names no action is left to the routes after it. */
export function webRoutes(context: ApiContext): Router {
  const read = express.raw({ type: () => true, limit: mostParameterBytes });
  const router = Router();
  router.use(async (request, response: ApiResponse, next) => {
    const call = webCallOf(context, request);
    if (call === undefined) return next();
    const { rules } = call;
    const isOptions = request.method === 'OPTIONS';
    if (!rules.hasOwnOptions) {
      response.set({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH',
        'access-control-allow-headers': request.get('access-control-request-headers') ?? usualAllowedHeaders,
      });
      if (isOptions) return void response.status(200).end();
    }
    const user = context.namespaces.authenticate(request.get('authorization') ?? '');
    if (!isOptions && !mayCall(rules, request.get(secretHeader), user)) throw new ApiError(401, 'Authentication is possible but has failed or not yet been provided.');
    // A body is read when it is known whose it is.
    await passed(read, request, response);
    await answerCall(context, call, request, response, user);
  });
  return router;
}

function passed(handler: RequestHandler, request: Request, response: ApiResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    void handler(request, response, (error?: unknown) => {
      if (error === undefined) resolve();
      else reject(error as Error);
    });
  });
}

/** @throws ApiError 404 where there is no such web action, 405 */
function webCallOf({ namespaces, system: { entities } }: ApiContext, request: Request): WebCall | undefined {
  const target = webTargetOf(request.url);
  if (target === undefined) return undefined;
  if (!methods.includes(request.method)) throw new ApiError(405, `HTTP method not allowed, supported methods: ${methods.join(', ')}`);
  const { namespace, packageName } = target.place;
  const owner = namespaces.userOf(namespace);
  const action = entities.get(qualifiedNameOfPlace(target.place));
  const around = packageName === undefined ? undefined : entities.get(`${namespace}/${packageName}`);
  if (owner === undefined || action?.type !== 'action' || (packageName !== undefined && around?.type !== 'package')) throw notFound();
  const rules = webRulesOf(action.annotations);
  if (!rules.isExported) throw notFound();
  return { target, rules, owner, action, package: around?.type === 'package' ? around : undefined };
}

function mayCall({ secret }: WebRules, given: string | undefined, user: User | undefined): boolean {
  if (typeof secret === 'string') return given !== undefined && isSameSecret(given, secret);
  return secret === undefined || (secret && user !== undefined);
}

async function answerCall(context: ApiContext, call: WebCall, request: Request, response: ApiResponse, user: User | undefined): Promise<void> {
  const { target, rules, owner, action } = call;
  const parameters = mergeParameters(call.package?.parameters ?? [], action.parameters);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]));
  const body: unknown = request.body;
  const asked = { method: request.method, headers, path: target.path, query: target.query, body: Buffer.isBuffer(body) ? body : Buffer.alloc(0), user: user?.namespace.name };
  // The annotation `final` has been kept here: what a raw action is handed are no parameters.
  const content = contentOf(parameters, [], webArguments(asked, rules.isRaw, protectedNamesOf(parameters, action.annotations)));
  const record = await awaitActivation(context, request, response, { action, parameters, content, user: owner, blocking: true, waitMs: longestWaitMs });
  if (record === undefined) throw new ApiError(202, 'Response not yet ready.');
  send(webAnswerOf(record, target.extension), request, response);
}

function send({ status, headers, contentType, body }: WebAnswer, request: Request, response: ApiResponse): void {
  if (contentType !== undefined && request.accepts(contentType.split(';', 1)) === false) {
    response.status(406).type('text/plain').send(`Resource representation is only available with these types:\n${contentType}`);
    return;
  }
  response.status(status);
  for (const [name, values] of Object.entries(headers)) response.setHeader(name, values.length === 1 ? (values[0] ?? '') : [...values]);
  if (contentType !== undefined) response.setHeader('content-type', contentType);
  response.appendHeader('content-security-policy', apart);
  response.end(body);
}
