// The demo as a process, for tests: started, read, and looked for among the processes of the machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { processIds } from '../../common/process-tree.ts';
import type { ActivationRow } from '../report/rows.ts';

const demoMain = path.resolve(import.meta.dirname, '../main.js');

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function startDemo(args: readonly string[], home: string): { child: ReturnType<typeof spawn>; finished: Promise<Finished> } {
  const child = spawn(process.execPath, [demoMain, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: home } });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const finished = once(child, 'close').then(([exitCode]: unknown[]): Finished => ({ exitCode: exitCode as number | null, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }));
  return { child, finished };
}

/** Processes whose environment carries the home folder of this test: nothing else on the machine does. */
export function processesWithHome(home: string): number[] {
  return processIds().filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${home}`);
    } catch {
      return false;
    }
  });
}

export const rowsOf = (folder: string): ActivationRow[] =>
  readFileSync(path.join(folder, 'output.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ActivationRow);
