// Invoking an action: its parameters, the wait for its answer, and the answer in the form that was asked for.
// Wire facts: core/controller/Actions.scala and actions/PrimitiveActions.scala of Apache OpenWhisk.
import type { Request } from 'express';
import type { Clock } from '../../common/clock.ts';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import type { Invocation } from '../../controller-plugin/embedded/controller.ts';
import type { Activations } from '../store/activations.ts';
import { qualifiedNameOf, type Parameter } from '../store/entity.ts';
import { visibleAction, type ActionPlace } from './access.ts';
import type { ApiContext } from './api-context.ts';
import { ApiError, malformed, notFound, tooLarge } from './api-error.ts';
import { integerOf, jsonOf, mostParameterBytes, switchOf, type ApiResponse } from './call.ts';
import { mergeParameters } from './entity-bodies.ts';
import { activationView } from './entity-views.ts';
import { serverTimingOf } from './server-timing.ts';
import { traceContextOf } from './trace-context.ts';

/** Longest and usual wait of a blocking call. */
const longestWaitMs = 60_000;
/** Of an activation: its status code to the status of a blocking call (Actions.scala). */
const httpStatusOf: readonly number[] = [200, 502, 502, 500];

/** @throws ApiError 400, 403, 404, 413 */
export async function invokeAction(context: ApiContext, request: Request, response: ApiResponse, place: ActionPlace): Promise<void> {
  const { entities, controller, activations } = context.system;
  const { user, transid } = response.locals;
  const found = visibleAction(entities, user, place);
  const [blocking, resultOnly] = [switchOf(request, 'blocking', false), switchOf(request, 'result', false)];
  const waitMs = integerOf(request, 'timeout') ?? longestWaitMs;
  if (waitMs < 1 || waitMs > longestWaitMs) throw new ApiError(400, `Timeout must be number of milliseconds up to ${longestWaitMs}.`);
  const parameters = mergeParameters(found.package?.parameters ?? [], found.action.parameters);
  const content = contentOf(parameters, found.action.annotations, payloadOf(jsonOf(request)));
  const document = await entities.findLatest(qualifiedNameOf(found.action));
  if (document === undefined) throw notFound();
  const traceContext = traceContextOf(request);
  const invocation = controller.invoke(document, content, {
    user,
    transid,
    blocking,
    initArgs: parameters.filter(({ init }) => init === true).map(({ key }) => key),
    ...(traceContext === undefined ? {} : { traceContext }),
  });
  const { activationId } = invocation;
  response.set('x-openwhisk-activation-id', activationId);
  const record = blocking ? await answerWithin(context.clock, waitMs, recordOf(invocation, activations, user.namespace.name)) : undefined;
  if (record === undefined) {
    response.status(202).json({ activationId });
    return;
  }
  response.set('server-timing', serverTimingOf(record));
  const { statusCode, result } = record.response;
  // An array is what the action gave, in whichever form it was asked for.
  const body = resultOnly || Array.isArray(result) ? (result ?? {}) : activationView({ ...record, logs: [] });
  response.status(httpStatusOf[statusCode] ?? 500).json(body);
}

/** @throws ApiError 400 */
function payloadOf(json: unknown): Record<string, unknown> {
  if (json === undefined || json === null) return {};
  if (typeof json !== 'object' || Array.isArray(json)) throw malformed('The payload of an invocation has to be a JSON object.');
  return json as Record<string, unknown>;
}

/** @throws ApiError 400, 413 */
export function contentOf(parameters: readonly Parameter[], annotations: readonly Parameter[], payload: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isFinal = annotations.some(({ key, value }) => key === 'final' && value === true);
  if (isFinal && parameters.some(({ key, value }) => value !== null && value !== '' && Object.hasOwn(payload, key))) {
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
