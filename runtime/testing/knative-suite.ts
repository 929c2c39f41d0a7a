// What a Knative service of this runtime does, over HTTP, against services from a factory: the process or the image.
import { strict as assert } from 'node:assert';
import { request, type IncomingHttpHeaders } from 'node:http';
import { once } from 'node:events';
import { eventually } from '../../common/testing/eventually.ts';
import { zipBase64 } from './zip.ts';

/** A running service. */
export interface Service {
  readonly baseUrl: string;
  /** Ends it as Kubernetes would; resolves to its exit code. */
  stop(): Promise<number | null>;
}

/** Resolves when the service listens; it need not be ready. */
export type ServiceFactory = (environment: Readonly<Record<string, string>>) => Promise<Service>;

interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  readonly json: unknown;
}

async function http(service: Service, method: string, route: string, body?: unknown, headers: Record<string, string> = {}): Promise<HttpReply> {
  const bytes = body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const call = request(service.baseUrl + route, { method, headers: { ...(bytes === undefined ? {} : { 'content-length': bytes.length, 'content-type': 'application/json' }), ...headers } });
  call.end(bytes);
  const [response] = (await once(call, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const replied = Buffer.concat(chunks);
  const text = replied.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON: the test looks at the text.
  }
  return { status: response.statusCode ?? 0, headers: response.headers, bytes: replied, text, json };
}

const isReady = async (service: Service): Promise<boolean> => (await http(service, 'GET', '/readyz')).status === 200;
const ready = (service: Service): Promise<void> => eventually(() => isReady(service), 'the service is ready', 20_000);

const echoCode = 'function main(args) { return { args, activation: process.env.__OW_ACTIVATION_ID }; }';
const argsOf = ({ json }: HttpReply): Record<string, unknown> => (json as { args: Record<string, unknown> }).args;

export function describeKnativeContract(start: ServiceFactory): void {
  const running: Service[] = [];
  const started = async (environment: Readonly<Record<string, string>>): Promise<Service> => {
    const service = await start({ __OW_RUNTIME_PLATFORM: 'knative', ...environment });
    running.push(service);
    return service;
  };
  const dedicated = async (code: string, environment: Readonly<Record<string, string>> = {}): Promise<Service> => {
    const service = await started({ __OW_ACTION_CODE: code, ...environment });
    await ready(service);
    return service;
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((service) => service.stop()));
  });

  describe('a service without code of its own', () => {
    it('is initialised and run by one request, then run by others', async () => {
      const service = await started({});
      await ready(service);
      const init = { name: 'echo', main: 'main', code: echoCode, binary: false };
      const first = await http(service, 'POST', '/', { init, activation: { activation_id: 'first' }, value: { a: 1, code: 'gone', main: 'gone' } });
      assert.equal(first.status, 200, first.text);
      const { a, code, main, __ow_method: method, __ow_path: path, __ow_user: user } = argsOf(first);
      assert.deepEqual({ a, code, main, method, path, user }, { a: 1, code: undefined, main: undefined, method: 'POST', path: '', user: '' });
      const second = await http(service, 'POST', '/', { activation: { activation_id: 'second' }, value: { a: 2 } });
      assert.deepEqual([argsOf(second)['a'], (second.json as { activation: string }).activation], [2, 'second']);
    });

    it('is initialised alone, but once', async () => {
      const service = await started({});
      const init = { main: 'main', code: echoCode };
      assert.deepEqual((await http(service, 'POST', '/', { init })).json, { OK: true });
      const again = await http(service, 'POST', '/', { init });
      assert.deepEqual([again.status, again.json], [403, { error: 'Cannot initialize the action more than once.' }]);
    });

    it('refuses to run before, and an envelope whose flags are none', async () => {
      const service = await started({});
      const early = await http(service, 'POST', '/', { activation: {}, value: {} });
      assert.deepEqual([early.status, early.json], [403, { error: 'System not initialized.' }]);
      const wrong = await http(service, 'POST', '/', { init: { main: 'main', code: echoCode, binary: 'yes' } });
      assert.deepEqual([wrong.status, wrong.json], [500, { error: 'internal error during request processing.' }]);
    });

    it('has no route that others could load artifacts or code by', async () => {
      const service = await started({});
      for (const [method, route] of [['POST', '/init'], ['POST', '/run'], ['POST', '/load'], ['POST', '/clean'], ['GET', '/status'], ['GET', '/']] as const) {
        assert.equal((await http(service, method, route)).status, 500, `${method} ${route}`);
      }
    });
  });

  describe('a service whose code comes with the environment', () => {
    it('is ready when its code is initialised and the artifacts its archive declares are resident', async () => {
      const code = await zipBase64({
        'index.js': `const startedAt = Date.now(); exports.main = () => ({ startedAt, loaded: Object.keys(require.cache).some((file) => file.includes('/openwhisk/')) });`,
        'instainfer.json': '{"libraries":["openwhisk"]}',
      });
      const service = await dedicated(code, { __OW_ACTION_BINARY: 'true', __OW_ACTION_NAME: 'preloaded' });
      const calledAt = Date.now();
      const { startedAt, loaded } = (await http(service, 'POST', '/', {})).json as { startedAt: number; loaded: boolean };
      assert.ok(loaded);
      assert.ok(startedAt <= calledAt, `evaluated at ${startedAt}, called at ${calledAt}`);
    });

    it('is not ready, and says so to calls, while its code starts', async () => {
      const service = await started({ __OW_ACTION_CODE: `const until = Date.now() + 1500; while (Date.now() < until); ${echoCode}` });
      const [health, readiness, call] = await Promise.all([http(service, 'GET', '/healthz'), http(service, 'GET', '/readyz'), http(service, 'POST', '/', {})]);
      assert.deepEqual([health.status, readiness.status, call.status], [200, 503, 503]);
      await ready(service);
      assert.equal((await http(service, 'POST', '/', {})).status, 200);
    });

    it('takes an entry point by name, and no other code', async () => {
      const service = await dedicated('function hello({ name }) { return { hello: name }; }', { __OW_ACTION_MAIN: 'hello' });
      assert.deepEqual((await http(service, 'POST', '/', { activation: {}, value: { name: 'envelope' } })).json, { hello: 'envelope' });
      const stranger = await http(service, 'POST', '/', { init: { main: 'main', code: echoCode }, activation: {}, value: {} });
      assert.deepEqual([stranger.status, stranger.json], [500, { error: 'internal error during request processing.' }]);
    });

    it('takes the methods it is told, query and body as parameters', async () => {
      const service = await dedicated(echoCode, { __OW_HTTP_METHODS: '[get, put]', __OW_NAMESPACE: 'guest' });
      const got = await http(service, 'GET', '/?a=1&b=2', undefined, { 'x-mine': 'yes' });
      const { a, b, __ow_method: method, __ow_user: user, __ow_headers: headers } = argsOf(got);
      assert.deepEqual({ a, b, method, user, mine: (headers as Record<string, string>)['x-mine'] }, { a: '1', b: '2', method: 'GET', user: 'guest', mine: 'yes' });
      const put = argsOf(await http(service, 'PUT', '/?a=1', { a: 'body' }));
      assert.deepEqual([put['a'], put['__ow_method']], ['body', 'PUT']);
      assert.equal(argsOf(await http(service, 'PUT', '/', 'plain text'))['__ow_body'], 'plain text');
      assert.equal((await http(service, 'POST', '/', {})).status, 500);
    });

    it('hands bodies on as they are when it is raw', async () => {
      const service = await dedicated(echoCode, { __OW_ACTION_RAW: 'true' });
      const json = argsOf(await http(service, 'POST', '/?q=1', { activation: {}, value: { a: 1 } }));
      assert.equal(Buffer.from(json['__ow_body'] as string, 'base64').toString(), '{"a":1}');
      assert.deepEqual(json['__ow_query'], { q: '1' });
      assert.equal(argsOf(await http(service, 'POST', '/', { activation: {}, value: 'text' }))['__ow_body'], 'text');
      assert.equal(argsOf(await http(service, 'POST', '/', 'plain'))['__ow_body'], 'plain');
    });

    it('answers as a web action: status, headers and body of the result', async () => {
      const service = await dedicated('function main({ result }) { return result; }');
      const answered = (result: unknown): Promise<HttpReply> => http(service, 'POST', '/', { activation: {}, value: { result } });
      const teapot = await answered({ statusCode: 418, headers: { 'X-Mine': 'yes', 'Content-Length': '3' }, body: { short: true } });
      assert.deepEqual([teapot.status, teapot.headers['x-mine'], teapot.json], [418, 'yes', { short: true }]);
      assert.equal(teapot.headers['access-control-allow-origin'], '*');
      const page = await answered({ body: '<p>ä</p>' });
      assert.deepEqual([page.status, page.headers['content-type'], page.text], [200, 'text/html; charset=utf-8', '<p>ä</p>']);
      const image = await answered({ headers: { 'content-type': 'image/png' }, body: 'iVBORw==' });
      assert.deepEqual([image.headers['content-type'], image.bytes.toString('hex')], ['image/png', '89504e47']);
      assert.deepEqual([(await answered({ body: '' })).status, (await answered({ a: 1 })).json], [204, { a: 1 }]);
      assert.equal((await answered({ statusCode: 99 })).status, 502);
      assert.equal((await answered({ headers: { 'bad name': 'x' } })).status, 502);
      assert.deepEqual((await answered('text')).status, 502);
    });

    it('answers errors of the action with their status', async () => {
      const service = await dedicated(`function main({ how }) { if (how === 'throw') throw new Error('thrown'); return Promise.reject(new Error('rejected')); }`);
      const rejected = await http(service, 'POST', '/?how=reject', {});
      assert.deepEqual([rejected.status, (rejected.json as { error: { message: string } }).error.message], [200, 'rejected']);
      const thrown = await http(service, 'POST', '/?how=throw', {});
      assert.deepEqual([thrown.status, thrown.json], [502, { error: 'An error has occurred: Error: thrown' }]);
    });

    it('runs calls at a time where that is allowed', async () => {
      const code = 'const waiting = []; function main() { return new Promise((resolve) => { waiting.push(resolve); if (waiting.length === 8) for (const release of waiting) release({ together: true }); }); }';
      const service = await dedicated(code, { __OW_ALLOW_CONCURRENT: 'true' });
      const replies = await Promise.all(Array.from({ length: 8 }, () => http(service, 'POST', '/', {})));
      for (const { json } of replies) assert.deepEqual(json, { together: true });
    });

    it('finishes what runs when it is told to end', async () => {
      const service = await dedicated('function main() { return new Promise((resolve) => setTimeout(() => resolve({ done: true }), 500)); }');
      const call = http(service, 'POST', '/', {});
      await eventually(async () => (await http(service, 'POST', '/', {})).status === 403, 'the call runs');
      const ended = service.stop();
      assert.deepEqual((await call).json, { done: true });
      assert.equal(await ended, 0);
    });
  });
}
