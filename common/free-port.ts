// A port of this machine that nobody has, for servers that cannot choose one themselves and say which.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** On the loopback address. Somebody else may take it before it is used: as good as it gets. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
