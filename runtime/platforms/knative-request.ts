// What a request to a Knative service asks for: the stock runtime's envelope of initialisation, activation and value,
// or, without one, a plain HTTP call, whose query and body are the action's parameters.
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { InitValue } from '../protocol.ts';

export interface HttpCall {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

export interface ServiceRequest {
  /** Code to initialise first. */
  readonly init: InitValue | undefined;
  /** Whether the code wants bodies as they are, in `__ow_body`; only where `init` is. */
  readonly raw: boolean;
  /** The action is to run: with what the envelope has for it, or with the call as it is. */
  readonly run: { readonly activation: Readonly<Record<string, unknown>>; readonly value: unknown; readonly isPlain: boolean } | undefined;
}

/** The envelope breaks a rule. */
export class EnvelopeError extends Error {}

const envelopeSchema = z.object({
  init: z.object({ name: z.string().optional(), main: z.string().optional(), code: z.string().optional(), binary: z.boolean().default(false), raw: z.boolean().default(false) }).optional(),
  activation: z.record(z.string(), z.unknown()).optional(),
  value: z.unknown().optional(),
});

/** Fields of an initialisation that older clients put among the parameters. */
const initFields: readonly string[] = ['main', 'code', 'binary', 'raw'];

/** @throws EnvelopeError */
export function parseServiceRequest(call: HttpCall): ServiceRequest {
  const json = jsonOf(call);
  if (!isObject(json) || !('init' in json || ('activation' in json && 'value' in json))) return { init: undefined, raw: false, run: { activation: {}, value: json, isPlain: true } };
  const parsed = envelopeSchema.safeParse(json);
  if (!parsed.success) throw new EnvelopeError(z.prettifyError(parsed.error));
  const { init, activation, value } = parsed.data;
  const run = activation === undefined || value === undefined ? undefined : { activation: withName(activation, init?.name), value: init === undefined ? value : withoutInitFields(value), isPlain: false };
  return { init, raw: init?.raw ?? false, run };
}

/** The value the action is called with. `namespace` is whose service it is. */
export function parametersOf(call: HttpCall, run: NonNullable<ServiceRequest['run']>, raw: boolean, namespace: string): Record<string, unknown> {
  const context = { __ow_user: namespace, __ow_method: call.method, __ow_headers: call.headers, __ow_path: '' };
  const { value, isPlain } = run;
  if (raw) return { ...(isPlain || !isObject(value) ? {} : value), __ow_body: rawBodyOf(call, run), __ow_query: call.query, ...context };
  if (!isPlain) return { ...(isObject(value) ? value : {}), ...context };
  if (isObject(value)) return { ...call.query, ...value, ...context };
  return { ...call.query, ...(call.body.length === 0 ? {} : { __ow_body: rawBodyOf(call, run) }), ...context };
}

/** Text stays text; JSON objects, and bytes that are no text, are base64. */
function rawBodyOf(call: HttpCall, { value, isPlain }: NonNullable<ServiceRequest['run']>): string {
  if (!isPlain) return typeof value === 'string' ? value : Buffer.from(JSON.stringify(withoutInitFields(value))).toString('base64');
  const text = call.body.toString('utf8');
  const isText = !isObject(value) && Buffer.from(text).equals(call.body);
  return isText ? text : call.body.toString('base64');
}

function jsonOf({ body }: HttpCall): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function withoutInitFields(value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => !initFields.includes(key))) : value;
}

function withName(activation: Record<string, unknown>, name: string | undefined): Record<string, unknown> {
  return name === undefined || (activation['action_name'] ?? '') !== '' ? activation : { ...activation, action_name: name };
}
