// Plain runs are answered ahead of node:http: which requests are plain, and that nobody can tell by the answer.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { eventually } from '../../common/testing/eventually.ts';
import { guardConnections, timeoutsOf, type AnswersBeside, type ConnectionBounds } from '../connection-guard.ts';
import type { ActivationReply, Container } from '../container.ts';
import { answerDirectly } from '../handlers/direct.ts';
import { answerPlainRuns, plainRunBody } from '../plain-runs.ts';

const bounds: ConnectionBounds = { headersMs: 60_000, requestMs: 120_000, checkEveryMs: 20, connections: 4, bodyBytes: 2 ** 20 };

const requestOf = (headers: string, body = '{}'): string => `POST /run HTTP/1.1\r\n${headers}\r\n${body}`;
const plain = (body = '{}'): string => requestOf(`Host: a\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`, body);

describe('what a plain run is', () => {
  const bodyOf = (text: string): string | undefined => plainRunBody(Buffer.from(text))?.toString();

  it('is a POST /run that is all there, with headers that change nothing', () => {
    assert.equal(bodyOf(plain('{"value":{"text":"ä"}}')), '{"value":{"text":"ä"}}');
    assert.equal(bodyOf(plain('')), '');
    assert.equal(bodyOf(requestOf('host:a\r\nUser-Agent: x y\r\nACCEPT: */*\r\naccept-encoding: gzip\r\nConnection: Keep-Alive\r\ncontent-length:2\r\n')), '{}');
  });

  it('is one with the head of the one before, and that head alone makes none', () => {
    assert.equal(bodyOf(plain('{"a":1}')), '{"a":1}');
    assert.equal(bodyOf(plain('{"b":2}')), '{"b":2}');
    assert.equal(bodyOf(plain('{"b":2}').slice(0, -1)), undefined);
    assert.equal(bodyOf(`${plain('{"b":2}')} `), undefined);
    assert.equal(bodyOf(plain('{"a":1}').replace('/run', '/rum')), undefined);
    assert.equal(bodyOf(plain('{"c":345}')), '{"c":345}');
    assert.equal(bodyOf(plain('{"a":1}')), '{"a":1}');
  });

  for (const [title, request] of [
    ['another route', plain().replace('/run', '/init')],
    ['a query', plain().replace('/run', '/run?a=b')],
    ['another method', plain().replace('POST', 'PUT')],
    ['HTTP/1.0', plain().replace('HTTP/1.1', 'HTTP/1.0')],
    ['an empty line ahead', `\r\n${plain()}`],
    ['no host', requestOf('Content-Length: 2\r\n')],
    ['two hosts', requestOf('Host: a\r\nHost: b\r\nContent-Length: 2\r\n')],
    ['no length', requestOf('Host: a\r\n')],
    ['two lengths', requestOf('Host: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n')],
    ['a length with a sign', requestOf('Host: a\r\nContent-Length: +2\r\n')],
    ['chunks', requestOf('Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n')],
    ['an encoding', requestOf('Host: a\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n')],
    ['a question whether to go on', requestOf('Host: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n')],
    ['a wish to close', requestOf('Host: a\r\nContent-Length: 2\r\nConnection: close\r\n')],
    ['a header that is not known', requestOf('Host: a\r\nContent-Length: 2\r\nX-Other: 1\r\n')],
    ['a blank before the colon', requestOf('Host : a\r\nContent-Length: 2\r\n')],
    ['a folded line', requestOf('Host: a\r\n b\r\nContent-Length: 2\r\n')],
    ['lines without carriage returns', plain().replaceAll('\r', '')],
    ['a control character', requestOf('Host: a\u0001\r\nContent-Length: 2\r\n')],
    ['a long head', requestOf(`Host: a\r\nUser-Agent: ${'x'.repeat(9000)}\r\nContent-Length: 2\r\n`)],
    ['half a head', plain().slice(0, 30)],
    ['half a body', plain('{"a":1}').slice(0, -1)],
    ['a second request behind it', plain() + plain()],
  ] as const) {
    it(`is not one with ${title}`, () => {
      assert.equal(bodyOf(request), undefined);
    });
  }
});

describe('a server that answers plain runs ahead of node:http', () => {
  let servers: { server: Server; port: number; seenByHttp: () => number; closeAll: () => void }[] = [];
  let runs: ((reply: ActivationReply) => void)[] = [];
  const opened: Socket[] = [];

  /** Echoes; a body of `wait` waits for the test, one of `large` gives much. */
  const run = async (body: Buffer): Promise<ActivationReply> => {
    const text = body.toString('latin1');
    if (text === 'wait') return new Promise((resolve) => runs.push(resolve));
    // As from a slot: never in the turn of the event loop in which the request came.
    await nextTurn();
    return { status: text === 'bad' ? 502 : 200, body: text === 'large' ? Buffer.alloc(5_000_000, 'ü') : body, timing: 'run;dur=1' };
  };

  async function start(isAhead: boolean, headersMs = bounds.headersMs): Promise<void> {
    const server = createServer(timeoutsOf({ ...bounds, headersMs }));
    let plainRuns: AnswersBeside | undefined;
    const { closeAll } = guardConnections(server, bounds, (socket) => plainRuns?.(socket));
    let seen = 0;
    server.on('request', () => (seen += 1));
    const container = { run, isReady: true } as unknown as Container;
    const application = { handle: answerOthers, prepare: () => undefined };
    server.on('request', answerDirectly(container, application, undefined));
    if (isAhead) plainRuns = answerPlainRuns(server, run, bounds.checkEveryMs);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push({ server, port: (server.address() as AddressInfo).port, seenByHttp: () => seen, closeAll });
  }
  const answerOthers: import('node:http').RequestListener = (request, response) => {
    request.resume().once('end', () => response.writeHead(500, ['content-length', '3']).end('bad'));
  };

  beforeEach(async () => {
    await start(true);
    await start(false);
  });
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
    for (const { server, closeAll } of servers) {
      server.close();
      closeAll();
    }
    servers = [];
    runs = [];
  });

  const open = async (port: number): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    opened.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  const ahead = (): { server: Server; port: number; seenByHttp: () => number } => servers[0]!;
  /** Everything that comes until the server closes, without what differs from call to call. */
  const allOf = async (socket: Socket): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('latin1').replaceAll(/Date: [^\r]+/g, 'Date: some');
  };
  const exchange = async (port: number, pieces: readonly (string | Buffer)[]): Promise<string> => {
    const socket = await open(port);
    const received = allOf(socket);
    for (const piece of pieces) {
      socket.write(piece);
      await nextTurn();
    }
    socket.end();
    return received;
  };
  const sameFromBoth = async (pieces: readonly (string | Buffer)[]): Promise<string> => {
    const [one, other] = await Promise.all(servers.slice(0, 2).map(({ port }) => exchange(port, pieces)));
    assert.equal(one, other);
    return one!;
  };

  it('gives the bytes that node:http gives, without it', async () => {
    for (const body of ['{"value":{"text":"äöü€"}}', 'bad', '', 'x'.repeat(20_000), 'large']) assert.match(await sameFromBoth([plain(body)]), /^HTTP\/1\.1 (?:200 OK|502 Bad Gateway)\r\n/);
    assert.equal(ahead().seenByHttp(), 0);
  });

  it('answers one after the other on one connection, also what comes early, in their order', async () => {
    assert.equal((await sameFromBoth([plain('1'), plain('2'), plain('3')])).match(/\r\n\r\n[123]/g)?.join(), '\r\n\r\n1,\r\n\r\n2,\r\n\r\n3');
    assert.equal((await sameFromBoth([plain('1') + plain('2') + plain('3')])).match(/\r\n\r\n[123]/g)?.join(), '\r\n\r\n1,\r\n\r\n2,\r\n\r\n3');
    const socket = await open(ahead().port);
    socket.write(plain('wait'));
    await eventually(() => runs.length === 1, 'the first runs');
    socket.write(plain('2'));
    socket.end(plain('3'));
    const received = allOf(socket);
    runs[0]?.({ status: 200, body: Buffer.from('1') });
    assert.equal((await received).match(/\r\n\r\n[123]/g)?.join(), '\r\n\r\n1,\r\n\r\n2,\r\n\r\n3');
  });

  it('leaves everything else to node:http, also in the middle of a connection', async () => {
    const probe = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
    const socket = await open(ahead().port);
    const ask = async (text: string): Promise<string> => {
      socket.write(text);
      const [reply] = (await once(socket, 'data')) as [Buffer];
      return reply.toString();
    };
    assert.match(await ask(plain('1')), /\r\n\r\n1$/);
    assert.equal(ahead().seenByHttp(), 0);
    assert.match(await ask(probe), /\{"ok":true\}$/);
    assert.match(await ask(plain('2')), /\r\n\r\n2$/);
    assert.equal(ahead().seenByHttp(), 2);
    await sameFromBoth([plain('1'), probe, plain('2')]);
    const request = plain('{"value":{}}');
    for (const cut of [1, 19, 40, request.length - 3]) await sameFromBoth([request.slice(0, cut), request.slice(cut)]);
    await sameFromBoth([plain('1').replace('Host', 'Connection: close\r\nHost')]);
  });

  it('answers a request with whatever head as node:http does', async () => {
    // Only whole requests: when node:http gives up a connection on which more comes than a request, and whether the answer
    // goes out before that, is a matter of its turns.
    const line = fc.oneof(
      fc.constantFrom('Host: a', 'host:b', 'Connection: keep-alive', 'Connection: close', 'Accept: */*', 'X-Other: 1', 'Transfer-Encoding: chunked', 'Content-Encoding: gzip', 'Expect: other', ' folded', 'Content-Length: 7'),
      fc.string().map((text) => `Accept: ${text}`),
      fc.string(),
    );
    const first = fc.oneof({ weight: 9, arbitrary: fc.constant('POST /run HTTP/1.1') }, fc.constantFrom('POST /run HTTP/1.0', 'POST /other HTTP/1.1', 'PUT /run HTTP/1.1', 'post /run HTTP/1.1'));
    let plainOnes = 0;
    await fc.assert(
      fc.asyncProperty(first, fc.array(line, { maxLength: 4 }), fc.constantFrom('', '1', 'bad'), async (start, lines, body) => {
        const request = [start, 'Host: a', ...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
        if (plainRunBody(Buffer.from(request)) !== undefined) plainOnes += 1;
        await sameFromBoth([request]);
      }),
      { numRuns: 300 },
    );
    assert.ok(plainOnes > 20, `only ${plainOnes} were plain`);
  });

  it('answers a caller who has closed his end, then closes', async () => {
    const socket = await open(ahead().port);
    socket.end(plain('wait'));
    const received = allOf(socket);
    await eventually(() => runs.length === 1, 'the run is under way');
    runs[0]?.({ status: 200, body: Buffer.from('done') });
    assert.match(await received, /done$/);
  });

  it('survives a caller who is gone when the answer comes', async () => {
    const socket = await open(ahead().port);
    socket.write(plain('wait'));
    await eventually(() => runs.length === 1, 'the run is under way');
    socket.resetAndDestroy();
    await once(socket, 'close');
    runs[0]?.({ status: 200, body: Buffer.from('done') });
    assert.match(await exchange(ahead().port, [plain('1')]), /\r\n\r\n1$/);
  });

  it('closes a connection that says nothing, by the bounds of the server', async () => {
    await start(true, 200);
    const socket = await open(servers.at(-1)!.port);
    await once(socket.resume(), 'end');
  });

  it('never closes a connection whose answer is due for others that wait for nothing', async () => {
    const answered = await open(ahead().port);
    answered.write(plain('wait'));
    const received = once(answered, 'data');
    await eventually(() => runs.length === 1, 'the run is under way');
    const others = await Promise.all([1, 2, 3, 4, 5, 6].map(() => open(ahead().port)));
    await once(others[0]!.resume(), 'end');
    runs[0]?.({ status: 200, body: Buffer.from('done') });
    assert.match(String(await received), /done$/);
  });

  it('keeps a connection over which a run was answered, while there are others that never sent a request', async () => {
    const kept = await open(ahead().port);
    kept.write(plain('1'));
    await once(kept, 'data');
    const others = await Promise.all([1, 2, 3, 4, 5, 6].map(() => open(ahead().port)));
    await once(others[0]!.resume(), 'end');
    kept.write(plain('2'));
    assert.match(String(await once(kept, 'data')), /\r\n2$/);
  });
});
