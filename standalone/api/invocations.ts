// Invoking an action: its parameters, the wait for its answer, and the answer in the form that was asked for.
// Wire facts: core/controller/Actions.scala and actions/PrimitiveActions.scala of Apache OpenWhisk.
import type { Request } from 'express';
import type { Clock } from '../../common/clock.ts';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import type { User } from '../../common/messages/identity.ts';
import type { Invocation } from '../../controller-plugin/embedded/controller.ts';
import type { Activations } from '../store/activations.ts';
import { qualifiedNameOf, type Parameter, type StoredAction } from '../store/entity.ts';
import { visibleAction, type ActionPlace } from './access.ts';
import type { ApiContext } from './api-context.ts';
import { ApiError, malformed, notFound, tooLarge } from './api-error.ts';
import { integerOf, jsonOf, mostParameterBytes, switchOf, type ApiResponse } from './call.ts';
import { mergeParameters } from './entity-bodies.ts';
import { activationView } from './entity-views.ts';
import { serverTimingOf } from './server-timing.ts';
import { traceContextOf } from './trace-context.ts';

/** Longest and usual wait of a blocking call. */
export const longestWaitMs = 60_000;
/** Of an activation: its status code to the status of a blocking call (Actions.scala). */
const httpStatusOf: readonly number[] = [200, 502, 502, 500];
const activationIdHeader = 'x-openwhisk-activation-id';

/** @throws ApiError 400, 403, 404, 413 */
export async function invokeAction(context: ApiContext, request: Request, response: ApiResponse, place: ActionPlace): Promise<void> {
  const { entities } = context.system;
  const { user } = response.locals;
  const found = visibleAction(entities, user, place);
  const [blocking, resultOnly] = [switchOf(request, 'blocking', false), switchOf(request, 'result', false)];
  const waitMs = integerOf(request, 'timeout') ?? longestWaitMs;
  if (waitMs < 1 || waitMs > longestWaitMs) throw new ApiError(400, `Timeout must be number of milliseconds up to ${longestWaitMs}.`);
  const parameters = mergeParameters(found.package?.parameters ?? [], found.action.parameters);
  const content = contentOf(parameters, found.action.annotations, payloadOf(jsonOf(request)));
  const record = await awaitActivation(context, request, response, { action: found.action, parameters, content, user, blocking, waitMs });
  if (record === undefined) {
    sendJson(response, 202, { activationId: response.getHeader(activationIdHeader) });
    return;
  }
  const { statusCode, result } = record.response;
  // An array is what the action gave, in whichever form it was asked for.
  const body = resultOnly || Array.isArray(result) ? (result ?? {}) : activationView({ ...record, logs: [] });
  sendJson(response, httpStatusOf[statusCode] ?? 500, body);
}

/** The bytes of Express's `json`, which takes as long again as writing them does. */
function sendJson(response: ApiResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

export interface Invoked {
  readonly action: StoredAction;
  readonly parameters: readonly Parameter[];
  readonly content: Record<string, unknown>;
  /** On whose behalf: the record is written into this one's namespace. */
  readonly user: User;
  readonly blocking: boolean;
  readonly waitMs: number;
}

/**
 * Invokes an action and says in the response's headers which activation that is and how it started.
 * @returns its record, or undefined where nobody waits for it or the wait is over
 * @throws ApiError 404, 500
 */
export async function awaitActivation({ clock, system }: ApiContext, request: Request, response: ApiResponse, { action, parameters, content, user, blocking, waitMs }: Invoked): Promise<WhiskActivation | undefined> {
  const document = await system.entities.findLatest(qualifiedNameOf(action));
  if (document === undefined) throw notFound();
  const traceContext = traceContextOf(request);
  const invocation = system.controller.invoke(document, content, {
    user,
    transid: response.locals.transid,
    blocking,
    initArgs: parameters.filter(({ init }) => init === true).map(({ key }) => key),
    ...(traceContext === undefined ? {} : { traceContext }),
  });
  response.setHeader(activationIdHeader, invocation.activationId);
  const record = blocking ? await answerWithin(clock, waitMs, recordOf(invocation, system.activations, user.namespace.name)) : undefined;
  if (record !== undefined) response.setHeader('server-timing', serverTimingOf(record));
  return record;
}

/** @throws ApiError 400 */
function payloadOf(json: unknown): Record<string, unknown> {
  if (json === undefined || json === null) return {};
  if (typeof json !== 'object' || Array.isArray(json)) throw malformed('The payload of an invocation has to be a JSON object.');
  return json as Record<string, unknown>;
}

/** What a call may not set: the parameters with a value, of an action that says so. */
export function protectedNamesOf(parameters: readonly Parameter[], annotations: readonly Parameter[]): string[] {
  const isFinal = annotations.some(({ key, value }) => key === 'final' && value === true);
  return isFinal ? parameters.filter(({ value }) => value !== null && value !== '').map(({ key }) => key) : [];
}

/** @throws ApiError 400, 413 */
export function contentOf(parameters: readonly Parameter[], annotations: readonly Parameter[], payload: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (protectedNamesOf(parameters, annotations).some((name) => Object.hasOwn(payload, name))) {
    throw new ApiError(400, 'Request defines parameters that are not allowed (e.g., reserved properties).');
  }
  const content: Record<string, unknown> = { ...Object.fromEntries(parameters.map(({ key, value }) => [key, value])), ...payload };
  if (parameters.length > 0) {
    const bytes = Buffer.byteLength(JSON.stringify(content));
    if (bytes > mostParameterBytes) throw tooLarge('Request', bytes, mostParameterBytes);
  }
  return content;
}

/** The record, out of its acknowledgement or, where that was too large to carry it, out of the store. */
async function recordOf({ activationId, answered }: Invocation, activations: Activations, namespace: string): Promise<WhiskActivation> {
  const result = await answered;
  if ('record' in result) return result.record;
  if (result.isSystemError) throw new ApiError(500, 'There was an internal server error.');
  return activations.whenStored(namespace, activationId);
}

function answerWithin<T>(clock: Clock, waitMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(clock.now() + waitMs, () => {
      resolve(undefined);
    });
    work.then(resolve, reject).finally(cancel);
  });
}
