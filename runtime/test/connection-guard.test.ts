// What slow and numerous callers can do to a server that is guarded, with bounds small enough to be reached.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { guardConnections, timeoutsOf, type ConnectionBounds } from '../connection-guard.ts';

const megabyte = 1024 * 1024;
const bounds: ConnectionBounds = { headersMs: 200, requestMs: 400, checkEveryMs: 20, connections: 4, bodyBytes: 10 * megabyte };

describe('the guard of connections', () => {
  let server: Server;
  let port: number;
  const opened: Socket[] = [];

  beforeEach(async () => {
    server = createServer(timeoutsOf(bounds), (incoming, response) => {
      incoming.resume().once('end', () => {
        // An activation that takes longer than any bound of a request.
        const ms = incoming.url === '/long' ? 2 * bounds.requestMs : 0;
        setTimeout(() => response.end('done'), ms);
      });
    });
    guardConnections(server, bounds);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
    server.close();
    server.closeAllConnections();
  });

  const open = async (text: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    opened.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  const closed = (socket: Socket): Promise<unknown> => (socket.destroyed ? Promise.resolve() : once(socket.resume(), 'close'));
  const get = (url: string): Promise<string> =>
    new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: url, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).once('end', () => resolve(text));
      })
        .once('error', reject)
        .end();
    });

  it('closes a connection that says nothing', async () => {
    await closed(await open(''));
  });

  it('closes a connection whose headers trickle', async () => {
    const socket = await open('GET / HTTP/1.1\r\nhost: x\r\n');
    const trickle = setInterval(() => socket.write('a: b\r\n'), 20);
    await closed(socket);
    clearInterval(trickle);
  });

  it('closes a connection whose body trickles', async () => {
    const socket = await open('POST /run HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n');
    const trickle = setInterval(() => socket.write('x'), 20);
    await closed(socket);
    clearInterval(trickle);
  });

  it('lets an answer take as long as it takes', async () => {
    assert.equal(await get('/long'), 'done');
  });

  it('closes the oldest that wait for nothing when there are too many, never one that is being answered', async () => {
    const answered = get('/long');
    const idle = await Promise.all([1, 2, 3, 4, 5, 6].map(() => open('')));
    await closed(idle[0]!);
    assert.equal(await get('/'), 'done');
    assert.equal(await answered, 'done');
  });

  it('keeps a connection over which a caller was answered, while there are others that never sent a request', async () => {
    const kept = await open('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(kept, 'data');
    const others = await Promise.all([1, 2, 3, 4, 5, 6].map(() => open('POST /run HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n')));
    await closed(others[0]!);
    kept.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    assert.match(String(await once(kept, 'data')), /^HTTP\/1.1 200 /);
  });

  it('closes the oldest of the large bodies that trickle when they come to too much together', async () => {
    const large = 'POST /run HTTP/1.1\r\nhost: x\r\ncontent-length: 6000000\r\n\r\n';
    const first = await open(large);
    await once(server, 'request');
    const second = await open(large);
    await closed(first);
    assert.equal(second.destroyed, false);
  });
});
