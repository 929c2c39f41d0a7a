// Actions, packages, access and errors through the API, as OpenWhisk answers them.
import { strict as assert } from 'node:assert';
import type { Answer } from '../testing/api-call.ts';
import { otherKey, ServedSystem } from '../testing/served-system.ts';

const code = 'function main(p) { return p; }';
const actions = '/namespaces/_/actions';
const packages = '/namespaces/_/packages';

describe('entities through the standalone API', function () {
  this.timeout(60_000);
  let served: ServedSystem;

  before(async () => {
    served = await ServedSystem.start();
  });
  after(() => served.stop());

  const put = (route: string, body: unknown, key?: string): Promise<Answer> => served.call(route, { method: 'PUT', body, key });
  const errorOf = ({ status, body }: Answer): [number, string] => [status, (body as { error: string }).error];

  it('creates an action with the defaults of OpenWhisk, and shows it with and without its code', async () => {
    const created = (await served.create('plain', code)).body as Record<string, unknown>;
    const expected = {
      namespace: 'guest',
      name: 'plain',
      version: '0.0.1',
      publish: false,
      parameters: [],
      annotations: [{ key: 'provide-api-key', value: false }, { key: 'exec', value: 'nodejs:instainfer' }],
      limits: { timeout: 60_000, memory: 128, logs: 10, concurrency: 1 },
      exec: { kind: 'nodejs:instainfer', binary: false, code },
    };
    const { updated, ...rest } = created;
    assert.deepEqual(rest, expected);
    assert.ok(Number.isInteger(updated));
    assert.deepEqual((await served.call(`${actions}/plain`)).body, created);
    assert.deepEqual(((await served.call(`${actions}/plain?code=false`)).body as { exec: unknown }).exec, { kind: 'nodejs:instainfer', binary: false });
  });

  it('updates only what is given: the version goes up, limits and annotations are merged', async () => {
    await served.create('updated', code, { annotations: [{ key: 'a', value: 1 }, { key: 'b', value: 1 }], limits: { timeout: 5000 }, parameters: [{ key: 'p', value: 1 }] });
    const { body } = await put(`${actions}/updated?overwrite=true`, { annotations: [{ key: 'b', value: 2 }], delAnnotations: ['a'], limits: { logs: 1 } });
    const { version, annotations, limits, parameters, exec } = body as Record<string, unknown>;
    assert.equal(version, '0.0.2');
    assert.deepEqual(annotations, [{ key: 'b', value: 2 }, { key: 'provide-api-key', value: false }, { key: 'exec', value: 'nodejs:instainfer' }]);
    assert.deepEqual(limits, { timeout: 5000, memory: 128, logs: 1, concurrency: 1 });
    assert.deepEqual([parameters, (exec as { code: string }).code], [[{ key: 'p', value: 1 }], code]);
  });

  it('tells an archive from source text', async () => {
    const { body } = await put(`${actions}/zipped`, { exec: { kind: 'nodejs:instainfer', code: Buffer.from('PK\u0003\u0004 an archive, so to say').toString('base64'), main: 'run' } });
    const { binary, main } = (body as { exec: Record<string, unknown> }).exec;
    assert.deepEqual([binary, main], [true, 'run']);
  });

  it('lists the newest first, in pages, and counts', async () => {
    const listing = await ServedSystem.start({ scheduler: { stemCellCount: 0 } });
    try {
      for (const name of ['one', 'two', 'three']) await listing.create(name, code);
      const names = async (query: string): Promise<string[]> => ((await listing.call(`${actions}${query}`)).body as { name: string }[]).map(({ name }) => name);
      assert.deepEqual(await names(''), ['three', 'two', 'one']);
      assert.deepEqual(await names('?skip=1&limit=1'), ['two']);
      assert.deepEqual((await listing.call(`${actions}?count=true`)).body, { actions: 3 });
    } finally {
      await listing.stop();
    }
  });

  it('keeps actions in packages, lists them, and refuses to delete a package that is not empty', async () => {
    assert.deepEqual(errorOf(await served.create('nowhere/a', code)), [404, "The requested resource 'guest/nowhere' does not exist."]);
    await put(`${packages}/box`, { parameters: [{ key: 'p', value: 1 }] });
    await served.create('box/inner', code);
    const list = (await served.call(`${actions}/box/?limit=30&skip=0`)).body as { name: string; namespace: string }[];
    assert.deepEqual(list.map(({ name, namespace }) => [namespace, name]), [['guest/box', 'inner']]);
    const shown = (await served.call(`${packages}/box`)).body as { actions: { name: string }[]; binding: unknown; feeds: unknown };
    assert.deepEqual([shown.actions.map(({ name }) => name), shown.binding, shown.feeds], [['inner'], {}, []]);
    assert.deepEqual(((await served.call(`${actions}/box/inner`)).body as { parameters: unknown }).parameters, [{ key: 'p', value: 1 }]);
    assert.deepEqual(errorOf(await served.call(`${packages}/box`, { method: 'DELETE' })), [409, 'Package not empty (contains 1 entity). Set force param or delete package contents.']);
    assert.equal((await served.call(`${packages}/box?force=true`, { method: 'DELETE' })).status, 200);
    assert.equal((await served.call(`${actions}/box/inner`)).status, 404);
  });

  it('answers what is wrong with an action in the words of OpenWhisk', async () => {
    await served.create('taken', code);
    const large = 'x'.repeat(1024 * 1024 + 1);
    const exec = { kind: 'nodejs:default', code };
    const cases: [Promise<Answer>, number, RegExp][] = [
      [served.create('taken', code), 409, /^resource already exists$/],
      [put(`${actions}/noexec`, {}), 400, /^exec undefined$/],
      [put(`${actions}/x`, '{"exec":'), 400, /^The request content was malformed:\n/],
      [put(`${actions}/x`, { exec: { kind: 'python:3', code } }), 400, /kind 'python:3' not in Set/],
      [put(`${actions}/x`, { exec: { kind: 'sequence', components: ['/_/a'] } }), 501, /not supported here/],
      [put(`${actions}/x`, { exec, limits: { memory: 1024 } }), 400, /memory size 1024 MB exceeds allowed threshold of 256 MB$/],
      [put(`${actions}/x`, { exec, limits: { timeout: 300_001 } }), 400, /duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds$/],
      [put(`${actions}/x`, { exec, limits: { concurrency: 5 } }), 400, /concurrency 5 exceeds allowed threshold of 1$/],
      [put(`${actions}/x`, { exec, parameters: [{ key: 'p', value: large }] }), 413, /^parameters larger than allowed: \d+ > 1048576 bytes\.$/],
      [put(`${actions}/x`, { exec, annotations: [{ key: 'p', value: large }] }), 413, /^annotations larger than allowed/],
      [put(`${actions}/x`, { exec: { kind: 'nodejs:default', code: 'x'.repeat(48 * 1024 * 1024 + 1) } }), 413, /^exec larger than allowed: 50331649 > 50331648 bytes\.$/],
      [served.call(`${actions}/taken`, { method: 'POST', body: { p: large } }), 413, /^Request larger than allowed: \d+ > 1048576 bytes\.$/],
      [served.call(`${actions}/taken`, { method: 'POST', body: '[' }), 400, /malformed/],
      [served.call(`${actions}/taken?timeout=60001`, { method: 'POST' }), 400, /^Timeout must be number of milliseconds up to 60000\.$/],
      [served.call(`${actions}/-bad`, { method: 'PUT', body: { exec } }), 400, /no name of an entity/],
      [served.call(`${actions}/x`, { method: 'PUT', body: JSON.stringify({ exec }), headers: { 'content-type': 'text/plain' } }), 415, /Content-Type is not supported/],
      [served.call(`${actions}/taken`, { method: 'PATCH' }), 405, /method not allowed/],
      [served.call(`${actions}/missing`), 404, /^The requested resource does not exist\.$/],
      [served.call(`${packages}/taken`), 409, /not in this collection/],
      [served.call(`${actions}?limit=201`), 400, /^The value '201' is not in the range of 0 to 200 for actions\.$/],
      [served.call('/namespaces/_/activations/12345'), 400, /^Activation id length is 5 but must be 32\.$/],
      [served.call(`/namespaces/_/activations/${'z'.repeat(32)}`), 400, /^The activation id is not valid\.$/],
      [served.call('/namespaces/_/activations?count=true&docs=true'), 400, /not permitted/],
      [put('/namespaces/_/triggers/t', {}), 501, /^Triggers are not supported here/],
      [put('/namespaces/_/rules/r', {}), 501, /^Rules are not supported here/],
      [put(`${packages}/default`, {}), 400, /reserved/],
      [put(`${packages}/bound`, { binding: { namespace: 'x', name: 'y' } }), 501, /not supported here/],
    ];
    for (const [answer, status, text] of cases) {
      const [found, error] = errorOf(await answer);
      assert.deepEqual([found, text.test(error) ? text.source : error], [status, text.source]);
    }
  });

  it('gives every error the transaction it belongs to', async () => {
    const { body, headers } = await served.call(`${actions}/missing`, { headers: { 'x-request-id': 'mine' } });
    assert.equal((body as { code: string }).code, 'mine');
    assert.equal(headers.get('x-request-id'), 'mine');
    const forged = await served.call(`${actions}/missing`, { headers: { 'x-request-id': 'sid_invokerHealth' } });
    assert.notEqual(forged.headers.get('x-request-id'), 'sid_invokerHealth');
  });

  it('refuses who has no key, a wrong one, or asks for what is another\'s', async () => {
    const anonymous = await fetch(`${served.address}/api/v1/namespaces`);
    assert.equal(anonymous.status, 401);
    assert.equal(anonymous.headers.get('www-authenticate'), 'Basic realm="OpenWhisk secure realm"');
    assert.deepEqual(errorOf(await served.call('/namespaces', { key: `${otherKey}x` })), [401, 'The supplied authentication is invalid']);
    await served.create('mine', code);
    const asOther = (route: string, method: string, body?: unknown): Promise<Answer> => served.call(route, { method, key: otherKey, ...(body === undefined ? {} : { body }) });
    assert.deepEqual((await asOther('/namespaces', 'GET')).body, ['other']);
    for (const [route, method, body] of [
      ['/namespaces/guest/actions', 'GET', undefined],
      ['/namespaces/guest/actions/mine', 'GET', undefined],
      ['/namespaces/guest/actions/mine', 'POST', {}],
      ['/namespaces/guest/actions/mine', 'DELETE', undefined],
      ['/namespaces/guest/actions/mine', 'PUT', { exec: { kind: 'nodejs:default', code } }],
      ['/namespaces/guest/activations', 'GET', undefined],
      ['/namespaces/guest/packages/p', 'PUT', {}],
    ] as const) {
      const [status, error] = errorOf(await asOther(route, method, body));
      assert.deepEqual([method, status], [method, 403], route);
      assert.match(error, /^The supplied authentication is not authorized to access 'guest/);
    }
    assert.deepEqual((await asOther('/namespaces/_/actions', 'GET')).body, []);
  });

  it('takes the key that everybody knows from no page of another site', async () => {
    const asked = (origin: string, key?: string): Promise<Answer> => served.call('/namespaces', { headers: { origin }, key });
    for (const origin of ['https://site.example', 'null']) {
      const [status, error] = errorOf(await asked(origin));
      assert.equal(status, 403, origin);
      assert.match(error, /well-known key.*--namespaces guest=UUID:KEY/);
      assert.equal((await asked(origin, otherKey)).status, 200, 'a key of one\'s own is nobody else\'s');
    }
    assert.equal((await asked('http://localhost:5173')).status, 200);
    assert.equal((await asked(served.address)).status, 200);
  });

  it('lets others run what is in a published package, as themselves', async () => {
    await put(`${packages}/shared`, { publish: true });
    await served.create('shared/who', 'function main() { return { caller: process.env.__OW_NAMESPACE }; }');
    const { status, body } = await served.call('/namespaces/guest/actions/shared/who?blocking=true&result=true', { method: 'POST', key: otherKey });
    assert.deepEqual([status, body], [200, { caller: 'other' }]);
    assert.equal((await served.call('/namespaces/guest/actions/shared/who', { method: 'DELETE', key: otherKey })).status, 403);
  });

  it('creates once when two create at the same time', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map((number) => served.create('raced', `function main() { return { number: ${number} }; }`)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409]);
  });

  it('answers browsers of other origins, and says what it is without a key', async () => {
    const preflight = await fetch(`${served.address}/api/v1/namespaces`, { method: 'OPTIONS' });
    assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin')], [200, '*']);
    assert.equal(((await (await fetch(`${served.address}/api/v1`)).json()) as { api_version_path: string }).api_version_path, 'v1');
  });
});
