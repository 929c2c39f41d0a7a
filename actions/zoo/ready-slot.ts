// Starts a ready slot (a child with ONNX Runtime required and a tiny session created), gives it one order and kills it.
// One order per child: what a load costs is measured in a process that has loaded nothing else.
import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { MeasureOrder, SaveOrder, SlotMeasurement, SlotOrder, SlotReply } from './ready-slot-protocol.ts';

const childFile = path.join(import.meta.dirname, 'ready-slot-child.js');

function startChild(): ChildProcess {
  const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1' };
  return fork(childFile, [], { env, execArgv: [], serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}

/** Starts a child, waits until it is ready, gives the order and resolves to the reply. Aborting kills the child at once. */
async function order(slotOrder: SlotOrder, signal?: AbortSignal): Promise<SlotReply> {
  signal?.throwIfAborted();
  const child = startChild();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = (): void => void child.kill('SIGKILL');
  // Its own listener in each process group: Ctrl-C reaches the child too, and this makes sure.
  signal?.addEventListener('abort', kill);
  let errorText = '';
  child.stderr?.on('data', (chunk: Buffer) => (errorText = (errorText + chunk.toString()).slice(-2000)));
  try {
    return await new Promise<SlotReply>((resolve, reject) => {
      child.on('message', (reply: SlotReply) => {
        if (reply.kind === 'ready') child.send(slotOrder);
        else resolve(reply);
      });
      child.once('error', reject);
      child.once('exit', (code, deathSignal) => {
        reject(signal?.aborted === true ? signal.reason : new Error(`ONNX Runtime's process ended with ${deathSignal ?? `code ${code}`}: ${errorText.trim().split('\n').at(-1) ?? ''}`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', kill);
    kill();
    await exited;
  }
}

function unexpected(reply: SlotReply): Error {
  return new Error(reply.kind === 'failed' ? reply.message : `The slot answered ${reply.kind}.`);
}

/** Lets ONNX Runtime optimise `file` and save the result, in a process of its own that gives its memory back. */
export async function saveInSlot(save: Omit<SaveOrder, 'do'>, signal?: AbortSignal): Promise<void> {
  const reply = await order({ do: 'save', ...save }, signal);
  if (reply.kind !== 'saved') throw unexpected(reply);
}

/** Loads and runs `file` in a fresh ready slot. */
export async function measureInSlot(measure: Omit<MeasureOrder, 'do'>, signal?: AbortSignal): Promise<SlotMeasurement> {
  const reply = await order({ do: 'measure', ...measure }, signal);
  if (reply.kind !== 'measured') throw unexpected(reply);
  return reply.measurement;
}
