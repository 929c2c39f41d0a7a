// A part of the system as a process of its own, `instainfer COMMAND`: started, waited for, killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

const main = path.resolve(import.meta.dirname, '../../cli/main.js');
const startTimeoutMs = 120_000;

export class PartProcess {
  private readonly args: readonly string[];
  private child: ChildProcess | undefined;
  private address = '';
  private lastWords: string[] = [];

  /** @param args the command and its options; its HTTP port has to be 0 */
  constructor(args: readonly string[]) {
    this.args = args;
  }

  /** Where its HTTP server is, in this life. */
  get httpAddress(): string {
    return this.address;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get log(): string {
    return this.lastWords.join('\n');
  }

  /** Starts it; resolves when it says that it is ready. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['--enable-source-maps', main, ...this.args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.lastWords = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.lastWords.push(line);
      if (this.lastWords.length > 20) this.lastWords.shift();
    });
    const lines = createInterface({ input: child.stdout });
    const ready = new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        const found = / is ready: (http:\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    const failed = Promise.race([once(child, 'exit').then(() => 'it ended'), once(child, 'never', { signal: AbortSignal.timeout(startTimeoutMs) }).catch(() => 'it did not get ready')]);
    const outcome = await Promise.race([ready, failed.then((why) => ({ why }))]);
    if (typeof outcome !== 'string') throw new Error(`${this.args[0] ?? ''}: ${outcome.why}\n${this.log}`);
    this.address = outcome;
  }

  /** Resolves when the process is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
