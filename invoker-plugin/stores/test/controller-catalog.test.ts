import { strict as assert } from 'node:assert';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ControllerCatalog } from '../controller-catalog.ts';

const access = { apiKey: 'uuid:key' };

describe('the catalog of the controller\'s API', () => {
  let server: Server;
  let catalog: ControllerCatalog;
  let requests: string[];
  let code = 'function main() {}';

  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(`${request.url ?? ''} ${Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString()}`);
      const isKnown = request.url?.startsWith('/api/v1/namespaces/shared/actions/a%20pkg/infer') === true;
      const entity = { namespace: 'shared/a pkg', name: 'infer', version: '0.0.2', publish: false, exec: { kind: 'nodejs:instainfer', code, binary: false }, limits: { timeout: 60_000, memory: 512, logs: 10, concurrency: 1 }, annotations: [{ key: 'preload', value: { models: [] } }], parameters: [] };
      response.writeHead(isKnown ? 200 : request.url?.includes('secret') === true ? 403 : 404).end(JSON.stringify(isKnown ? entity : { error: 'no', code: 'x' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    catalog = new ControllerCatalog({ apiHost: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, timeoutMs: 5000, cacheBytes: 1000 });
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('asks with the caller\'s key, once for each revision', async () => {
    const key = 'acme:shared/a pkg/infer@0.0.2#3-a';
    const [first, second] = await Promise.all([catalog.find(key, access), catalog.find(key, access)]);
    assert.deepEqual([first?.code, first?.actionKey, first?.annotations], [code, key, { preload: { models: [] } }]);
    assert.equal(second, first);
    assert.deepEqual(requests, ['/api/v1/namespaces/shared/actions/a%20pkg/infer?code=true uuid:key']);
    code = 'new';
    assert.equal((await catalog.find('acme:shared/a pkg/infer@0.0.2#4-b', access))?.code, 'new');
    assert.equal((await catalog.find(key, access))?.code, 'function main() {}');
  });

  it('shows without a key only what was fetched before for the same caller', async () => {
    const key = 'acme:shared/a pkg/infer@0.0.2#3-a';
    assert.equal(await catalog.find(key), undefined);
    await catalog.find(key, access);
    assert.equal((await catalog.find(key))?.actionKey, key);
    assert.equal(await catalog.find('other:shared/a pkg/infer@0.0.2#3-a'), undefined);
  });

  it('tells an action that is gone from one that cannot be had', async () => {
    assert.equal(await catalog.find('shared/none@0.0.1', access), undefined);
    await assert.rejects(catalog.find('shared/secret@0.0.1', access), { code: 'CATALOG_UNAVAILABLE' });
  });

  it('keeps no more code than its budget', async () => {
    code = 'x'.repeat(600);
    await catalog.find('shared/a pkg/infer@0.0.2#1-a', access);
    await catalog.find('shared/a pkg/infer@0.0.2#2-b', access);
    assert.equal(await catalog.find('shared/a pkg/infer@0.0.2#1-a'), undefined);
    assert.ok(await catalog.find('shared/a pkg/infer@0.0.2#2-b'));
  });
});
