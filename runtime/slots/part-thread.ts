// The thread of one network: opens its session and runs it. ONNX Runtime works synchronously, so networks that are to load
// at the same time need threads of their own.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-node';
import { sessionPart, type Tensors } from '../diffusion/part.ts';
import type { OnnxRuntime } from './model-source.ts';
import type { FromPartThread, PartThreadData, ToPartThread } from './part-worker.ts';

const ort = createRequire(import.meta.url)('onnxruntime-node') as OnnxRuntime;
const { file, sessionOptions } = workerData as PartThreadData;

const say = (message: FromPartThread, transfer: ArrayBuffer[] = []): void => parentPort?.postMessage(message, transfer);
const textOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
const buffersOf = (tensors: Tensors): ArrayBuffer[] => Object.values(tensors).flatMap(({ data }) => (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength ? [data.buffer] : []));

async function serve(session: InferenceSession): Promise<void> {
  const part = sessionPart(ort, session);
  let former: Promise<unknown> = Promise.resolve();
  const answer = async (message: ToPartThread): Promise<void> => {
    if (message.type === 'close') {
      await session.release();
      say({ type: 'closed' });
      parentPort?.close();
      return;
    }
    try {
      const tensors = await part.run(message.feeds);
      // Copied: memory of the native library may not change hands.
      const copies = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
      say({ type: 'ran', id: message.id, tensors: copies }, buffersOf(copies));
    } catch (error) {
      say({ type: 'failed', id: message.id, message: textOf(error) });
    }
  };
  parentPort?.on('message', (message: ToPartThread) => {
    former = former.then(() => answer(message));
  });
  say({ type: 'opened', inputs: part.inputs, outputs: part.outputs });
}

try {
  await serve(await ort.InferenceSession.create(file, sessionOptions));
} catch (error) {
  say({ type: 'unopened', message: textOf(error) });
  parentPort?.close();
}
