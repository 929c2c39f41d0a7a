// Answers one question: what does a call pay whose artifacts are resident? Real actions in real runtime containers: /load,
// then /init and /run as an invoker sends them, then more runs; and what /status and /offload do meanwhile.
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { modelActionNames } from '../actions/action-names.ts';
import { packageAction, type PackagedAction } from '../actions/package-action.ts';
import { defaultStoreDirectory } from '../actions/zoo/default-directory.ts';
import { AppError } from '../common/errors.ts';
import { median, percentileOf } from '../common/statistics.ts';
import { ProcessDriver } from '../invoker-plugin/drivers/process-driver.ts';
import { RuntimeClient, type RuntimeReply } from '../invoker-plugin/runtime-client.ts';
import { granted, replied, untilSettled } from './runtime-calls.ts';

const limits = { timeoutMs: 120_000, maxResponseBytes: 1024 * 1024 };
const memoryLimitBytes = 2048 * 1024 * 1024;
const steadyRuns = 8;
/** How often an operator's probe may ask. */
const statusEveryMs = 20;

interface Sample {
  readonly loadMs: number;
  /** /init of the preloaded call, with what it still had to load there and in its first run. */
  readonly initPlusLoadMs: number;
  readonly firstMs: number;
  readonly steadyMs: number;
  readonly worstStatusMs: number;
  /** Private memory after /offload, over what it was before /load. */
  readonly memoryRatio: number;
}

const inferenceMsOf = (reply: RuntimeReply): number => (JSON.parse(reply.body) as { timings: { inferenceMs: number } }).timings.inferenceMs;

/** Asks /status over and over while `work` is under way; resolves with the slowest answer. */
async function worstStatusDuring(client: RuntimeClient, work: Promise<unknown>): Promise<number> {
  let isOver = false;
  void work.finally(() => {
    isOver = true;
  });
  let worstMs = 0;
  while (!isOver) {
    const startedMs = performance.now();
    granted(await client.status(limits.timeoutMs));
    worstMs = Math.max(worstMs, performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, statusEveryMs));
  }
  return worstMs;
}

async function sampleOf(driver: ProcessDriver, action: PackagedAction, storeDir: string): Promise<Sample> {
  const container = await driver.create({ containerId: `bench-${action.name}`, memoryLimitBytes, environment: { INSTAINFER_MODEL_STORE: storeDir } });
  const client = new RuntimeClient(container.baseUrl, () => performance.now());
  try {
    const before = await untilSettled(client, limits.timeoutMs);
    const code = { main: 'main', code: action.zip.toString('base64'), binary: true };
    const request = { value: { action: `guest/${action.name}`, version: '0.0.1', namespace: 'guest', artifacts: action.artifacts, code } };

    const cycle = client.load(request, limits.timeoutMs);
    const worstStatusMs = await worstStatusDuring(client, cycle);
    granted(await cycle);
    const after = granted(await client.offload({ value: { action: `guest/${action.name}` } }, limits.timeoutMs)).memory.usedBytes;
    const settled = await untilSettled(client, limits.timeoutMs);

    const { loadMs } = granted(await client.load(request, limits.timeoutMs));
    await untilSettled(client, limits.timeoutMs);
    const env = { __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: `/guest/${action.name}`, __OW_ACTION_VERSION: '0.0.1' };
    const init = replied(await client.init({ name: action.name, ...code, env }, limits));
    const first = replied(await client.run({ value: {} }, limits));
    const steady: number[] = [];
    for (let run = 0; run < steadyRuns; run += 1) steady.push(inferenceMsOf(replied(await client.run({ value: {} }, limits))));
    return {
      loadMs,
      initPlusLoadMs: init.tookMs + (first.phasesMs['load'] ?? 0),
      firstMs: inferenceMsOf(first),
      steadyMs: median(steady),
      worstStatusMs,
      // The blank slot that the load had taken is there again in `settled`; right after the off-load it may not be.
      memoryRatio: Math.max(after, settled) / before,
    };
  } finally {
    client.close();
    await container.remove();
  }
}

/** The benchmark `preloaded`: `--repeat N` (5), `--only NAME`, `--dir DIR`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { repeat: { type: 'string', default: '5' }, only: { type: 'string', multiple: true, default: [] }, dir: { type: 'string' } } });
  const repeats = Number(values.repeat);
  if (!Number.isInteger(repeats) || repeats < 1) throw new AppError('BAD_OPTION', `--repeat must be a whole number from 1, not ${values.repeat}.`, 'For example: --repeat 5');
  const stranger = values.only.find((name) => !(modelActionNames as readonly string[]).includes(name));
  if (stranger !== undefined) throw new AppError('BAD_OPTION', `There is no action ${stranger}.`, `Choose from ${modelActionNames.join(', ')}.`);
  const storeDir = path.resolve(values.dir ?? defaultStoreDirectory('full'));
  console.log(`${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.availableParallelism()} cores, Node ${process.version}; ${repeats} fresh containers for each action; first and steady inference in ms`);
  const driver = new ProcessDriver({ runtimeMain: path.resolve(import.meta.dirname, '../runtime/main.js'), startTimeoutMs: 30_000, graceMs: 500 });
  const table = new Table({ head: ['action', 'load ahead ms', 'init + load ms', '(max)', 'first', 'steady', 'first / steady', 'worst /status ms', 'memory after / before', '(max)'], style: { head: [], border: [] } });
  const all: Sample[] = [];
  try {
    for (const name of values.only.length === 0 ? modelActionNames : values.only) {
      process.stderr.write(`${name} ...\n`);
      const action = await packageAction(name);
      const samples: Sample[] = [];
      for (let repeat = 0; repeat < repeats; repeat += 1) samples.push(await sampleOf(driver, action, storeDir));
      all.push(...samples);
      table.push(rowOf(name, samples));
    }
  } finally {
    await driver.close();
  }
  table.push(rowOf('all', all));
  console.log(table.toString());
  console.log(`init + load of all calls: median ${of(all, (sample) => sample.initPlusLoadMs, 0.5).toFixed(1)} ms, p95 ${of(all, (sample) => sample.initPlusLoadMs, 0.95).toFixed(1)} ms`);
}

function of(samples: readonly Sample[], pick: (sample: Sample) => number, share: number): number {
  return percentileOf(samples.map(pick), share) ?? Number.NaN;
}

function rowOf(name: string, samples: readonly Sample[]): string[] {
  const middle = (pick: (sample: Sample) => number): number => of(samples, pick, 0.5);
  const worst = (pick: (sample: Sample) => number): number => of(samples, pick, 1);
  return [
    name,
    middle((sample) => sample.loadMs).toFixed(0),
    middle((sample) => sample.initPlusLoadMs).toFixed(1),
    worst((sample) => sample.initPlusLoadMs).toFixed(1),
    middle((sample) => sample.firstMs).toFixed(1),
    middle((sample) => sample.steadyMs).toFixed(1),
    middle((sample) => sample.firstMs / sample.steadyMs).toFixed(2),
    worst((sample) => sample.worstStatusMs).toFixed(1),
    middle((sample) => sample.memoryRatio).toFixed(3),
    worst((sample) => sample.memoryRatio).toFixed(3),
  ];
}
