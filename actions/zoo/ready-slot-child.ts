// The child side of a ready slot: ONNX Runtime required, a tiny session created, then one order carried out. It stays
// until it is killed, for ONNX Runtime is known to crash in an orderly exit.
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { makeFeeds, quietOptions } from '../../runtime/model-store/open-model.ts';
import { tinyModel } from '../../runtime/model-store/tiny-model.ts';
import type { MeasureOrder, SaveOrder, SlotMeasurement, SlotOrder, SlotReply } from './ready-slot-protocol.ts';

/** As many values of an output as are compared between forms. */
const comparedValues = 256;

/** Anonymous memory of this process: private for certain, while mapped files are shared. */
function privateBytes(): number {
  const match = /^Anonymous:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

async function save(order: SaveOrder): Promise<void> {
  await ort.InferenceSession.create(order.file, order.sessionOptions);
}

async function measure(order: MeasureOrder): Promise<SlotMeasurement> {
  const before = privateBytes();
  let startedMs = performance.now();
  const session = await ort.InferenceSession.create(order.file, order.sessionOptions);
  const loadMs = performance.now() - startedMs;
  const loadedPrivateBytes = privateBytes() - before;

  const feeds = makeFeeds(ort, order.sampleInputs);
  startedMs = performance.now();
  const results = await session.run(feeds);
  const firstRunMs = performance.now() - startedMs;

  const runsMs: number[] = [];
  const steadySinceMs = performance.now();
  while (runsMs.length < order.steadyRuns && (runsMs.length < 3 || performance.now() - steadySinceMs < order.steadyMs)) {
    startedMs = performance.now();
    await session.run(feeds);
    runsMs.push(performance.now() - startedMs);
  }
  runsMs.sort((a, b) => a - b);
  const outputs = Object.entries(results).map(([name, tensor]) => [name, Array.from((tensor.data as Float32Array).subarray(0, comparedValues))]);
  return {
    loadMs,
    firstRunMs,
    steadyRunMs: runsMs[runsMs.length >> 1] ?? firstRunMs,
    fastestRunMs: runsMs[0] ?? firstRunMs,
    loadedPrivateBytes,
    privateBytes: privateBytes() - before,
    outputs: Object.fromEntries(outputs) as Record<string, number[]>,
  };
}

async function carryOut(order: SlotOrder): Promise<SlotReply> {
  switch (order.do) {
    case 'save':
      await save(order);
      return { kind: 'saved' };
    case 'measure':
      return { kind: 'measured', measurement: await measure(order) };
  }
}

const reply = (message: SlotReply): void => void process.send?.(message);

process.on('message', (order: SlotOrder) => {
  carryOut(order)
    .catch((thrown: unknown): SlotReply => ({ kind: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) }))
    .then(reply, () => undefined);
});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
await ort.InferenceSession.create(tinyModel, quietOptions);
reply({ kind: 'ready' });
