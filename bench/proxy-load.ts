// A closed load on one server: so many clients, each sending its next request when the last reply is in. It speaks
// HTTP over plain sockets, so that little of what is measured is its own. It measures and does not judge.
import { connect, type Socket } from 'node:net';
import { median, percentileOf } from '../common/statistics.ts';

export interface LoadOptions {
  readonly port: number;
  readonly body: Buffer;
  readonly clients: number;
  readonly durationMs: number;
  /** False: a new connection for each request, closed by the client, as OpenWhisk's default client does. */
  readonly keepAlive: boolean;
  /** `/run` where it is not given. */
  readonly path?: string;
  /** Further lines of the request's head, each with its end. */
  readonly headers?: string;
}

export interface LoadFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
}

/** @throws Error when a reply is not 200 */
export async function applyLoad({ port, body, clients, durationMs, keepAlive, path = '/run', headers = '' }: LoadOptions): Promise<LoadFigures> {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}Content-Type: application/json\r\nAccept: application/json\r\nConnection: Keep-Alive\r\nContent-Length: ${body.length}\r\n\r\n`;
  const message = Buffer.concat([Buffer.from(head), body]);
  const latencies: number[] = [];
  const startedAt = performance.now();
  const endAt = startedAt + durationMs;
  const client = async (): Promise<void> => {
    let connection = keepAlive ? new Connection(port) : undefined;
    while (performance.now() < endAt) {
      const sentAt = performance.now();
      connection ??= new Connection(port);
      await connection.exchange(message);
      latencies.push(performance.now() - sentAt);
      if (!keepAlive) {
        connection.close();
        connection = undefined;
      }
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: clients }, client));
  const tookMs = performance.now() - startedAt;
  return { p50Ms: median(latencies), p99Ms: percentileOf(latencies, 0.99) ?? Number.NaN, requestsPerSecond: (latencies.length / tookMs) * 1000, requests: latencies.length };
}

/** One connection, one request at a time; it understands what our servers answer: a status and a Content-Length. */
class Connection {
  private readonly socket: Socket;
  private received: Buffer = Buffer.alloc(0);
  private settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => this.take(chunk));
    this.socket.on('error', (error) => this.settle?.reject(error));
    this.socket.on('close', () => this.settle?.reject(new Error('The server has closed the connection.')));
  }

  exchange(message: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.socket.write(message);
    });
  }

  close(): void {
    this.settle = undefined;
    this.socket.end();
  }

  private take(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.received.toString('latin1', 0, headEnd);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
    if (this.received.length < headEnd + 4 + length) return;
    const { settle } = this;
    this.settle = undefined;
    this.received = Buffer.alloc(0);
    if (head.startsWith('HTTP/1.1 200 ')) settle?.resolve();
    else settle?.reject(new Error(`The server answered ${head.split('\r\n')[0] ?? ''}.`));
  }
}
