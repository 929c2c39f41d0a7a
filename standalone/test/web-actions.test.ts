// Web actions over HTTP, as a browser, a form and curl call them. Held against core/controller/test/WebActionsApiTests.scala
// of Apache OpenWhisk.
import { strict as assert } from 'node:assert';
import { basicAuthorization } from '../../common/basic-authorization.ts';
import { guestKey } from '../namespaces.ts';
import { otherKey, ServedSystem } from '../testing/served-system.ts';

const png = 'iVBORw0KGgo=';
const web = { key: 'web-export', value: true };

/** What the action of the test answers with. */
interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
}

describe('web actions of a standalone server', function () {
  this.timeout(60_000);
  let served: ServedSystem;

  const annotated = (code: string, ...annotations: { key: string; value: unknown }[]): [string, Record<string, unknown>] => [code, { annotations: [web, ...annotations] }];
  const ask = async (route: string, init: RequestInit = {}): Promise<Seen> => {
    const response = await fetch(`${served.address}/api/v1/web/${route}`, { redirect: 'manual', ...init });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, bytes, text: bytes.toString('utf8') };
  };
  /** What the action `echo` was called with, its headers apart. */
  const heard = async (route: string, init?: RequestInit): Promise<Record<string, unknown>> => {
    const { status, text } = await ask(route, init);
    assert.equal(status, 200, text);
    const { __ow_headers: headers, ...rest } = JSON.parse(text) as Record<string, unknown>;
    assert.equal(typeof headers, 'object');
    return rest;
  };
  const isError = ({ status, text }: Seen, expected: number, message: string): void => {
    const body = JSON.parse(text) as { error: string; code: string };
    assert.deepEqual([status, body.error], [expected, message]);
    assert.match(body.code, /\w/);
  };

  before(async () => {
    served = await ServedSystem.start();
    const show = 'function main(p) { return p; }';
    await served.create('hidden', show);
    await served.create('echo', ...annotated(show));
    await served.create('raw', ...annotated(show, { key: 'raw-http', value: true }));
    // Answers with the JSON that it is sent in `result`.
    await served.create('answer', ...annotated('function main(p) { return JSON.parse(p.result); }'));
    await served.create('json', ...annotated('function main() { return { title: "T", html: "<b>T</b>", svg: "<svg/>", text: 7 }; }'));
  });
  after(() => served.stop());

  const answered = (result: unknown, extension = 'http', init?: RequestInit): Promise<Seen> => ask(`guest/default/answer.${extension}?result=${encodeURIComponent(JSON.stringify(result))}`, init);

  describe('what can be called', () => {
    it('answers without a key, and names the activation, which belongs to the owner', async () => {
      const { status, headers } = await ask('guest/default/echo.json');
      assert.equal(status, 200);
      const record = await served.recordOf(headers.get('x-openwhisk-activation-id') ?? '');
      assert.deepEqual([record.namespace, record.name, record.subject], ['guest', 'echo', 'guest']);
    });

    for (const route of ['guest/default/hidden.json', 'guest/default/absent.json', 'guest/absent/echo.json', 'nobody/default/echo.json', 'guest/default/echo.xyz']) {
      it(`knows nothing of ${route}`, async () => {
        isError(await ask(route), 404, 'The requested resource does not exist.');
      });
    }

    it('no longer serves an action whose annotation was taken back', async () => {
      await served.create('former', ...annotated('function main() { return {}; }'));
      assert.equal((await ask('guest/default/former.json')).status, 200);
      await served.call('/namespaces/_/actions/former?overwrite=true', { method: 'PUT', body: { annotations: [{ key: 'web-export', value: false }] } });
      assert.equal((await ask('guest/default/former.json')).status, 404);
    });

    it('serves an action of a package that is not published, with the package\'s parameters', async () => {
      await served.call('/namespaces/_/packages/kept', { method: 'PUT', body: { parameters: [{ key: 'from', value: 'package' }] } });
      await served.create('kept/echo', ...annotated('function main(p) { return { from: p.from }; }'));
      assert.deepEqual(JSON.parse((await ask('guest/kept/echo.json')).text), { from: 'package' });
    });

    it('refuses a body of more than a megabyte', async () => {
      const { status, text } = await ask('guest/default/echo.json', { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) });
      assert.equal(status, 413);
      assert.match(text, /Request larger than allowed: 1048577 > 1048576 bytes/);
    });
  });

  describe('what the action is told', () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      it(`takes ${method}`, async () => {
        assert.deepEqual(await heard('guest/default/echo.json?a=b', { method }), { __ow_method: method.toLowerCase(), __ow_path: '', a: 'b' });
      });
    }

    it('takes HEAD, and sends no body', async () => {
      const { status, headers, bytes } = await ask('guest/default/echo.json', { method: 'HEAD' });
      assert.deepEqual([status, bytes.length], [200, 0]);
      const record = await served.recordOf(headers.get('x-openwhisk-activation-id') ?? '');
      assert.equal((record.response.result as { __ow_method: string }).__ow_method, 'head');
    });

    it('gives the rest of the path and the headers, names in lower case', async () => {
      const { text } = await ask('guest/default/echo.json/a%20b/c?x=1', { headers: { 'X-Own': 'Value' } });
      const { __ow_path: rest, __ow_headers: headers } = JSON.parse(text) as { __ow_path: string; __ow_headers: Record<string, string> };
      assert.deepEqual([rest, headers['x-own']], ['/a%20b/c', 'Value']);
    });

    it('names the caller who shows a key, and nobody for a wrong one', async () => {
      assert.equal((await heard('guest/default/echo.json', { headers: { authorization: basicAuthorization(otherKey) } }))['__ow_user'], 'other');
      assert.equal((await heard('guest/default/echo.json', { headers: { authorization: basicAuthorization(`${guestKey}x`) } }))['__ow_user'], undefined);
    });

    const bodies: [what: string, type: string | undefined, body: string | Uint8Array<ArrayBuffer>, expected: Record<string, unknown>][] = [
      ['a JSON object as parameters that go before the query\'s', 'application/json', '{"a":1,"c":[2]}', { a: 1, b: 'q', c: [2] }],
      ['an object of a JSON type of its own', 'application/cloudevents+json', '{"a":1}', { a: 1, b: 'q' }],
      ['a form', 'application/x-www-form-urlencoded', 'a=1+2&c=%C3%A9', { a: '1 2', b: 'q', c: 'é' }],
      ['JSON that is no object as the body', 'application/json', '[1]', { a: 'q', b: 'q', __ow_body: [1] }],
      ['empty JSON as nothing', 'application/json', '', { a: 'q', b: 'q' }],
      ['text as text', 'text/plain', 'é', { a: 'q', b: 'q', __ow_body: 'é' }],
      ['XML as text', 'application/xml', '<a/>', { a: 'q', b: 'q', __ow_body: '<a/>' }],
      ['bytes as base64', 'image/png', Buffer.from(png, 'base64'), { a: 'q', b: 'q', __ow_body: png }],
      ['bytes of no type as base64', undefined, Buffer.from(png, 'base64'), { a: 'q', b: 'q', __ow_body: png }],
    ];
    for (const [what, type, body, expected] of bodies) {
      it(`takes ${what}`, async () => {
        assert.deepEqual(await heard('guest/default/echo.json?a=q&b=q', { method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } }), { __ow_method: 'post', __ow_path: '', ...expected });
      });
    }

    it('gives a raw action the query and the body as they are', async () => {
      const context = { __ow_method: 'post', __ow_path: '', __ow_query: 'a=q&__ow_user=x' };
      const post = (type: string, body: string): Promise<Record<string, unknown>> => heard('guest/default/raw.json?a=q&__ow_user=x', { method: 'POST', body, headers: { 'content-type': type } });
      assert.deepEqual(await post('application/json', '{"a":1}'), { ...context, __ow_body: Buffer.from('{"a":1}').toString('base64') });
      assert.deepEqual(await post('application/x-www-form-urlencoded', 'a=1'), { ...context, __ow_body: 'a=1' });
      assert.deepEqual(await heard('guest/default/raw.json'), { __ow_method: 'get', __ow_path: '', __ow_query: '', __ow_body: '' });
    });

    it('refuses JSON that cannot be read', async () => {
      const { status, text } = await ask('guest/default/echo.json', { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } });
      assert.equal(status, 400);
      assert.match(text, /The request content was malformed/);
    });

    it('refuses to set what is reserved, or a final parameter that has a value', async () => {
      await served.create('bound', 'function main(p) { return p; }', { parameters: [{ key: 'fixed', value: 1 }, { key: 'open', value: '' }], annotations: [web, { key: 'final', value: true }] });
      const refusal = 'Request defines parameters that are not allowed (e.g., reserved properties).';
      const post = (body: unknown): Promise<Seen> => ask('guest/default/bound.json', { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
      for (const name of ['__ow_method', '__ow_headers', '__ow_path', '__ow_user', '__ow_query', '__ow_body', 'fixed']) {
        isError(await ask(`guest/default/bound.json?${name}=x`), 400, refusal);
        isError(await post({ [name]: 'x' }), 400, refusal);
      }
      assert.deepEqual(await heard('guest/default/bound.json?open=x'), { __ow_method: 'get', __ow_path: '', fixed: 1, open: 'x' });
    });
  });

  describe('what comes back', () => {
    it('is the response that the action describes', async () => {
      const { status, headers, text } = await answered({ statusCode: 201, headers: { 'X-Own': 'v', 'set-cookie': ['a=1', 'b=2'], 'content-length': 3 }, body: '<b>hi</b>' });
      assert.deepEqual([status, text, headers.get('x-own'), headers.getSetCookie(), headers.get('content-type')], [201, '<b>hi</b>', 'v', ['a=1', 'b=2'], 'text/html; charset=UTF-8']);
    });

    it('takes .http where there is no extension', async () => {
      assert.equal((await ask(`guest/default/answer?result=${encodeURIComponent('{"body":"plain"}')}`)).text, 'plain');
    });

    it('decodes a body of a type that is no text', async () => {
      const { headers, bytes } = await answered({ headers: { 'Content-Type': 'image/png' }, body: png });
      assert.deepEqual([headers.get('content-type'), bytes.toString('base64')], ['image/png', png]);
    });

    const responses: [what: string, result: unknown, status: number, text: string][] = [
      ['a redirection', { statusCode: 302, headers: { location: 'http://localhost/' } }, 302, ''],
      ['nothing at all with 204', {}, 204, ''],
      ['an empty body with the status that is given', { statusCode: 200, body: '' }, 200, ''],
      ['a status as text', { statusCode: '444', body: 'x' }, 444, 'x'],
      ['an object as JSON', { body: { a: 1 } }, 200, '{\n  "a": 1\n}'],
      ['a number as JSON', { body: 3 }, 200, '3'],
      ['an object of a JSON type of its own', { headers: { 'content-type': 'application/hal+json' }, body: { a: 1 } }, 200, '{\n  "a": 1\n}'],
      ['text that is declared as JSON', { headers: { 'content-type': 'application/json' }, body: 'hello world' }, 200, 'hello world'],
      ['an error of the action\'s own as a response', { error: { statusCode: 418, body: 'no' } }, 418, 'no'],
    ];
    for (const [what, result, status, text] of responses) {
      it(`is ${what}`, async () => {
        const seen = await answered(result);
        assert.deepEqual([seen.status, seen.text], [status, text]);
      });
    }

    const invalidHttp = "Response is not valid 'message/http'.";
    const refusals: [what: string, result: unknown, extension: string, status: number, message: string][] = [
      ['a status that is none', { statusCode: 'xyz' }, 'http', 400, invalidHttp],
      ['half a status', { statusCode: 200.5 }, 'http', 400, invalidHttp],
      ['headers that are none', { headers: 'x' }, 'http', 400, invalidHttp],
      ['a header that would end its line', { headers: { a: 'b\r\nc: d' } }, 'http', 400, invalidHttp],
      ['an error that is no response', { error: 'no' }, 'http', 400, invalidHttp],
      ['a content type that is none', { headers: { 'content-type': 'xyzbar' }, body: 'x' }, 'http', 400, 'Response did not specify a known content-type.'],
      ['an object as HTML', { headers: { 'content-type': 'text/html' }, body: {} }, 'http', 400, 'Response type in header did not match generated content type.'],
      ['a picture that is no base64', { headers: { 'content-type': 'image/png' }, body: 'not!' }, 'http', 400, 'Response type in header did not match generated content type.'],
      ['an error that is no JSON object', { error: 'no' }, 'json', 400, "Response is not valid 'application/json'."],
      ['HTML that is not there', { a: 1 }, 'html', 400, "Response is not valid 'text/html'."],
      ['a drawing that is not there', { a: 1 }, 'svg', 400, "Response is not valid 'image/svg+xml'."],
      ['text that is not there', { a: 1 }, 'text', 404, 'Response does not include requested property.'],
    ];
    for (const [what, result, extension, status, message] of refusals) {
      it(`is an error for ${what}`, async () => {
        isError(await answered(result, extension), status, message);
      });
    }

    it('is an error without details for an action that throws', async () => {
      await served.create('throws', ...annotated('function main() { process.exit(3); }'));
      isError(await ask('guest/default/throws.json'), 400, 'There was an error processing your request.');
    });

    for (const [extension, type, text] of [
      ['json', 'application/json', '{\n  "title": "T",\n  "html": "<b>T</b>",\n  "svg": "<svg/>",\n  "text": 7\n}'],
      ['html', 'text/html; charset=UTF-8', '<b>T</b>'],
      ['svg', 'image/svg+xml', '<svg/>'],
      ['text', 'text/plain; charset=UTF-8', '7'],
    ] as const) {
      it(`is what the extension .${extension} asks for`, async () => {
        const seen = await ask(`guest/default/json.${extension}`);
        assert.deepEqual([seen.status, seen.headers.get('content-type'), seen.text], [200, type, text]);
      });
    }

    it('prefers what the action calls its body', async () => {
      assert.equal((await answered({ body: 'b', html: 'h' }, 'html')).text, 'b');
    });

    it('is refused where the caller accepts nothing of that type', async () => {
      const { status, text } = await answered({ body: 'x' }, 'http', { headers: { accept: 'application/json' } });
      assert.deepEqual([status, text], [406, 'Resource representation is only available with these types:\ntext/html; charset=UTF-8']);
    });
  });

  it('has a page kept apart from the console, which has the same address, whatever the action says', async () => {
    for (const headers of [{}, { 'content-security-policy': "default-src 'none'" }]) {
      const policy = (await answered({ headers, body: '<script>sessionStorage.getItem("instainfer-key")</script>' })).headers.get('content-security-policy') ?? '';
      assert.match(policy, /sandbox .*allow-scripts/);
      assert.doesNotMatch(policy, /allow-same-origin/);
    }
  });

  describe('who may call', () => {
    it('is whoever has a key, where the annotation asks for one', async () => {
      await served.create('keyed', ...annotated('function main(p) { return { user: p.__ow_user }; }', { key: 'require-whisk-auth', value: true }));
      assert.equal((await ask('guest/default/keyed.json')).status, 401);
      assert.equal((await ask('guest/default/keyed.json', { headers: { authorization: basicAuthorization(`${guestKey}x`) } })).status, 401);
      assert.deepEqual(JSON.parse((await ask('guest/default/keyed.json', { headers: { authorization: basicAuthorization(otherKey) } })).text), { user: 'other' });
    });

    it('is whoever knows the secret, where the annotation is one', async () => {
      for (const [name, value] of [['secret', 'open sesame'], ['number', 42]] as const) {
        await served.create(name, ...annotated('function main() { return {}; }', { key: 'require-whisk-auth', value }));
        const status = async (headers: Record<string, string>): Promise<number> => (await ask(`guest/default/${name}.json`, { headers })).status;
        assert.equal(await status({}), 401);
        assert.equal(await status({ 'x-require-whisk-auth': `${value}x` }), 401);
        assert.equal(await status({ 'x-require-whisk-auth': String(value) }), 200);
      }
    });

    it('is nobody, where the annotation is neither', async () => {
      await served.create('closed', ...annotated('function main() { return {}; }', { key: 'require-whisk-auth', value: {} }));
      assert.equal((await ask('guest/default/closed.json', { headers: { authorization: basicAuthorization(guestKey) } })).status, 401);
    });
  });

  describe('pages of other sites', () => {
    it('are told before they ask what they may, whoever asks', async () => {
      const { status, headers, text } = await ask('guest/default/keyed.json', { method: 'OPTIONS', headers: { 'access-control-request-headers': 'x-own' } });
      assert.deepEqual([status, text, headers.get('access-control-allow-origin'), headers.get('access-control-allow-headers')], [200, '', '*', 'x-own']);
      assert.equal(headers.get('access-control-allow-methods'), 'OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH');
      assert.equal(headers.get('x-openwhisk-activation-id'), null);
    });

    it('may read every answer', async () => {
      assert.equal((await ask('guest/default/echo.json')).headers.get('access-control-allow-origin'), '*');
    });

    it('are answered by the action, where it says so', async () => {
      const code = 'function main(p) { return { statusCode: 200, headers: { "access-control-allow-origin": "https://own.example", "x-method": p.__ow_method } }; }';
      await served.create('own', ...annotated(code, { key: 'web-custom-options', value: true }, { key: 'require-whisk-auth', value: true }));
      const { status, headers } = await ask('guest/default/own.http', { method: 'OPTIONS' });
      assert.deepEqual([status, headers.get('access-control-allow-origin'), headers.get('x-method'), headers.get('access-control-allow-methods')], [200, 'https://own.example', 'options', null]);
      assert.equal((await ask('guest/default/own.http')).status, 401);
    });
  });
});
