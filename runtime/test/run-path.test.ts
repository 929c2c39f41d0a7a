// The path of a run from socket to slot and back: the short way and the one through the application answer the same,
// and a slot that misuses its end of the channel harms itself only.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { eventually } from '../../common/testing/eventually.ts';
import { isAlive } from '../testing/driven-runtime.ts';
import { RuntimeProcess, type Reply } from '../testing/runtime-process.ts';

const echoCode = 'function main(args) { return args; }';

interface RawReply {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request with exactly these headers; without a length it goes out in chunks. */
async function send(url: string, headers: Record<string, string | number>, body: Buffer): Promise<RawReply> {
  const call = request(url, { method: 'POST', headers });
  call.end(body);
  const [response] = (await once(call, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, text };
}

describe('the path of a run', () => {
  let runtime: RuntimeProcess;
  before(async () => {
    runtime = await RuntimeProcess.start();
  });
  after(() => runtime.stop());
  const initialise = async (code: string): Promise<Reply> => {
    assert.equal((await runtime.call('POST', '/clean', {})).status, 200);
    return runtime.call('POST', '/init', { value: { main: 'main', code } });
  };

  it('gives the same answer to a plain request and to ones that only the application understands', async () => {
    await initialise(echoCode);
    const body = Buffer.from('{"value":{"text":"äöü"}}');
    const plain = await send(`${runtime.baseUrl}/run`, { 'content-length': body.length }, body);
    const zipped = gzipSync(body);
    const others = [
      await send(`${runtime.baseUrl}/run`, {}, body),
      await send(`${runtime.baseUrl}/run`, { 'content-length': zipped.length, 'content-encoding': 'gzip' }, zipped),
      await send(`${runtime.baseUrl}/run?query=1`, { 'content-length': body.length }, body),
    ];
    assert.deepEqual([plain.status, plain.text], [200, '{"text":"äöü"}']);
    const comparable = ({ headers }: RawReply): IncomingHttpHeaders => ({ ...headers, date: 'some', 'server-timing': 'some' });
    for (const other of others) {
      assert.deepEqual([other.status, other.text], [plain.status, plain.text]);
      assert.deepEqual(comparable(other), comparable(plain));
    }
    assert.equal(plain.headers['content-length'], String(Buffer.byteLength(plain.text)));
    assert.match(plain.headers['server-timing'] as string, /^load;dur=[\d.]+, run;dur=[\d.]+$/);
  });

  it('refuses a body beyond 48 MB as the stock runtime does', async () => {
    await initialise(echoCode);
    const reply = await runtime.call('POST', '/run', 'x'.repeat(48 * 1024 * 1024 + 1));
    assert.deepEqual([reply.status, reply.json], [500, { error: 'Bad request.' }]);
  });

  it('runs nothing of a request whose connection ends before its body does', async () => {
    await initialise('let runs = 0; function main({ count }) { if (count) runs += 1; return { runs }; }');
    const socket = connect(Number(new URL(runtime.baseUrl).port), '127.0.0.1');
    const body = '{"value":{"count":true}}';
    socket.end(`POST /run HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length + 1}\r\n\r\n${body}`);
    await once(socket.resume(), 'close');
    assert.deepEqual((await runtime.call('POST', '/run', { value: {} })).json, { runs: 0 });
  });

  it('takes several megabytes there and back', async () => {
    await initialise(echoCode);
    const text = 'ü'.repeat(5_000_000);
    const reply = await runtime.call('POST', '/run', { value: { text } });
    assert.equal(reply.status, 200);
    assert.equal((reply.json as { text: string }).text, text);
  });

  it('fails an activation whose result is beyond what the channel takes', async () => {
    await initialise(`function main({ megabytes }) { return { text: 'x'.repeat(megabytes * 1024 * 1024) }; }`);
    const reply = await runtime.call('POST', '/run', { value: { megabytes: 64 } });
    assert.deepEqual([reply.status, reply.json], [502, { error: 'The result has 67108875 bytes; at most 67108864 are allowed.' }]);
    assert.equal((await runtime.call('POST', '/run', { value: { megabytes: 1 } })).status, 200);
  });

  for (const { title, bytes } of [
    { title: 'garbage', bytes: `Buffer.from('what is this?')` },
    { title: 'the announcement of a frame without end', bytes: 'Buffer.alloc(16, 0xff)' },
  ]) {
    it(`is closed to a slot that writes ${title} into its channel; the container lives on`, async () => {
      await initialise(`function main({ attack }) { if (attack) { require('fs').writeSync(3, ${bytes}); return new Promise(() => undefined); } return { pid: process.pid }; }`);
      const { pid } = (await runtime.call('POST', '/run', {})).json as { pid: number };
      const attacked = await runtime.call('POST', '/run', { value: { attack: true } });
      assert.deepEqual([attacked.status, attacked.json], [502, { error: 'The action did not produce a valid response and exited unexpectedly.' }]);
      await eventually(() => !isAlive(pid), 'the slot is gone');
      await initialise(echoCode);
      assert.deepEqual((await runtime.call('POST', '/run', { value: { fine: true } })).json, { fine: true });
    });
  }

  it('ends with a slot that closes its channel', async () => {
    await initialise(`function main({ close }) { if (close) { require('fs').closeSync(3); return new Promise(() => setInterval(() => undefined, 1000)); } return { pid: process.pid }; }`);
    const { pid } = (await runtime.call('POST', '/run', {})).json as { pid: number };
    assert.equal((await runtime.call('POST', '/run', { value: { close: true } })).status, 502);
    await eventually(() => !isAlive(pid), 'the slot is gone');
  });

  it('is not inherited by what user code starts', async () => {
    await initialise(`function main() { return { descriptors: require('child_process').execFileSync('ls', ['-l', '/proc/self/fd']).toString() }; }`);
    const { descriptors } = (await runtime.call('POST', '/run', {})).json as { descriptors: string };
    const inherited = [...descriptors.matchAll(/ (\d+) -> (\S+)/g)].filter(([, descriptor]) => Number(descriptor) > 2).map(([, , target]) => target);
    assert.deepEqual(inherited.filter((target) => target?.startsWith('socket:')), []);
  });
});
