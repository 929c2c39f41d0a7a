// Starts the servers that benchmarks compare, each as a process of its own. Their standard streams are pipes that a
// process of its own reads, as a container engine does: writing to a pipe that somebody waits on has its price.
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { AppError } from '../common/errors.ts';
import { runtimeEnvironment } from '../invoker-plugin/drivers/driver.ts';

const buildDir = path.resolve(import.meta.dirname, '..');

export interface ServerKind {
  readonly name: string;
  /** Program below `build/`. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether it takes the action by /init. */
  readonly takesCode: boolean;
  /** Where its program was compiled to; this very build where it is not given. */
  readonly buildDir?: string;
}

const floor = { program: 'bench/proxy-floor-server.js', takesCode: false };
export const serverKinds = {
  floor: { name: 'node:http', environment: {}, ...floor },
  floorWithMarkers: { name: 'node:http + markers', environment: { MARKERS: 'true' }, ...floor },
  expressModel: { name: 'Express model', program: 'bench/proxy-express-model.js', environment: {}, takesCode: true },
  ours: { name: 'runtime', program: 'runtime/main.js', environment: { HOST: '127.0.0.1' }, takesCode: true },
} as const satisfies Record<string, ServerKind>;

/** Our runtime as an invoker of ours starts it. */
export const runtimeOfInvoker: ServerKind = { ...serverKinds.ours, name: 'runtime, of our invoker', environment: { ...serverKinds.ours.environment, ...runtimeEnvironment } };

/** Our runtime as another checkout has compiled it, to be measured in the same run. */
export const runtimeOf = (otherBuild: string): ServerKind => ({ ...serverKinds.ours, name: 'runtime, other build', buildDir: path.resolve(otherBuild) });

const programOf = (kind: ServerKind): string => path.join(kind.buildDir ?? buildDir, kind.program);

export interface Server {
  readonly kind: ServerKind;
  readonly child: ChildProcess;
  readonly port: number;
}

/** A reader of log pipes; servers are started with it. */
export class LogSink {
  private readonly directory = mkdtempSync(path.join(os.tmpdir(), 'bench-logs-'));
  private readonly reader: ChildProcess;
  private readonly pipe: number;

  constructor() {
    const fifo = path.join(this.directory, 'log');
    execFileSync('mkfifo', [fifo]);
    this.pipe = openSync(fifo, 'r+');
    this.reader = spawn('cat', [fifo], { stdio: 'ignore' });
  }

  /** @param environment on top of the kind's own. Throws AppError SERVER_UNAVAILABLE where it ends in place of listening. */
  async start(kind: ServerKind, environment: Readonly<Record<string, string>> = {}): Promise<Server> {
    const child = this.spawn(kind, environment);
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', ({ port }: { port: number }) => {
        resolve(port);
      });
      child.once('exit', (code, signal) => {
        reject(new AppError('SERVER_UNAVAILABLE', `'${kind.name}' ended with ${code ?? signal ?? 'nothing'} before it listened.`, `See whether ${programOf(kind)} is there and starts.`));
      });
    });
    return { kind, child, port };
  }

  spawn(kind: ServerKind, environment: Readonly<Record<string, string>>): ChildProcess {
    return fork(programOf(kind), [], {
      execArgv: [],
      stdio: ['ignore', this.pipe, this.pipe, 'ipc'],
      env: { PATH: process.env['PATH'] ?? '', PORT: '0', ...kind.environment, ...environment },
    });
  }

  async close(): Promise<void> {
    closeSync(this.pipe);
    this.reader.kill();
    await once(this.reader, 'exit');
    rmSync(this.directory, { recursive: true });
  }
}

export async function stop({ child }: Pick<Server, 'child'>): Promise<void> {
  const ended = once(child, 'exit');
  child.disconnect();
  await ended;
}

/** Initialises the echo action where the server takes code. */
export async function initialiseEcho({ kind, port }: Server): Promise<void> {
  if (!kind.takesCode) return;
  const response = await fetch(`http://127.0.0.1:${port}/init`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ value: { main: 'main', code: 'function main(args) { return args; }' } }),
  });
  if (!response.ok) throw new Error(`/init answered ${response.status}: ${await response.text()}`);
}
