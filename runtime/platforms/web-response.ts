// An action's result as an HTTP response, by the rules of OpenWhisk's web actions as the stock runtime keeps them on
// Knative: `statusCode`, `headers` and `body` of the result are those of the response, cross-origin headers are added.
import { validateHeaderName, validateHeaderValue } from 'node:http';

export interface WebResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** What the connection is made of belongs to the server. */
const connectionHeaders = ['connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

const crossOriginHeaders = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH',
  'access-control-allow-headers': 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent',
};

const jsonType = 'application/json; charset=utf-8';

/**
 * @param reply status and body of the activation, as /run answers
 * @param askedHeaders the request's Access-Control-Request-Headers, which are allowed as asked
 */
export function webResponseOf(reply: { readonly status: number; readonly body: Uint8Array }, askedHeaders: string | undefined): WebResponse {
  const bytes = Buffer.from(reply.body.buffer, reply.body.byteOffset, reply.body.byteLength);
  if (reply.status !== 200) return { status: reply.status, headers: { 'content-type': jsonType }, body: bytes };
  const result: unknown = JSON.parse(bytes.toString('utf8'));
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return finished(200, {}, result, askedHeaders);
  const { statusCode, headers, ...rest } = result as Record<string, unknown>;
  const status = statusCode ?? 200;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return invalid('statusCode is no status of a response');
  try {
    return finished(status, headersOf(headers), 'body' in rest ? rest['body'] : rest, askedHeaders);
  } catch {
    return invalid('headers are no headers of a response');
  }
}

function finished(status: number, given: Record<string, string | string[]>, content: unknown, askedHeaders: string | undefined): WebResponse {
  const crossOrigin = askedHeaders === undefined ? crossOriginHeaders : { ...crossOriginHeaders, 'access-control-allow-headers': askedHeaders };
  const headers: Record<string, string | string[]> = { ...crossOrigin, ...given };
  const givenType = given['content-type'];
  headers['content-type'] = withCharset(typeof givenType === 'string' ? givenType : typeof content === 'string' ? 'text/html' : 'application/json');
  if (content === '' || content === null || content === undefined) return { status: status === 200 ? 204 : status, headers, body: Buffer.alloc(0) };
  if (typeof content !== 'string') return { status, headers, body: Buffer.from(JSON.stringify(content)) };
  if (typeof givenType !== 'string' || !givenType.startsWith('image')) return { status, headers, body: Buffer.from(content) };
  return { status, headers: { ...headers, 'content-transfer-encoding': 'binary' }, body: Buffer.from(content, 'base64') };
}

/** Names in lower case, values as text. @throws where one cannot be sent */
function headersOf(given: unknown): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (given === undefined || given === null) return headers;
  if (typeof given !== 'object') throw new TypeError('headers are no object');
  for (const [name, value] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (connectionHeaders.includes(key)) continue;
    const values = (Array.isArray(value) ? value : [value]).map(String);
    validateHeaderName(key);
    for (const text of values) validateHeaderValue(key, text);
    headers[key] = Array.isArray(value) ? values : (values[0] ?? '');
  }
  return headers;
}

const withCharset = (type: string): string => (type.startsWith('image') || type.includes('charset=') ? type : `${type}; charset=utf-8`);

function invalid(what: string): WebResponse {
  return { status: 502, headers: { 'content-type': jsonType }, body: Buffer.from(JSON.stringify({ error: `The action's ${what}.` })) };
}
