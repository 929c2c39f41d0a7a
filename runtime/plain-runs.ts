// The shortest way of the call that counts most: a POST /run that arrives whole, as invokers send it, read from the
// connection and answered on it without node:http, which costs more than everything else of a small activation
// (docs/runtime.md). The answer has the bytes that node:http would give. Whatever is the least bit different goes, with its
// connection, to node:http: half a request, another route, any header that is not in the list below.
import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { AnsweredBeside, AnswersBeside } from './connection-guard.ts';
import type { ActivationReply } from './container.ts';
import { replyHeaders } from './handlers/send.ts';
import { serverTimingHeader } from './server-timing.ts';

const requestLine = 'POST /run HTTP/1.1\r\n';
const headEnd = Buffer.from('\r\n\r\n');

/** Headers that change nothing about how a request is read or answered, and the two that are looked at. */
const headerLine = /(host|user-agent|accept|accept-encoding|content-type|connection|content-length):[ \t]*([\x20-\x7e]*)\r\n/iy;

/** Far below what node:http refuses. */
const maxHeadBytes = 8 * 1024;

/** Replies up to this size are sent as one text, larger ones without copying them. */
const maxCopiedBytes = 16 * 1024;

/**
 * The last head that was plain, with the empty line behind it, and the length that it declares. A caller mostly sends the
 * same one again, and reading it leaves a fifth of a run's garbage: what is collected in the middle of a run is what the
 * slowest runs wait for (docs/runtime.md).
 */
const knownHead = Buffer.alloc(maxHeadBytes + headEnd.length);
let knownHeadBytes = 0;
let knownBodyBytes = 0;

/** The body of a plain /run that is all of `bytes`; undefined for anything else. */
export function plainRunBody(bytes: Buffer): Buffer | undefined {
  if (bytes.length === knownHeadBytes + knownBodyBytes && bytes.compare(knownHead, 0, knownHeadBytes, 0, knownHeadBytes) === 0) return bytes.subarray(knownHeadBytes);
  const body = readPlainRun(bytes);
  if (body !== undefined) {
    knownBodyBytes = body.length;
    knownHeadBytes = bytes.copy(knownHead, 0, 0, bytes.length - body.length);
  }
  return body;
}

function readPlainRun(bytes: Buffer): Buffer | undefined {
  const headBytes = bytes.indexOf(headEnd);
  if (headBytes < 0 || headBytes > maxHeadBytes) return undefined;
  const head = bytes.toString('latin1', 0, headBytes + 2);
  if (!head.startsWith(requestLine)) return undefined;
  let declaredBytes: number | undefined;
  let hosts = 0;
  let at = requestLine.length;
  while (at < head.length) {
    headerLine.lastIndex = at;
    const [line, name = '', value = ''] = headerLine.exec(head) ?? [];
    if (line === undefined) return undefined;
    at += line.length;
    switch (name.toLowerCase()) {
      case 'host':
        hosts += 1;
        break;
      case 'connection':
        if (value.toLowerCase() !== 'keep-alive') return undefined;
        break;
      case 'content-length':
        if (declaredBytes !== undefined || !/^\d{1,9}$/.test(value)) return undefined;
        declaredBytes = Number(value);
        break;
    }
  }
  const bodyAt = headBytes + headEnd.length;
  return hosts === 1 && declaredBytes === bytes.length - bodyAt ? bytes.subarray(bodyAt) : undefined;
}

/**
 * Where a socket keeps its plain connection. Not in a WeakMap: when the young generation is collected, the entries of one that has
 * grown old count as alive, and all the connections of that time with them.
 */
const connectionKey = Symbol('plain connection');
type PlainSocket = Socket & { [connectionKey]?: PlainConnection };

type Run = (body: Buffer) => Promise<ActivationReply>;
type HandOver = (socket: Socket) => void;

/** One connection, as long as nothing but plain runs has come over it. */
class PlainConnection implements AnsweredBeside {
  /** Between a request and its answer. */
  isAnswering = false;
  hasAnswered = false;
  private readonly socket: Socket;
  private readonly run: Run;
  private readonly onLeave: (connection: PlainConnection) => void;
  private readonly handOver: HandOver;
  /** What came while an answer was due. */
  private early: Buffer[] = [];
  private hasEnded = false;

  constructor(socket: Socket, run: Run, handOver: HandOver, onLeave: (connection: PlainConnection) => void) {
    this.socket = socket;
    this.run = run;
    this.handOver = handOver;
    this.onLeave = onLeave;
    socket.on('data', this.onData);
    socket.on('end', this.onEnd);
    socket.on('error', ignore);
  }

  /** From now on the connection is node:http's, with these bytes ahead of what comes. */
  leave(bytes?: Buffer): void {
    const { socket } = this;
    this.onLeave(this);
    socket.off('data', this.onData);
    socket.off('end', this.onEnd);
    if (socket.destroyed) return;
    socket.pause();
    if (bytes !== undefined) socket.unshift(bytes);
    this.handOver(socket);
    socket.off('error', ignore);
    socket.resume();
  }

  private readonly onData = (bytes: Buffer): void => {
    if (this.isAnswering) {
      this.early.push(bytes);
      this.socket.pause();
      return;
    }
    const body = plainRunBody(bytes);
    if (body === undefined) {
      this.leave(bytes);
      return;
    }
    this.onLeave(this);
    this.isAnswering = true;
    void this.run(body).then((reply) => {
      this.answer(reply);
    });
  };

  private readonly onEnd = (): void => {
    this.hasEnded = true;
    if (!this.isAnswering) this.close();
  };

  private answer(reply: ActivationReply): void {
    this.isAnswering = false;
    const { socket, early } = this;
    if (socket.destroyed) return;
    write(socket, reply);
    this.hasAnswered = true;
    if (early.length > 0) {
      this.early = [];
      this.leave(Buffer.concat(early));
    } else if (this.hasEnded) this.close();
  }

  /** The caller has closed its end. */
  private close(): void {
    const { socket } = this;
    // Where nothing is on its way out, without the ceremony of an end.
    if (socket.writableLength === 0) socket.destroy();
    else socket.end();
  }
}

const ignore = (): void => undefined;

function write(socket: Socket, { status, body, timing }: ActivationReply): void {
  const timingLine = timing === undefined ? '' : `${serverTimingHeader}: ${timing}\r\n`;
  const head = headStart(status, body) + timingLine + headRest();
  if (body.length <= maxCopiedBytes) {
    // As one byte for each character: half the cost of two pieces.
    socket.write(head + Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1');
    return;
  }
  socket.cork();
  socket.write(head, 'latin1');
  socket.write(body);
  socket.uncork();
}

let start = '';
let startStatus = 0;
let startBytes = 0;

/** The head up to what differs from one reply to the next, made where it is not that of the reply before. */
function headStart(status: number, body: Uint8Array): string {
  if (status === startStatus && body.length === startBytes) return start;
  [startStatus, startBytes] = [status, body.length];
  start = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  const fields = replyHeaders({ status, body });
  for (let index = 0; index < fields.length; index += 2) start += `${fields[index] ?? ''}: ${fields[index + 1] ?? ''}\r\n`;
  return start;
}

let rest = '';
let restSecond = Number.NaN;

/** The head from the time of day on, made once a second. */
function headRest(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== restSecond) {
    restSecond = second;
    rest = `Date: ${new Date(second * 1000).toUTCString()}\r\nConnection: keep-alive\r\n\r\n`;
  }
  return rest;
}

/**
 * Answers plain runs ahead of `server`, which gets every other connection. To be called when all other listeners for
 * connections are there.
 * @param checkEveryMs a connection that has said nothing for so long, or for twice as long, goes to the server, whose
 *   bounds for slow callers begin then
 */
export function answerPlainRuns(server: Server, run: Run, checkEveryMs: number): AnswersBeside {
  const [own] = server.listeners('connection') as HandOver[];
  if (own === undefined) throw new Error('The server does not take connections.');
  server.off('connection', own);
  let silent = new Set<PlainConnection>();
  let longSilent = new Set<PlainConnection>();
  const handOver: HandOver = (socket) => {
    own.call(server, socket);
  };
  const onLeave = (connection: PlainConnection): void => {
    if (!silent.delete(connection)) longSilent.delete(connection);
  };
  server.on('connection', (socket: PlainSocket) => {
    const connection = new PlainConnection(socket, run, handOver, onLeave);
    socket[connectionKey] = connection;
    silent.add(connection);
  });
  const looking = setInterval(() => {
    for (const connection of longSilent) connection.leave();
    longSilent = silent;
    silent = new Set();
  }, checkEveryMs).unref();
  server.once('close', () => {
    clearInterval(looking);
  });
  return (socket: PlainSocket) => socket[connectionKey];
}
