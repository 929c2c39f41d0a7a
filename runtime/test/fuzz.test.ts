// Thousands of requests that nobody should send: every one is answered, no answer is a 500 without a reason, and the
// container is as good as new afterwards. `FUZZ_RUNS` multiplies the number of inputs, `FUZZ_SEED` asks for other ones.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { DrivenRuntime } from '../testing/driven-runtime.ts';
import { fuzzBytes, fuzzRequest, type FuzzRequest } from '../testing/fuzz-requests.ts';

const factor = Number(process.env['FUZZ_RUNS'] ?? 1);
const seed = Number(process.env['FUZZ_SEED'] ?? 1);
const runs = (count: number): { numRuns: number; seed: number; endOnFailure: boolean } => ({ numRuns: Math.round(count * factor), seed, endOnFailure: false });

/** What the runtime may say at all; 500 only with the text that the stock runtime has for what it does not understand. */
const statuses = [200, 400, 403, 409, 413, 415, 417, 422, 500, 502, 503, 504, 507];
const extensionRoutes = ['/load', '/offload', '/clean', '/status', '/healthz', '/readyz'];
/** A load may take its time on a busy machine; longer is a hang. */
const answerMs = 20_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

let driven: DrivenRuntime;
let agent: http.Agent;

async function send({ method, path, headers, body, chunked }: FuzzRequest): Promise<Answer> {
  const { port } = new URL(driven.runtime.baseUrl);
  const request = http.request({ host: '127.0.0.1', port, agent, method, path, headers: { ...headers, ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }) }, timeout: answerMs });
  request.on('timeout', () => request.destroy(new Error(`no answer in ${answerMs} ms`)));
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}

/** How often each route has answered with each status: rubbish that all ends at the front door would show nothing. */
const seen = new Map<string, number>();

function assertReasoned({ method, path, headers }: FuzzRequest, { status, text }: Answer): void {
  assert.ok(statuses.includes(status), `${status}: ${text}`);
  seen.set(`${path} ${status}`, (seen.get(`${path} ${status}`) ?? 0) + 1);
  if (method === 'HEAD' || headers['expect'] !== undefined) return;
  const body = JSON.parse(text) as Record<string, unknown>;
  if (status !== 200 && status !== 503) assert.notEqual(body['error'], undefined, text);
  if (status !== 500) return;
  assert.equal(text, '{"error":"Bad request."}');
  const usual = ['/status', '/healthz', '/readyz'].includes(path) ? 'GET' : 'POST';
  assert.ok(method !== usual || !extensionRoutes.includes(path), 'a route of ours says what is wrong');
}

/** The container answers its probes, is cleaned, and runs an action. */
async function assertSound(): Promise<void> {
  assert.equal((await driven.runtime.call('GET', '/healthz')).status, 200);
  await driven.reset();
  await driven.initialised('one', 'function main(args) { return args; }');
  assert.deepEqual(await driven.result({ polluted: {}.constructor.name }), { polluted: 'Object' });
  await driven.reset();
}

describe('the routes, with requests that nobody should send', function () {
  this.timeout(240_000 * Math.max(1, factor));

  before(async () => {
    driven = await DrivenRuntime.start();
    agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  });
  after(async () => {
    agent.destroy();
    assert.equal(await driven.stop(), 0);
  });

  it('answer each of them, one after the other, with a reason', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fuzzRequest, { minLength: 1, maxLength: 20 }), async (requests) => {
        for (const request of requests) assertReasoned(request, await send(request));
        assert.equal((await driven.clean(false)).status, 200);
      }),
      runs(100),
    );
    await assertSound();
  });

  it('answer each of them, many at a time, with a reason', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fuzzRequest, { minLength: 2, maxLength: 30 }), async (requests) => {
        const answers = await Promise.all(requests.map(send));
        answers.forEach((answer, index) => assertReasoned(requests[index]!, answer));
        assert.equal((await driven.clean(false)).status, 200);
      }),
      runs(60),
    );
    await assertSound();
    const reached = ['/init 200', '/init 403', '/init 500', '/init 502', '/run 200', '/run 500', '/load 200', '/load 400', '/load 422', '/offload 200', '/clean 200', '/status 200'];
    assert.deepEqual(reached.filter((kind) => !seen.has(kind)), [], JSON.stringify([...seen]));
  });

  it('answer or close connections that carry no requests, and go on', async () => {
    const port = Number(new URL(driven.runtime.baseUrl).port);
    await fc.assert(
      fc.asyncProperty(fuzzBytes, fc.boolean(), async (bytes, isAborted) => {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        let answer = '';
        socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
        await once(socket, 'connect');
        // A server that closes with bytes unread resets the connection: for `once` an error that comes before the close.
        const closed = new Promise((resolve) => socket.once('close', resolve));
        if (isAborted) socket.write(bytes, () => socket.resetAndDestroy());
        else socket.end(bytes);
        await closed;
        if (answer !== '') assert.match(answer, /^HTTP\/1\.1 \d{3} /);
        assert.equal((await driven.runtime.call('GET', '/healthz')).status, 200);
      }),
      runs(600),
    );
    await assertSound();
  });

  it('answer requests that come in one piece in their order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('/healthz', '/status', '/readyz', '/nothing'), { minLength: 2, maxLength: 12 }), async (paths) => {
        const socket = connect(Number(new URL(driven.runtime.baseUrl).port), '127.0.0.1');
        let text = '';
        socket.setEncoding('utf8').on('data', (part: string) => (text += part));
        socket.write(paths.map((path, index) => `GET ${path} HTTP/1.1\r\nHost: a\r\n${index === paths.length - 1 ? 'Connection: close\r\n' : ''}\r\n`).join(''));
        await once(socket, 'close');
        const kinds = [...text.matchAll(/\r\n\r\n\{"(\w+)"/g)].map((match) => match[1]);
        assert.deepEqual(kinds, paths.map((path) => ({ '/healthz': 'ok', '/status': 'state', '/readyz': 'ready', '/nothing': 'error' })[path]));
      }),
      runs(50),
    );
  });
});
