// The child side of a ready slot: ONNX Runtime required, a tiny session created, then one order carried out. It stays
// until it is killed, for ONNX Runtime is known to crash in an orderly exit.
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { makeFeeds, quietOptions } from '../../runtime/model-store/open-model.ts';
import { tinyModel } from '../../runtime/model-store/tiny-model.ts';
import { median } from '../../common/statistics.ts';
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

interface Timed {
  readonly wallMs: number;
  readonly cpuMs: number;
}

async function time<T>(work: () => Promise<T>): Promise<Timed & { readonly result: T }> {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const result = await work();
  const wallMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { result, wallMs, cpuMs: (user + system) / 1000 };
}

/** Runs `work` until so many runs or so much time have gone by, but three times at least. */
async function timeRepeatedly(work: () => Promise<unknown>, runs: number, budgetMs: number): Promise<Timed[]> {
  const timed: Timed[] = [];
  const sinceMs = performance.now();
  while (timed.length < runs && (timed.length < 3 || performance.now() - sinceMs < budgetMs)) timed.push(await time(work));
  return timed;
}

async function measure(order: MeasureOrder): Promise<SlotMeasurement> {
  const before = privateBytes();
  const load = await time(() => ort.InferenceSession.create(order.file, order.sessionOptions));
  const loadedPrivateBytes = privateBytes() - before;
  const feeds = makeFeeds(ort, order.sampleInputs);
  const first = await time(() => load.result.run(feeds));
  const steady = await timeRepeatedly(() => load.result.run(feeds), order.steadyRuns, order.steadyMs);
  const outputs = Object.entries(first.result).map(([name, tensor]) => [name, Array.from((tensor.data as Float32Array).subarray(0, comparedValues))]);
  return {
    loadMs: load.wallMs,
    firstRunMs: first.wallMs,
    steadyRunMs: median(steady.map(({ wallMs }) => wallMs)),
    fastestRunMs: Math.min(...steady.map(({ wallMs }) => wallMs)),
    loadCpuMs: load.cpuMs,
    leastRunCpuMs: Math.min(...steady.map(({ cpuMs }) => cpuMs)),
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
