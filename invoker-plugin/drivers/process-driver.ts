// Containers as processes of this machine: the runtime proxy in a process group of its own, with a memory budget that
// the proxy keeps. For first runs, development and simulation of a pool; it isolates nothing but processes.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { AppError } from '../../common/errors.ts';
import { runtimeEnvironment, type Container, type ContainerDriver, type ContainerEnd, type ContainerRequest, type LogListener } from './driver.ts';

const listeningSchema = z.object({ type: z.literal('listening'), port: z.number().int().positive() });

export interface ProcessDriverOptions {
  /** The runtime's entry point, a JavaScript file. */
  readonly runtimeMain: string;
  readonly startTimeoutMs: number;
  /** How long a container may take to end by itself before it is killed. */
  readonly graceMs: number;
}

class ProcessContainer implements Container {
  readonly containerId: string;
  readonly ended: Promise<ContainerEnd>;
  baseUrl = '';
  private readonly child: ChildProcess;
  private readonly listeners: LogListener[] = [];
  private readonly graceMs: number;
  private removal: Promise<void> | undefined;

  constructor(containerId: string, child: ChildProcess, graceMs: number) {
    this.containerId = containerId;
    this.child = child;
    this.graceMs = graceMs;
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        resolve({ reason: error.message, memoryExhausted: false });
      });
      child.once('exit', (code, signal) => {
        resolve({ reason: signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`, memoryExhausted: false });
      });
    });
    for (const stream of ['stdout', 'stderr'] as const) {
      const source = child[stream];
      if (source === null) continue;
      createInterface({ input: source, crlfDelay: Infinity }).on('line', (line) => {
        for (const listener of this.listeners) listener(stream, line);
      });
    }
  }

  onLog(listener: LogListener): void {
    this.listeners.push(listener);
  }

  /** Stops the proxy: its slots have nothing to do without it. */
  async pause(): Promise<void> {
    this.child.kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    if (!this.child.kill('SIGCONT')) throw new AppError('CONTAINER_PROTOCOL', `Container ${this.containerId} has ended.`, 'It is replaced.');
  }

  remove(): Promise<void> {
    this.removal ??= this.end();
    return this.removal;
  }

  private async end(): Promise<void> {
    this.child.kill('SIGTERM');
    // A stopped process takes no other signal.
    this.child.kill('SIGCONT');
    const timer = setTimeout(() => {
      this.killGroup();
    }, this.graceMs);
    await this.ended;
    clearTimeout(timer);
    this.killGroup();
  }

  /** The proxy leads its group, so nothing it forked survives it. */
  private killGroup(): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // ESRCH: the group is gone, which is what was wanted.
    }
  }
}

/** A {@link ContainerDriver} whose containers are Node.js processes. */
export class ProcessDriver implements ContainerDriver {
  private readonly options: ProcessDriverOptions;
  private readonly containers = new Set<ProcessContainer>();
  private isClosed = false;

  constructor(options: ProcessDriverOptions) {
    this.options = options;
  }

  /** Processes end with the invoker that started them: there is nothing to clean up. */
  async start(): Promise<void> {
    await Promise.resolve();
  }

  async create(request: ContainerRequest): Promise<Container> {
    if (this.isClosed) throw new AppError('CONTAINER_START', `Container ${request.containerId} did not start: the driver is closed.`, 'Make a new driver.');
    const child = spawn(process.execPath, ['--enable-source-maps', this.options.runtimeMain], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '/',
        TMPDIR: os.tmpdir(),
        PORT: '0',
        HOST: '127.0.0.1',
        INSTAINFER_MEMORY_LIMIT_BYTES: String(request.memoryLimitBytes),
        ...runtimeEnvironment,
        ...request.environment,
      },
    });
    const container = new ProcessContainer(request.containerId, child, this.options.graceMs);
    this.containers.add(container);
    void container.ended.then(() => this.containers.delete(container));
    try {
      container.baseUrl = `http://127.0.0.1:${await this.portOf(child, container)}`;
    } catch (error) {
      await container.remove();
      throw error;
    }
    return container;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.containers].map((container) => container.remove()));
  }

  private async portOf(child: ChildProcess, container: ProcessContainer): Promise<number> {
    const lastWords: string[] = [];
    container.onLog((_stream, line) => {
      lastWords.push(line);
      if (lastWords.length > 5) lastWords.shift();
    });
    const failed = (reason: string): AppError =>
      new AppError('CONTAINER_START', `Container ${container.containerId} did not start: ${reason}. ${lastWords.join(' | ')}`, 'Run the runtime alone to see why: npm run runtime');
    const outcome = await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(this.options.startTimeoutMs) }).then(
        ([message]: unknown[]) => ({ message }),
        () => ({ reason: `nothing was heard of it for ${this.options.startTimeoutMs} ms` }),
      ),
      container.ended,
    ]);
    if ('reason' in outcome) throw failed(outcome.reason);
    const parsed = listeningSchema.safeParse(outcome.message);
    if (!parsed.success) throw failed('its first message was not the port it listens on');
    return parsed.data.port;
  }
}

