// The floor that the proxies are measured against: a bare node:http server that answers with the `value` of the body.
// With MARKERS=true it also ends each activation's log on both streams, as every runtime of OpenWhisk must.
// It runs as a process of its own, on PORT, and tells its port over the channel.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';
const withMarkers = process.env['MARKERS'] === 'true';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method !== 'POST') {
      response.writeHead(500, { 'content-length': 0 }).end();
      return;
    }
    const { value } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { value: unknown };
    const body = Buffer.from(JSON.stringify(value));
    if (withMarkers) {
      process.stdout.write(marker);
      process.stderr.write(marker);
    }
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
});
server.keepAliveTimeout = 0;
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit(0));
