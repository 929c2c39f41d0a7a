// Starts the runtime proxy as a process of its own and speaks HTTP to it: for tests and benchmarks from outside.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

const runtimeMain = path.resolve(import.meta.dirname, '../main.js');

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface Logs {
  readonly stdout: string;
  readonly stderr: string;
}

export class RuntimeProcess {
  readonly child: ChildProcess;
  readonly baseUrl: string;
  private readonly logs = { stdout: '', stderr: '' };

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.baseUrl = `http://127.0.0.1:${port}`;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.logs.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.logs.stderr += text));
  }

  /** @param prelude shell commands by which the process is put where it is to run */
  static async start(environment: Readonly<Record<string, string>> = {}, prelude?: string): Promise<RuntimeProcess> {
    const child = fork(runtimeMain, [], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(prelude === undefined ? { execArgv: [] } : { execPath: '/bin/sh', execArgv: ['-c', `${prelude}; exec '${process.execPath}' "$0"`] }),
      env: { PATH: process.env['PATH'] ?? '', PORT: '0', HOST: '127.0.0.1', ...environment },
    });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`The runtime ended with ${String(code)} before it listened.`);
    });
    ended.catch(() => undefined);
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
    return new RuntimeProcess(child, message.port);
  }

  call(method: 'GET' | 'POST', route: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    return callRuntime(this.baseUrl, method, route, body, headers);
  }

  /** What has been written so far. What was written before a reply came has arrived when this resolves. */
  async readLogs(): Promise<Logs> {
    let seen = -1;
    // Each turn of the event loop reads what the pipes hold; done when a whole turn brought nothing.
    while (seen !== this.logs.stdout.length + this.logs.stderr.length) {
      seen = this.logs.stdout.length + this.logs.stderr.length;
      await nextTurn();
      await nextTurn();
    }
    return { ...this.logs };
  }

  /** Ends it as an invoker would; resolves to its exit code. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill('SIGTERM');
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }
}

/** One request to a runtime at any address; a text goes as it is, anything else as JSON. */
export async function callRuntime(baseUrl: string, method: 'GET' | 'POST', route: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await fetch(baseUrl + route, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers, json: jsonOf(text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
