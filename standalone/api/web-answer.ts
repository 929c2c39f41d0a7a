// From the result of a web action to the HTTP response that the extension asks for: pure.
// Wire facts: core/controller/WebActions.scala of Apache OpenWhisk.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { looksLikeBase64 } from '../../invoker-plugin/stores/action-entity.ts';
import { ApiError } from './api-error.ts';
import { mediaTypeOf } from './media-type.ts';
import type { WebExtension } from './web-request.ts';

export interface WebAnswer {
  readonly status: number;
  /** Without the type of the body. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Of the body; undefined for an empty one. */
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

type Fields = Readonly<Record<string, unknown>>;

/** What the connection is made of belongs to the server. */
const connectionHeaders = ['connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

const invalidMedia = (type: string): ApiError => new ApiError(400, `Response is not valid '${type}'.`);
const contentMismatch = (): ApiError => new ApiError(400, 'Response type in header did not match generated content type.');
const propertyNotFound = (): ApiError => new ApiError(404, 'Response does not include requested property.');

/** @throws ApiError 400, 404 in the words of OpenWhisk, where the result is none of what was asked for */
export function webAnswerOf({ response: { statusCode, result } }: Pick<WhiskActivation, 'response'>, extension: WebExtension): WebAnswer {
  // 0 is success; of an error of the application's, `error` is what it answers with.
  if (statusCode !== 0 && statusCode !== 1) throw new ApiError(400, 'There was an error processing your request.');
  const outcome = statusCode === 0 ? (result ?? {}) : isFields(result) ? result['error'] : undefined;
  if (outcome === undefined) throw propertyNotFound();
  return transcoders[extension](outcome);
}

const transcoders: Readonly<Record<WebExtension, (result: unknown) => WebAnswer>> = {
  http: httpAnswer,
  json: (result) => {
    if (typeof result !== 'object' || result === null) throw invalidMedia('application/json');
    return answer('application/json', pretty(result));
  },
  html: (result) => {
    const html = isFields(result) ? pick(result, 'html') : result;
    if (typeof html !== 'string') throw invalidMedia('text/html');
    return answer('text/html; charset=UTF-8', html);
  },
  svg: (result) => {
    const svg = isFields(result) ? pick(result, 'svg') : result;
    if (typeof svg !== 'string') throw invalidMedia('image/svg+xml');
    return answer('image/svg+xml', svg);
  },
  text: (result) => {
    const text = isFields(result) ? pick(result, 'text') : result;
    if (text === undefined) throw propertyNotFound();
    return answer('text/plain; charset=UTF-8', typeof text === 'string' ? text : pretty(text));
  },
};

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `body` goes before what is named after the extension. */
function pick(result: Fields, name: string): unknown {
  return Object.hasOwn(result, 'body') ? result['body'] : result[name];
}

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

function answer(contentType: string, text: string): WebAnswer {
  return { status: 200, headers: {}, contentType, body: Buffer.from(text) };
}

/** `{ statusCode, headers, body }`; a body of a type that is no text comes as base64. */
function httpAnswer(result: unknown): WebAnswer {
  if (!isFields(result)) throw invalidMedia('message/http');
  const [given, headers] = [statusOf(result['statusCode']), headersOf(result['headers'])];
  const { 'content-type': types, ...others } = headers;
  const { body } = result;
  if (body === undefined || body === null || body === '') return { status: given ?? 204, headers: others, contentType: undefined, body: Buffer.alloc(0) };
  const isText = typeof body === 'string';
  const type = mediaTypeOf(types?.[0] ?? (isText ? 'text/html' : 'application/json'));
  if (isText && type === undefined) throw new ApiError(400, 'Response did not specify a known content-type.');
  if (type === undefined || (!isText && !type.isJson)) throw contentMismatch();
  const whole = { status: given ?? 200, headers: others, contentType: type.header };
  if (!isText) return { ...whole, body: Buffer.from(pretty(body)) };
  // Actions of former times send JSON as base64.
  return { ...whole, body: type.isBinary || (type.isJson && looksLikeBase64(body)) ? bytesOf(body) : Buffer.from(body) };
}

function bytesOf(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.replace(/=+$/, '').length % 4 === 1) throw contentMismatch();
  return Buffer.from(text, 'base64');
}

/** A status that ends a response, as a number or as text. */
function statusOf(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  const status = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 999) throw invalidMedia('message/http');
  return status;
}

/** Names in lower case. */
function headersOf(given: unknown): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  if (given === undefined) return headers;
  if (!isFields(given)) throw invalidMedia('message/http');
  for (const [name, value] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (!connectionHeaders.includes(key)) headers[key] = [...(headers[key] ?? []), ...textsOf(key, value)];
  }
  return headers;
}

function textsOf(name: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((inner) => textsOf(name, inner));
  if (typeof value !== 'string' && typeof value !== 'boolean' && typeof value !== 'number') throw invalidMedia('message/http');
  try {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
  } catch {
    throw invalidMedia('message/http');
  }
  return [String(value)];
}
