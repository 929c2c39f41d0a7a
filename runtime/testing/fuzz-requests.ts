// Requests as nobody should send them, for property tests: right routes with wrong bodies, wrong routes, rubbish.
import fc from 'fast-check';
import { zipBase64 } from './zip.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly chunked: boolean;
}

const routes = ['/init', '/run', '/load', '/offload', '/clean', '/status', '/healthz', '/readyz'] as const;

/** Values that break naive code: keys of prototypes, numbers out of range, texts that are no texts. */
const awkward = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1e308, Number.MAX_SAFE_INTEGER, '', 'x'.repeat(10_000), '\u0000', '\ud800', '../../etc/passwd', '__proto__', [], {}, [[]], { __proto__: null }),
  fc.jsonValue({ maxDepth: 3 }),
);
const perhaps = <T>(valid: fc.Arbitrary<T>): fc.Arbitrary<unknown> => fc.oneof({ weight: 6, arbitrary: valid as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: awkward });

/** A record as it should be, or one some of whose fields are missing or of another kind: rubbish alone gets nowhere. */
const almost = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.record(fields) },
    { weight: 2, arbitrary: fc.record(Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, perhaps(value)])), { requiredKeys: [] }) },
  );

const echo = 'function main(args) { return args; }';
const code = fc.constantFrom(
  echo,
  echo,
  echo,
  echo,
  'function main() { throw new Error("thrown"); }',
  'function main() { return Promise.reject({ code: 1 }); }',
  'this is no JavaScript',
  'exports.main = 1;',
  '',
);
const archive = fc.oneof(fc.constant(await zipBase64({ 'index.js': 'exports.main = (args) => args;' })), fc.base64String({ maxLength: 400 }), fc.string());
const name = fc.constantFrom('one', 'two', 'guest/one', '/guest/one', 'guest/one@0.0.1', 'no such');
const model = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('one', 'two').map((store) => ({ name: store, store })) },
  { weight: 1, arbitrary: almost({ name, store: name, path: fc.constantFrom('m.onnx', '../m.onnx', '/etc/passwd') }) },
);
const artifacts = almost({
  models: fc.array(model, { maxLength: 3 }),
  libraries: fc.array(fc.constantFrom('zod', 'zod', 'zod', 'fs', '../x', '/etc/passwd', 'no-such-library'), { maxLength: 2 }),
});
const env = fc.oneof(fc.constant({ __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: '/guest/one', __OW_ACTION_VERSION: '0.0.1' }), fc.dictionary(fc.oneof(fc.constantFrom('__OW_NAMESPACE', '__OW_ACTION_NAME', 'A', '', 'A=B', '__proto__'), fc.string({ maxLength: 10 })), awkward, { maxKeys: 4 }));
const initValue = fc.oneof(
  almost({ name, main: fc.constantFrom('main', 'main', 'main', 'a.b', 'index.main', 'main)(', ''), code, binary: fc.constant(false), env }),
  almost({ name, main: fc.constantFrom('main', 'main', 'index.main'), code: archive, binary: fc.constant(true), env }),
);

const values: Record<(typeof routes)[number], fc.Arbitrary<unknown>> = {
  '/init': initValue,
  '/run': perhaps(fc.dictionary(fc.string({ maxLength: 10 }), awkward, { maxKeys: 4 })),
  '/load': almost({ action: name, version: fc.constant('0.0.1'), namespace: fc.constant('guest'), artifacts, code: initValue, deadlineMs: fc.constantFrom(60_000, 60_000, 60_000, 2 ** 31, 1e300, 1, 1e-9) }),
  '/offload': fc.oneof(almost({ action: name, version: fc.constant('0.0.1') }), almost({ all: fc.constant(true) })),
  '/clean': almost({ retain: fc.boolean() }),
  '/status': awkward,
  '/healthz': awkward,
  '/readyz': awkward,
};

const jsonBody = (route: (typeof routes)[number]): fc.Arbitrary<Buffer> =>
  perhaps(almost({ value: values[route], deadline: fc.constant('1'), activation_id: fc.string({ maxLength: 8 }) })).map((body) => Buffer.from(JSON.stringify(body)));

/** Texts that are almost JSON, or more of it than anyone wants. */
const brokenBody = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('[', '{"value":', '{"value":1e999}', '{"value":{"__proto__":{"polluted":true}}}', '{"value":{},"value":[]}', '\ufeff{}', 'null', '"text"', '{"value":{"constructor":{"prototype":{"polluted":1}}}}').map((text) => Buffer.from(text)),
  fc.integer({ min: 1, max: 200_000 }).map((depth) => Buffer.from(`{"value":${'['.repeat(depth)}${']'.repeat(depth)}}`)),
  fc.integer({ min: 1, max: 3_000_000 }).map((length) => Buffer.from(`{"value":{"text":"${'x'.repeat(length)}"}}`)),
  fc.constant(Buffer.concat([Buffer.from('{"value":{"text":"'), Buffer.from([0xc3, 0x28, 0xff, 0xfe]), Buffer.from('"}}')])),
);

const headers = fc.record(
  {
    'content-type': fc.constantFrom('application/json', 'application/json; charset=utf-16', 'text/plain', 'multipart/form-data; boundary=', 'nonsense', ''),
    'content-encoding': fc.constantFrom('gzip', 'deflate', 'br', 'identity', 'nonsense'),
    accept: fc.constantFrom('*/*', 'text/html', ''),
    authorization: fc.constantFrom('Bearer', 'Bearer x', 'Basic eDp5', ''),
    expect: fc.constantFrom('100-continue', 'nonsense'),
    'x-request-id': fc.stringMatching(/^[ -~]{0,50}$/).map((text) => text.trim()),
    'if-none-match': fc.constant('*'),
    range: fc.constant('bytes=0-1'),
  },
  { requiredKeys: [] },
);

const suffix = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom('/', '?', '?a=1', '?a[b]=c&__proto__[x]=1', '#a', '/..', '%2f', '%00', '//') });
const anyPath = fc.oneof(fc.constantFrom('/', '//', '/nothing', '/%', '/%zz', '/../init', '/INIT', '/constructor', '*'), fc.webPath({ size: 'small' }).map((path) => `/${path}`));

/** One request; mostly to a route of ours, mostly with its method. */
export const fuzzRequest: fc.Arbitrary<FuzzRequest> = fc.constantFrom(...routes).chain((route) => {
  const usual = ['/status', '/healthz', '/readyz'].includes(route) ? 'GET' : 'POST';
  return fc.record({
    method: fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH') }),
    path: fc.oneof({ weight: 9, arbitrary: suffix.map((text) => route + text) }, { weight: 1, arbitrary: anyPath }),
    headers: fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers as fc.Arbitrary<Record<string, string>> }),
    body: fc.oneof({ weight: 6, arbitrary: jsonBody(route) }, { weight: 1, arbitrary: brokenBody }),
    chunked: fc.boolean(),
  });
});

const requestLine = fc.constantFrom('POST /run HTTP/1.1', 'POST /init HTTP/1.1', 'GET /status HTTP/1.1', 'POST /load HTTP/1.1', 'POST /run HTTP/1.0', 'POST /run HTTP/9.9', 'POST  /run', 'PRI * HTTP/2.0', '\u0000');
const headerLine = fc.constantFrom(
  'Host: a',
  'Content-Length: 5',
  'Content-Length: 6',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Length: 5, 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding : chunked',
  'Connection: close',
  'Connection: keep-alive',
  'Upgrade: websocket',
  'Expect: 100-continue',
  `X-Long: ${'x'.repeat(20_000)}`,
  'No colon here',
  ' folded',
);
const rawBody = fc.constantFrom('', '{"value":{}}', 'abcde', '5\r\nabcde\r\n0\r\n\r\n', 'ffffffffffffffff\r\nabc', '5;ext=1\r\nabcde\r\n', '-1\r\n', '0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');

/** Bytes for a connection: almost a request, several, a part of one, or none at all. */
export const fuzzBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 500 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 4,
    arbitrary: fc
      .array(fc.tuple(requestLine, fc.array(headerLine, { maxLength: 4 }), rawBody), { minLength: 1, maxLength: 3 })
      .map((requests) => Buffer.from(requests.map(([line, lines, body]) => `${[line, ...lines].join('\r\n')}\r\n\r\n${body}`).join(''))),
  },
);
