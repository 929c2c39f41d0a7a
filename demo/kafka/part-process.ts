// A part of the demo that runs as a child process: started, listened to, ended.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import type { FromPart, InvokerTask, PlannerTask, ToPart } from './part-messages.ts';

const partMain = path.resolve(import.meta.dirname, 'part-main.js');

/** What a part may take to remove its containers and leave its groups. */
const stopTimeoutMs = 30_000;

export class PartProcess {
  private readonly name: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    this.ended = once(child, 'exit');
  }

  /** Resolves when the part serves. @throws {AppError} when it ends instead */
  static async start(task: InvokerTask | PlannerTask, listen: (message: FromPart) => void): Promise<PartProcess> {
    const name = task.part === 'invoker' ? `invoker ${task.instance}` : 'the planner';
    // `advanced` keeps Maps, which a container's residents are.
    const part = new PartProcess(name, fork(partMain, { serialization: 'advanced', execArgv: ['--enable-source-maps'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
    let reason = 'it ended';
    const ready = new Promise<void>((resolve, reject) => {
      part.child.on('message', (message: FromPart) => {
        if (message.type === 'ready') resolve();
        if (message.type === 'failed') reason = message.reason;
        listen(message);
      });
      void part.ended.then(() => {
        reject(new AppError('BROKER_UNAVAILABLE', `${name} did not start: ${reason}`, 'INSTAINFER_LOG_LEVEL=info shows what it did.'));
      });
    });
    part.send({ type: 'start', task });
    await ready;
    return part;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.send({ type: 'stop' });
    const timer = setTimeout(() => {
      process.stderr.write(`${this.name} did not end in time and is killed\n`);
      this.child.kill('SIGKILL');
    }, stopTimeoutMs);
    await this.ended;
    clearTimeout(timer);
  }

  private send(message: ToPart): void {
    if (this.child.connected) this.child.send(message);
  }
}
