// One activation inside a slot: the /run body to parameters and environment, the handler's outcome to a status and a
// body. How it is logged and sent back is the slot's work.
import { serialiseThrown, stackOf, textOf } from './thrown.ts';

/** The action's entry point. */
export type Handler = (parameters: unknown) => unknown;

export interface Outcome {
  readonly status: 200 | 403 | 500 | 502;
  readonly body: Buffer;
  /** False when the request was turned away before user code saw it: then no log marker is due. */
  readonly ran: boolean;
  /** What to tell in the log about a failed activation. */
  readonly logLine?: string;
}

export const errorBody = (error: unknown): Buffer => Buffer.from(JSON.stringify({ error }));

const turnedAway = (status: 403 | 500, error: string): Outcome => ({ status, body: errorBody(error), ran: false });
const failed = (error: string, logLine?: string): Outcome => ({ status: 502, body: errorBody(error), ran: true, ...(logLine === undefined ? {} : { logLine }) });

/**
 * Runs the handler on the bytes of a /run request. Never rejects.
 * Statuses and texts are those of the stock Node.js runtime.
 */
export async function runActivation(handler: Handler, requestBody: Uint8Array): Promise<Outcome> {
  const request = parseRequest(requestBody);
  if (request === undefined) return turnedAway(500, 'Bad request.');
  const value = request['value'] ?? {};
  if (typeof value !== 'object') {
    return turnedAway(403, `Internal system error: the argument must be a dictionary but has type '${typeof value}'.`);
  }
  exportContext(request);

  let returned: unknown;
  try {
    returned = handler(value);
  } catch (thrown) {
    return failed(`An error has occurred: ${textOf(thrown)}`, stackOf(thrown));
  }
  try {
    return encode(await returned);
  } catch (reason) {
    // A rejected promise is an application error: the activation completed, with an error for its caller.
    return { status: 200, body: errorBody(rejectionOf(reason)), ran: true };
  }
}

function parseRequest(body: Uint8Array): Record<string, unknown> | undefined {
  if (body.length === 0) return {};
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

/** Context that a call may have or not, unlike its id or its deadline: that of the call before must not be taken for this one's. */
const traceVariable = /^__OW_(?:TRACE(?:PARENT|STATE)|B3|X_B3_\w+)$/;
let tracesOfLastCall: string[] = [];

/** Everything but the parameters goes to the environment, as `__OW_ACTIVATION_ID` and the like. */
function exportContext(request: Record<string, unknown>): void {
  for (const name of tracesOfLastCall) Reflect.deleteProperty(process.env, name);
  tracesOfLastCall = [];
  for (const [key, value] of Object.entries(request)) {
    if (key === 'value' || typeof value !== 'string') continue;
    const name = `__OW_${key.toUpperCase()}`;
    process.env[name] = value;
    if (traceVariable.test(name)) tracesOfLastCall.push(name);
  }
}

function rejectionOf(reason: unknown): unknown {
  if (!reason) return {};
  const serialised = serialiseThrown(reason);
  return serialised === undefined || typeof serialised === 'function' ? textOf(reason) : serialised;
}

function encode(result: unknown): Outcome {
  const value = result === undefined ? {} : result;
  if (typeof value !== 'object') return failed('The action did not return a dictionary.');
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    return failed(`An error has occurred: the result is not JSON: ${textOf(error)}`, stackOf(error));
  }
  // A toJSON method may give undefined.
  if (text === undefined) return failed('The action did not return a dictionary.');
  return { status: 200, body: Buffer.from(text), ran: true };
}
