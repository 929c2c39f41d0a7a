import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { useTemporaryFolder } from '../../zoo/testing/temporary-folder.ts';
import { download } from '../download.ts';
import { parseAddress } from '../request.ts';

const sha256Of = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 31 + (index >> 8)) % 256));
const sha256 = sha256Of(content);

/** How the server treats one request: what it says, and after how many bytes of the body it cuts the line. */
type Fault =
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'silence' }
  | { readonly kind: 'newTag' }
  | { readonly kind: 'garbledThenCut'; readonly afterBytes: number };

describe('downloading a file', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();
  let server: Server;
  let url: URL;
  let handle: (request: IncomingMessage, response: ServerResponse) => void;
  let onBytes: (bytes: number) => void = () => undefined;
  let runs = 0;
  before(async () => {
    server = createServer((request, response) => handle(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model.onnx`);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Serves the content with ranges; each fault is for one request, then all is well. */
  function serve(faults: readonly Fault[] = [], body = content): { ranges: (string | undefined)[] } {
    const seen = { ranges: [] as (string | undefined)[] };
    const left = [...faults];
    let version = 1;
    handle = (request, response) => {
      seen.ranges.push(request.headers.range);
      const fault = left.shift();
      if (fault?.kind === 'silence') return;
      if (fault?.kind === 'status') return void response.writeHead(fault.status).end();
      if (fault?.kind === 'newTag') version += 1;
      const tag = `"v${version}"`;
      const from = request.headers['if-range'] === tag ? Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0) : 0;
      const sent = Buffer.from(body.subarray(from));
      if (fault?.kind === 'garbledThenCut' && sent.length > 0) sent[0] = (sent[0] ?? 0) ^ 1;
      const range = from > 0 ? { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : {};
      response.writeHead(from > 0 ? 206 : 200, { etag: tag, 'content-length': sent.length, ...range });
      if (fault === undefined || fault.kind === 'newTag') return void response.end(sent);
      // The line is cut once these bytes have come in.
      const upTo = Math.min(fault.afterBytes, sent.length);
      response.flushHeaders();
      if (upTo > 0) response.write(sent.subarray(0, upTo));
      onBytes = (bytes) => {
        if (bytes >= from + upTo) response.destroy();
      };
      if (upTo === 0) setImmediate(() => response.destroy());
    };
    return seen;
  }

  const pull = (options: Partial<Parameters<typeof download>[0]> = {}): Promise<string> =>
    download({
      url,
      sha256,
      folder: inFolder(`run-${runs}`),
      maxBytes: 1e6,
      env: {},
      signal: new AbortController().signal,
      attempts: 3,
      idleMs: 2000,
      pause: () => Promise.resolve(),
      requireFreeBytes: () => Promise.resolve(),
      onProgress: (bytes) => onBytes(bytes),
      ...options,
    });
  beforeEach(() => {
    runs += 1;
  });
  const left = (): Promise<string[]> => readdir(inFolder(`run-${runs}`));

  it('leaves the file under its checksum and nothing else', async () => {
    serve();
    assert.deepEqual(await readFile(await pull()), content);
    assert.deepEqual(await left(), [sha256]);
  });

  it('goes on where the line was cut, in the same run and in the next', async () => {
    const seen = serve([{ kind: 'cut', afterBytes: 2000 }, { kind: 'status', status: 500 }, { kind: 'status', status: 500 }, { kind: 'status', status: 503 }]);
    await assert.rejects(pull(), { code: 'DOWNLOAD_FAILED' });
    assert.deepEqual(await readFile(await pull()), content);
    assert.deepEqual(seen.ranges, [undefined, 'bytes=2000-', 'bytes=2000-', 'bytes=2000-', 'bytes=2000-']);
  });

  it('begins again when the server has another version of the file by now', async () => {
    serve([{ kind: 'cut', afterBytes: 2000 }, { kind: 'newTag' }]);
    assert.deepEqual(await readFile(await pull()), content);
  });

  it('begins again, once whole, when what was left turns out to be wrong', async () => {
    serve([{ kind: 'garbledThenCut', afterBytes: 100 }]);
    assert.deepEqual(await readFile(await pull()), content);
  });

  it('gives the right file or none, whatever the server does and wherever it cuts', async () => {
    const fault: fc.Arbitrary<Fault> = fc.oneof(
      fc.record({ kind: fc.constant('cut' as const), afterBytes: fc.integer({ min: 0, max: content.length }) }),
      fc.record({ kind: fc.constant('garbledThenCut' as const), afterBytes: fc.integer({ min: 0, max: content.length }) }),
      fc.record({ kind: fc.constant('status' as const), status: fc.constantFrom(500, 503, 429, 408, 416) }),
      fc.constant({ kind: 'newTag' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 8 }), async (faults) => {
        runs += 1;
        serve(faults);
        const file = await pull().catch((thrown: { code?: string }) => assert.match(thrown.code ?? String(thrown), /^DOWNLOAD_/));
        const names = await left();
        if (file === undefined) assert.ok(!names.includes(sha256), names.join());
        else assert.deepEqual([await readFile(file), names], [content, [sha256]]);
        // And the next run, with a server that is well, always has it.
        serve();
        assert.deepEqual(await readFile(await pull()), content);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses another checksum and keeps nothing of it', async () => {
    serve([], Buffer.from('something else'));
    await assert.rejects(pull(), { code: 'DOWNLOAD_REFUSED' });
    assert.deepEqual(await left(), []);
  });

  it('refuses a file that is longer than allowed, announced or not', async () => {
    serve();
    await assert.rejects(pull({ maxBytes: 4999 }), /has 5000 bytes; at most 4999/);
    handle = (_, response) => void response.writeHead(200).end(content);
    await assert.rejects(pull({ maxBytes: 4999 }), /longer than 4999 bytes/);
  });

  it('gives up a server that sends nothing', async () => {
    serve([{ kind: 'silence' }, { kind: 'silence' }, { kind: 'silence' }]);
    await assert.rejects(pull({ idleMs: 50 }), { code: 'DOWNLOAD_FAILED' });
  });

  it('asks for the room it needs before a byte is written', async () => {
    serve();
    const asked: number[] = [];
    await pull({ requireFreeBytes: (bytes) => Promise.resolve(void asked.push(bytes)) });
    assert.deepEqual(asked, [5000]);
  });

  for (const location of ['ftp://example.org/model.onnx', 'ftp://127.0.0.1/x', 'javascript:1']) {
    it(`does not follow a redirect to ${location}`, async () => {
      handle = (_, response) => void response.writeHead(302, { location }).end();
      await assert.rejects(pull(), /which is not followed/);
    });
  }

  it('does not run round in circles', async () => {
    handle = (_, response) => void response.writeHead(307, { location: '/again' }).end();
    await assert.rejects(pull(), /redirected more than 5 times/);
  });

  it('follows a redirect, and does not ask again for what may not be had', async () => {
    serve();
    const well = handle;
    handle = (request, response) => (request.url === '/elsewhere' ? well(request, response) : void response.writeHead(302, { location: '/elsewhere' }).end());
    assert.deepEqual(await readFile(await pull()), content);
    runs += 1;
    const seen = serve([{ kind: 'status', status: 403 }]);
    await assert.rejects(pull(), { code: 'DOWNLOAD_REFUSED' });
    assert.equal(seen.ranges.length, 1);
  });

  for (const address of ['model.onnx', 'https://user:secret@host/x', 'ftp://host/x']) {
    it(`takes no address ${address}`, () => {
      assert.throws(() => parseAddress(address), { code: 'BAD_OPTION' });
    });
  }
});
