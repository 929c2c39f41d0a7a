// `instainfer standalone` as a process of its own, on a free port; it can be killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const program = path.resolve(import.meta.dirname, '../../cli/main.js');

export class StandaloneProcess {
  readonly address: string;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.child = child;
    this.address = address;
  }

  /** Resolves when it says that it is ready. @throws what it wrote to standard error when it ends instead */
  static async start(dataFolder: string, options: readonly string[] = []): Promise<StandaloneProcess> {
    const child = spawn(process.execPath, [program, 'standalone', '--port', '0', '--data', dataFolder, '--user-memory', '256m', '--action-memory', '128m', ...options], {
      env: { ...process.env, INSTAINFER_CONFIG: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [output, errors] = ['', ''];
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const address = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const found = /ready: (http:\S+)\n/.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once('exit', (code) => {
        reject(Object.assign(new Error(errors), { exitCode: code }));
      });
    });
    return new StandaloneProcess(child, address);
  }

  /** Resolves with the exit code, or undefined after a signal that cannot be caught. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | undefined> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode ?? undefined;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    const [code] = (await ended) as [number | null];
    return code ?? undefined;
  }
}
