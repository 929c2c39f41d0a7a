// A runtime proxy in a process of its own, as a container runs it, spoken to over HTTP.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { PackagedAction } from '../package-action.ts';

const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');

export interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** `resident`, `blank` or `spawned`: where the code of an /init went. */
  readonly slot: string | undefined;
}

export class RuntimeProcess {
  private readonly child: ChildProcess;
  private readonly url: string;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(modelStore: string): Promise<RuntimeProcess> {
    const env = { PATH: process.env.PATH, PORT: '0', HOST: '127.0.0.1', INSTAINFER_MODEL_STORE: modelStore };
    const child = fork(runtimeMain, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let complaints = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaints = (complaints + text).slice(-2000);
    });
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve((message as { port: number }).port));
      child.once('exit', (code) => reject(new Error(`The runtime ended with ${code} before it listened: ${complaints}`)));
    });
    return new RuntimeProcess(child, port);
  }

  async post(route: string, body: unknown): Promise<Reply> {
    const response = await fetch(this.url + route, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      slot: /slot;desc="?(\w+)/.exec(response.headers.get('server-timing') ?? '')?.[1],
    };
  }

  init({ name, zip }: PackagedAction): Promise<Reply> {
    const env = { __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: `/guest/${name}`, __OW_ACTION_VERSION: '0.0.1' };
    return this.post('/init', { value: { name, main: 'main', binary: true, code: zip.toString('base64'), env } });
  }

  load({ name, artifacts }: PackagedAction): Promise<Reply> {
    return this.post('/load', { value: { action: `guest/${name}`, namespace: 'guest', artifacts } });
  }

  run(parameters: Record<string, unknown>): Promise<Reply> {
    return this.post('/run', { value: parameters });
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}
