// The slot's end of one network's thread: opens it, asks it, ends it.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-node';
import type { Part, Tensors, ValueInfo } from '../diffusion/part.ts';

export interface PartThreadData {
  readonly file: string;
  readonly sessionOptions: InferenceSession.SessionOptions;
}
export type ToPartThread = { readonly type: 'run'; readonly id: number; readonly feeds: Tensors } | { readonly type: 'close' };
export type FromPartThread =
  | { readonly type: 'opened'; readonly inputs: readonly ValueInfo[]; readonly outputs: readonly ValueInfo[] }
  | { readonly type: 'unopened'; readonly message: string }
  | { readonly type: 'ran'; readonly id: number; readonly tensors: Tensors }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | { readonly type: 'closed' };

const program = new URL('part-thread.js', import.meta.url);

export class PartWorker implements Part {
  inputs: readonly ValueInfo[] = [];
  outputs: readonly ValueInfo[] = [];
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { resolve: (tensors: Tensors) => void; reject: (error: Error) => void }>();
  private readonly ended: Promise<unknown>;
  private nextId = 0;
  private isEnded = false;

  private constructor(data: PartThreadData) {
    this.worker = new Worker(program, { workerData: data, execArgv: [] });
    this.ended = once(this.worker, 'exit').then(() => this.fail('The thread of the network has ended.'));
  }

  /** @throws Error with ONNX Runtime's reason */
  static async open(file: string, sessionOptions: Readonly<Record<string, unknown>>): Promise<PartWorker> {
    const part = new PartWorker({ file, sessionOptions: sessionOptions as InferenceSession.SessionOptions });
    await new Promise<void>((resolve, reject) => {
      part.worker.on('message', (message: FromPartThread) => {
        if (message.type === 'opened') {
          part.inputs = message.inputs;
          part.outputs = message.outputs;
          resolve();
        } else if (message.type === 'unopened') reject(new Error(message.message));
        else part.receive(message);
      });
      part.worker.once('error', (error) => {
        part.fail(error.message);
        reject(error);
      });
      void part.ended.then(() => reject(new Error('The thread of the network ended as it was opened.')));
    });
    return part;
  }

  run(feeds: Tensors): Promise<Tensors> {
    return new Promise((resolve, reject) => {
      if (this.isEnded) {
        reject(new Error('The network has been given up.'));
        return;
      }
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.send({ type: 'run', id, feeds });
    });
  }

  /** Gives its memory back, once what runs has ended; resolves when it is back. */
  async close(): Promise<void> {
    this.send({ type: 'close' });
    await this.ended;
  }

  private send(message: ToPartThread): void {
    this.worker.postMessage(message);
  }

  private receive(message: FromPartThread): void {
    if (message.type !== 'ran' && message.type !== 'failed') return;
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.type === 'ran') waiting?.resolve(message.tensors);
    else waiting?.reject(new Error(message.message));
  }

  private fail(reason: string): void {
    this.isEnded = true;
    for (const { reject } of this.waiting.values()) reject(new Error(reason));
    this.waiting.clear();
  }
}
