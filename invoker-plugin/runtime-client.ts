// Speaks HTTP to one runtime container: OpenWhisk's /init and /run, and the pre-loading routes. It interprets nothing
// but the transport: status, body, how long it took, and what the container reported of its phases.
import { Agent, request as httpRequest } from 'node:http';
import { AppError } from '../common/errors.ts';
import {
  serverTimingHeader,
  type CleanReply,
  type ExtensionErrorReply,
  type InitValue,
  type LoadReply,
  type LoadRequest,
  type OffloadReply,
  type OffloadRequest,
  type StatusReply,
} from '../runtime/protocol.ts';

/** A reply as it came. `bytes` is the body's true length; `body` may be cut at the limit. */
export interface RuntimeReply {
  readonly status: number;
  readonly body: string;
  readonly bytes: number;
  readonly truncated: boolean;
  readonly tookMs: number;
  /** Phases out of the Server-Timing header, in ms; empty when a runtime does not send it. */
  readonly phasesMs: Readonly<Record<string, number>>;
  /** Out of the same header: what loading had read from the disk; undefined when it does not say. */
  readonly diskBytes?: number | undefined;
}

/** Why there is no reply. */
export interface NoReply {
  /** `memory`: the container was ended for it; the client itself cannot tell. */
  readonly failure: 'timeout' | 'refused' | 'lost' | 'memory';
  readonly message: string;
  readonly tookMs: number;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
}

/** A pre-loading route's answer: its reply, or the error it gave. */
export type ExtensionReply<T> = { readonly ok: true; readonly reply: T } | { readonly ok: false; readonly status: number; readonly error: ExtensionErrorReply };

/** `init;dur=4.1, slot;desc="resident"` → `{ init: 4.1 }`. */
export function parseServerTiming(header: string | undefined): Record<string, number> {
  const phases: Record<string, number> = {};
  for (const part of header?.split(',') ?? []) {
    const match = /^\s*([\w-]+)\s*;\s*dur=([\d.]+)/.exec(part);
    if (match?.[1] !== undefined) phases[match[1]] = Number(match[2]);
  }
  return phases;
}

/** `load;dur=4.1, disk;desc="1048576"` → 1048576. */
export function diskBytesIn(header: string | undefined): number | undefined {
  const match = /(?:^|,)\s*disk\s*;\s*desc="(\d{1,15})"/.exec(header ?? '');
  return match === null ? undefined : Number(match[1]);
}

/** Bound of what is read of a pre-loading route's answer. */
const extensionReplyLimitBytes = 1024 * 1024;

export class RuntimeClient {
  /** As many connections as there are calls: the scheduler bounds those, and a call that waited for one would lose its time. */
  private readonly agent = new Agent({ keepAlive: true });
  /** A connection over which only runs come costs the runtime a third less for each (`runtime/plain-runs.ts`). */
  private readonly agentOfRuns = new Agent({ keepAlive: true });
  private readonly baseUrl: URL;
  private readonly now: () => number;
  private readonly token: string | undefined;

  /** @param token what the container's pre-loading routes ask for, where it has one */
  constructor(baseUrl: string, now: () => number, token?: string) {
    this.baseUrl = new URL(baseUrl);
    this.now = now;
    this.token = token;
  }

  init(value: InitValue, options: CallOptions): Promise<RuntimeReply | NoReply> {
    return this.call('POST', '/init', JSON.stringify({ value }), options);
  }

  /** `body` is the whole /run object: value, namespace, action_name, activation_id, deadline, … */
  run(body: object, options: CallOptions): Promise<RuntimeReply | NoReply> {
    return this.call('POST', '/run', JSON.stringify(body), options);
  }

  load(request: LoadRequest, timeoutMs: number): Promise<ExtensionReply<LoadReply>> {
    return this.extension<LoadReply>('POST', '/load', request, timeoutMs);
  }

  offload(request: OffloadRequest, timeoutMs: number): Promise<ExtensionReply<OffloadReply>> {
    return this.extension<OffloadReply>('POST', '/offload', request, timeoutMs);
  }

  clean(retain: boolean, timeoutMs: number): Promise<ExtensionReply<CleanReply>> {
    return this.extension<CleanReply>('POST', '/clean', { value: { retain } }, timeoutMs);
  }

  status(timeoutMs: number): Promise<ExtensionReply<StatusReply>> {
    return this.extension<StatusReply>('GET', '/status', undefined, timeoutMs);
  }

  /** Drops the kept connections. */
  close(): void {
    this.agent.destroy();
    this.agentOfRuns.destroy();
  }

  private async extension<T>(method: 'GET' | 'POST', route: string, body: object | undefined, timeoutMs: number): Promise<ExtensionReply<T>> {
    const reply = await this.call(method, route, body === undefined ? undefined : JSON.stringify(body), { timeoutMs, maxResponseBytes: extensionReplyLimitBytes }, this.token);
    if ('failure' in reply) throw new AppError('CONTAINER_PROTOCOL', `${route} of ${this.baseUrl.host}: ${reply.message}.`, 'The container is replaced; see its log for the cause.');
    let parsed: unknown;
    try {
      parsed = JSON.parse(reply.body);
    } catch (cause) {
      throw new AppError('CONTAINER_PROTOCOL', `${route} of ${this.baseUrl.host} answered ${reply.status} with something that is not JSON.`, 'Is it an instainfer runtime?', { cause });
    }
    // The proxy is ours and not reachable by user code, which lives in its slots: its replies are trusted in shape.
    return reply.status === 200 ? { ok: true, reply: parsed as T } : { ok: false, status: reply.status, error: parsed as ExtensionErrorReply };
  }

  private call(method: string, route: string, body: string | undefined, options: CallOptions, token?: string): Promise<RuntimeReply | NoReply> {
    const startedAt = this.now();
    const elapsed = (): number => this.now() - startedAt;
    return new Promise((resolve) => {
      const payload = body === undefined ? undefined : Buffer.from(body);
      const request = httpRequest(
        {
          agent: route === '/run' ? this.agentOfRuns : this.agent,
          host: this.baseUrl.hostname,
          port: this.baseUrl.port,
          method,
          path: route,
          headers: {
            accept: 'application/json',
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          let kept = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (kept < options.maxResponseBytes) {
              const part = chunk.subarray(0, options.maxResponseBytes - kept);
              chunks.push(part);
              kept += part.length;
            }
          });
          response.on('end', () => {
            clearTimeout(timer);
            const given = response.headers[serverTimingHeader];
            const header = typeof given === 'string' ? given : undefined;
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(chunks).toString('utf8'),
              bytes,
              truncated: bytes > kept,
              tookMs: elapsed(),
              phasesMs: parseServerTiming(header),
              diskBytes: diskBytesIn(header),
            });
          });
          response.on('error', (error) => {
            clearTimeout(timer);
            resolve({ failure: 'lost', message: error.message, tookMs: elapsed() });
          });
        },
      );
      // The socket's own timeout counts idle time only; an activation's limit counts from its start.
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        request.destroy(new Error(`no reply within ${options.timeoutMs} ms`));
      }, options.timeoutMs);
      request.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        resolve({ failure: timedOut ? 'timeout' : error.code === 'ECONNREFUSED' ? 'refused' : 'lost', message: error.message, tookMs: elapsed() });
      });
      request.end(payload);
    });
  }
}
