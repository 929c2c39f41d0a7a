// How OpenWhisk reads a container's answer: from what /init or /run gave to an activation's status and result.
// Source of every text and rule: core/entity/ActivationResult.scala and http/ErrorResponse.scala of Apache OpenWhisk.
import type { ActivationResponse } from '../common/messages/acknowledgement.ts';
import type { NoReply, RuntimeReply } from './runtime-client.ts';

const success = 0;
const applicationError = 1;
const developerError = 2;
const whiskError = 3;

function failure(statusCode: number, message: string): ActivationResponse {
  return { statusCode, result: { error: message } };
}

function truncated(reply: RuntimeReply, maxResponseBytes: number): string {
  return `The action produced a response that exceeded the allowed length: ${reply.bytes} > ${maxResponseBytes} bytes. The truncated response was: ${reply.body}`;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function errorOf(json: unknown): { error: unknown } | undefined {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && 'error' in json ? { error: json.error } : undefined;
}

/** An activation that never reached a container, for a fault of the platform's own. */
export function platformFailure(message: string): ActivationResponse {
  return failure(whiskError, message);
}

/** An activation that was refused for a reason of its own, such as an action that is gone. */
export function refusedActivation(message: string): ActivationResponse {
  return failure(applicationError, message);
}

/** An activation that cannot run for how its action was made. */
export function developerFailure(message: string): ActivationResponse {
  return failure(developerError, message);
}

const memoryExhausted = failure(developerError, 'The action exhausted its memory and was aborted.');

/** The response of a failed /init, or undefined when it succeeded. */
export function interpretInit(reply: RuntimeReply | NoReply, limits: { timeoutMs: number; maxResponseBytes: number }): ActivationResponse | undefined {
  if ('failure' in reply) {
    if (reply.failure === 'memory') return memoryExhausted;
    return reply.failure === 'timeout'
      ? failure(developerError, `The action exceeded its time limits of ${limits.timeoutMs} milliseconds during initialization.`)
      : failure(developerError, 'The action did not initialize and exited unexpectedly.');
  }
  if (reply.status === 200) return undefined;
  if (reply.truncated) return failure(developerError, truncated(reply, limits.maxResponseBytes));
  const error = errorOf(parse(reply.body));
  if (error !== undefined) return { statusCode: developerError, result: error };
  return failure(developerError, `The action failed during initialization${reply.body === '' ? '.' : `: ${reply.body}`}`);
}

/** The response of a /run. */
export function interpretRun(reply: RuntimeReply | NoReply, limits: { timeoutMs: number; maxResponseBytes: number }): ActivationResponse {
  if ('failure' in reply) {
    if (reply.failure === 'memory') return memoryExhausted;
    return reply.failure === 'timeout'
      ? failure(developerError, `The action exceeded its time limits of ${limits.timeoutMs} milliseconds.`)
      : failure(developerError, 'The action did not produce a valid response and exited unexpectedly.');
  }
  if (reply.truncated) return failure(applicationError, truncated(reply, limits.maxResponseBytes));
  const json = parse(reply.body);
  const isObjectOrArray = typeof json === 'object' && json !== null;
  const error = errorOf(json);
  const invalid = `The action did not produce a valid JSON or JSON Array response${reply.body === '' ? '.' : `: ${reply.body}`}`;
  if (!isObjectOrArray) return failure(developerError, invalid);
  if (reply.status === 200) {
    return error === undefined ? { statusCode: success, result: json, size: reply.body.length } : { statusCode: applicationError, result: error, size: reply.body.length };
  }
  return error === undefined ? failure(developerError, invalid) : { statusCode: developerError, result: error };
}

/** OpenWhisk's rule: after a developer or platform error the container goes; otherwise it stays warm. */
export function leavesContainerUsable(response: ActivationResponse): boolean {
  return response.statusCode < developerError;
}
