import { strict as assert } from 'node:assert';
import { createServer, type Server } from 'node:http';
import { Registry } from 'prom-client';
import { basicAuthorization } from '../../common/basic-authorization.ts';
import { createAdminServer, listen } from '../admin-server.ts';

const credentials = 'invoker.user:invoker.pass';

describe('the invoker\'s HTTP server', () => {
  let server: Server;
  let port: number;
  let isEnabled = true;

  before(async () => {
    const change = (to: boolean): boolean => {
      const changed = isEnabled !== to;
      isEnabled = to;
      return changed;
    };
    const heartbeat = {
      get isEnabled() {
        return isEnabled;
      },
      enable: () => change(true),
      disable: () => Promise.resolve(change(false)),
    };
    server = createAdminServer({ invoker: { name: 'invoker0/0', heartbeat }, credentials, metrics: new Registry() });
    port = await listen(server, 0, '127.0.0.1');
  });
  after(() => {
    server.close();
  });

  const ask = async (method: string, path: string, user: string | undefined = credentials): Promise<[number, string]> => {
    const headers: Record<string, string> = user === undefined || user === '' ? {} : { authorization: basicAuthorization(user) };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
    return [response.status, await response.text()];
  };

  it('answers a ping and shows metrics to anybody', async () => {
    assert.deepEqual(await ask('GET', '/ping', ''), [200, 'pong']);
    assert.equal((await ask('GET', '/metrics', ''))[0], 200);
  });

  it('disables and enables in the stock invoker\'s words', async () => {
    assert.deepEqual(await ask('GET', '/isEnabled'), [200, '{"enabled":true}']);
    assert.deepEqual(await ask('POST', '/disable'), [200, 'invoker0/0 is now disabled.']);
    assert.deepEqual(await ask('POST', '/disable'), [200, 'invoker0/0 is already disabled.']);
    assert.deepEqual(await ask('GET', '/isEnabled'), [200, '{"enabled":false}']);
    assert.deepEqual(await ask('POST', '/enable'), [200, 'invoker0/0 is now enabled.']);
    assert.deepEqual(await ask('POST', '/enable'), [200, 'invoker0/0 is already enabled.']);
  });

  it('does nothing for who does not say who it is, or says it wrongly', async () => {
    assert.deepEqual(await ask('POST', '/disable', ''), [401, 'The resource requires authentication, which was not supplied with the request']);
    assert.deepEqual(await ask('POST', '/disable', 'invoker.user:wrong'), [401, 'The supplied authentication is invalid']);
    assert.equal(isEnabled, true);
    assert.equal((await ask('GET', '/enable'))[0], 404);
  });

  it('says which port is taken', async () => {
    await assert.rejects(listen(createServer(), port, '127.0.0.1'), { code: 'PORT_IN_USE' });
  });
});
