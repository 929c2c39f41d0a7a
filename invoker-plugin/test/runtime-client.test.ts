import { strict as assert } from 'node:assert';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseServerTiming, RuntimeClient } from '../runtime-client.ts';

describe('the client of a runtime container', () => {
  let server: Server;
  let client: RuntimeClient;
  let respond: (path: string, body: string) => { status: number; body: string; headers?: Record<string, string> } | 'hang' | 'reset';

  beforeEach(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const answer = respond(request.url ?? '', Buffer.concat(chunks).toString());
        if (answer === 'hang') return;
        if (answer === 'reset') {
          request.socket.destroy();
          return;
        }
        response.writeHead(answer.status, { 'content-length': Buffer.byteLength(answer.body), ...answer.headers });
        response.end(answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new RuntimeClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => performance.now());
  });
  afterEach(async () => {
    client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const limits = { timeoutMs: 5000, maxResponseBytes: 20 };

  it('sends the body whole and reads status, body and phases', async () => {
    respond = (_path, body) => ({ status: 200, body: String(body.length), headers: { 'server-timing': 'run;dur=4.5, load;dur=0.25, slot;desc="resident"' } });
    const reply = await client.run({ value: { text: '☃'.repeat(1000) } }, limits);
    assert.ok('status' in reply);
    assert.deepEqual([reply.status, reply.phasesMs], [200, { run: 4.5, load: 0.25 }]);
  });

  it('reads what a load had read from the disk, where the runtime says so', async () => {
    const readOf = async (timing: string): Promise<number | undefined> => {
      respond = () => ({ status: 200, body: '{}', headers: { 'server-timing': timing } });
      const reply = await client.run({}, limits);
      return 'status' in reply ? reply.diskBytes : undefined;
    };
    assert.equal(await readOf('load;dur=12, run;dur=3, disk;desc="1048576"'), 1_048_576);
    assert.equal(await readOf('run;dur=3'), undefined);
    assert.equal(await readOf('disk;desc="1e9"'), undefined);
  });

  it('cuts a body at the limit and knows its true length', async () => {
    respond = () => ({ status: 200, body: 'x'.repeat(1000) });
    const reply = await client.run({}, limits);
    assert.ok('status' in reply);
    assert.deepEqual([reply.body.length, reply.bytes, reply.truncated], [20, 1000, true]);
  });

  it('gives up when no reply comes in time', async () => {
    respond = () => 'hang';
    const reply = await client.run({}, { ...limits, timeoutMs: 20 });
    assert.equal('failure' in reply && reply.failure, 'timeout');
  });

  it('tells a connection that was lost from one that was refused', async () => {
    respond = () => 'reset';
    const lost = await client.run({}, limits);
    assert.equal('failure' in lost && lost.failure, 'lost');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const refused = await client.run({}, limits);
    assert.equal('failure' in refused && refused.failure, 'refused');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  it('passes on the error of a pre-loading route with its numbers', async () => {
    respond = () => ({ status: 507, body: JSON.stringify({ error: 'no room', code: 'memory', predictedBytes: 5 }) });
    const reply = await client.offload({ value: { all: true } }, 1000);
    assert.ok(!reply.ok);
    assert.deepEqual([reply.status, reply.error.code, reply.error.predictedBytes], [507, 'memory', 5]);
  });

  it('names the container when a pre-loading route answers with something that is not JSON', async () => {
    respond = () => ({ status: 200, body: '<html>' });
    await assert.rejects(client.status(1000), /\/status of 127\.0\.0\.1:\d+ answered 200 with something that is not JSON/);
  });
});

describe('a Server-Timing header', () => {
  for (const [header, phases] of [
    [undefined, {}],
    ['', {}],
    ['load;dur=1', { load: 1 }],
    ['slot;desc="blank", init;dur=12.75', { init: 12.75 }],
    ['nonsense;;;', {}],
  ] as const) {
    it(`${header === undefined ? 'that is absent' : JSON.stringify(header)} gives ${JSON.stringify(phases)}`, () => {
      assert.deepEqual(parseServerTiming(header), phases);
    });
  }
});
