// Answers one question: how soon is the first picture there, and what does a loaded pipeline cost? The action
// `stable-diffusion` in real runtime containers: cold, prewarmed, preloaded, taking turns; then its networks against ONNX
// Runtime's default sessions and against reading the same bytes out of the page cache; then a second container beside one.
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { packageAction, type PackagedAction } from '../actions/package-action.ts';
import { defaultStoreDirectory } from '../actions/zoo/default-directory.ts';
import { AppError } from '../common/errors.ts';
import { median } from '../common/statistics.ts';
import { ProcessDriver } from '../invoker-plugin/drivers/process-driver.ts';
import { RuntimeClient } from '../invoker-plugin/runtime-client.ts';
import { partNames } from '../runtime/diffusion/part.ts';
import type { StoredModel } from '../runtime/model-store/manifest.ts';
import { ModelStore } from '../runtime/model-store/model-store.ts';
import { planOpening } from '../runtime/model-store/open-model.ts';
import { readIntoPageCache } from '../runtime/model-store/page-cache.ts';
import { sampleLoads } from './load-sample.ts';
import { granted, replied, untilSettled } from './runtime-calls.ts';

const limits = { timeoutMs: 600_000, maxResponseBytes: 64 * 1024 * 1024 };
const starts = ['cold', 'prewarmed', 'preloaded'] as const;
type Start = (typeof starts)[number];

interface Options {
  readonly storeDir: string;
  readonly repeats: number;
  readonly steps: number;
  readonly size: number;
}

interface Sample {
  /** From the moment the call is there to its picture. */
  readonly firstPictureMs: number;
  /** /init, and what was still loaded in the first run. */
  readonly initPlusLoadMs: number;
  /** The run without its loading. */
  readonly paintMs: number;
}

interface Container {
  readonly client: RuntimeClient;
  remove(): Promise<void>;
}

/** The containers, the action and what is asked of it. */
class Stage {
  private readonly driver = new ProcessDriver({ runtimeMain: path.resolve(import.meta.dirname, '../runtime/main.js'), startTimeoutMs: 30_000, graceMs: 500 });
  private count = 0;
  private readonly action: PackagedAction;
  private readonly options: Options;

  constructor(action: PackagedAction, options: Options) {
    this.action = action;
    this.options = options;
  }

  async container(): Promise<Container> {
    this.count += 1;
    const container = await this.driver.create({ containerId: `bench-${this.count}`, memoryLimitBytes: 8192 * 1024 * 1024, environment: { INSTAINFER_MODEL_STORE: this.options.storeDir } });
    const client = new RuntimeClient(container.baseUrl, () => performance.now());
    return {
      client,
      remove: async () => {
        client.close();
        await container.remove();
      },
    };
  }

  async load({ client }: Container): Promise<number> {
    const { name, artifacts, zip } = this.action;
    const code = { main: 'main', code: zip.toString('base64'), binary: true };
    return granted(await client.load({ value: { action: `guest/${name}`, version: '0.0.1', namespace: 'guest', artifacts, code } }, limits.timeoutMs)).loadMs;
  }

  async sample(start: Start): Promise<Sample> {
    const { name, zip } = this.action;
    const { steps, size } = this.options;
    let calledMs = performance.now();
    const container = await this.container();
    try {
      if (start !== 'cold') {
        await untilSettled(container.client, limits.timeoutMs);
        if (start === 'preloaded') {
          await this.load(container);
          await untilSettled(container.client, limits.timeoutMs);
        }
        calledMs = performance.now();
      }
      const env = { __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: `/guest/${name}`, __OW_ACTION_VERSION: '0.0.1' };
      const init = replied(await container.client.init({ name, main: 'main', code: zip.toString('base64'), binary: true, env }, limits));
      const picture = replied(await container.client.run({ value: { prompt: 'A lighthouse above the sea', seed: 1, steps, width: size, height: size } }, limits));
      const loadMs = picture.phasesMs['load'] ?? 0;
      return { firstPictureMs: performance.now() - calledMs, initPlusLoadMs: init.tookMs + loadMs, paintMs: picture.phasesMs['run'] ?? 0 };
    } finally {
      await container.remove();
    }
  }

  /** Private bytes that a load adds to a first container, and to a second one while the first holds the same. */
  async privateBytes(): Promise<{ loadMs: number; first: number; second: number }> {
    const containers = [await this.container(), await this.container()];
    try {
      const added: number[] = [];
      const loads: number[] = [];
      for (const container of containers) {
        const before = await untilSettled(container.client, limits.timeoutMs);
        loads.push(await this.load(container));
        // With the blank slot that the load has taken there again.
        added.push((await untilSettled(container.client, limits.timeoutMs)) - before);
      }
      const [first = Number.NaN, second = Number.NaN] = added;
      return { loadMs: loads[1] ?? Number.NaN, first, second };
    } finally {
      for (const container of containers) await container.remove();
    }
  }

  close(): Promise<void> {
    return this.driver.close();
  }
}

async function reportStarts(stage: Stage, repeats: number): Promise<void> {
  const samples = new Map<Start, Sample[]>(starts.map((start) => [start, []]));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const start of starts) {
      process.stderr.write(`${start}, ${repeat + 1} of ${repeats} ...\n`);
      samples.get(start)?.push(await stage.sample(start));
    }
  }
  const middle = (start: Start, pick: (sample: Sample) => number): number => median((samples.get(start) ?? []).map(pick));
  const table = new Table({ head: ['start', 'first picture ms', 'init + load ms', '(max)', 'painting ms', 'init + load, cold over this'], style: { head: [], border: [] } });
  for (const start of starts) {
    const spent = middle(start, ({ initPlusLoadMs }) => initPlusLoadMs);
    const worst = Math.max(...(samples.get(start) ?? []).map(({ initPlusLoadMs }) => initPlusLoadMs));
    const ratio = middle('cold', ({ initPlusLoadMs }) => initPlusLoadMs) / spent;
    table.push([start, middle(start, ({ firstPictureMs }) => firstPictureMs).toFixed(0), spent.toFixed(1), worst.toFixed(1), middle(start, ({ paintMs }) => paintMs).toFixed(0), `${ratio.toFixed(1)}x`]);
  }
  console.log(table.toString());
}

/** What one network costs: ms, and bytes of private memory. */
interface LoadingCost {
  readonly stockMs: number;
  readonly formMs: number;
  /** Processor time, which other programs of the machine do not lengthen as they lengthen the others. */
  readonly stockCpuMs: number;
  readonly formCpuMs: number;
  readonly aheadMs: number;
  readonly readMs: number;
  readonly stockBytes: number;
  readonly formBytes: number;
}

async function loadingCostOf(store: ModelStore, model: StoredModel, repeats: number): Promise<LoadingCost> {
  const { stock, onPath, ahead } = await sampleLoads(store, model, { repeats, cache: 'warm', stockSpinning: 'on', steadyRuns: 1, steadyMs: 1 });
  const files = planOpening(store, model, 'stock').files.map((file) => store.pathOf(file));
  const readsMs: number[] = [];
  // The first time only makes sure that they are in the cache.
  for (let repeat = 0; repeat <= repeats; repeat += 1) {
    const startedMs = performance.now();
    await readIntoPageCache(files);
    if (repeat > 0) readsMs.push(performance.now() - startedMs);
  }
  const loadMs = (samples: typeof stock): number => median(samples.map((sample) => sample.loadMs));
  const bytes = (samples: typeof stock): number => median(samples.map((sample) => sample.loadedPrivateBytes));
  const cpuMs = (samples: typeof stock): number => median(samples.map((sample) => sample.loadCpuMs));
  return { stockMs: loadMs(stock), formMs: loadMs(onPath), stockCpuMs: cpuMs(stock), formCpuMs: cpuMs(onPath), aheadMs: loadMs(ahead), readMs: median(readsMs), stockBytes: bytes(stock), formBytes: bytes(onPath) };
}

/** The three networks, one after the other, each in a fresh slot; and their bytes read out of the page cache. */
async function reportLoading(store: ModelStore, models: readonly StoredModel[], repeats: number): Promise<void> {
  const table = new Table({ head: ['network', 'default session ms', 'loading form ms', 'ratio', 'processor time', 'ratio', 'ahead of the call ms', 'page cache read ms', 'private MB default', 'form'], style: { head: [], border: [] } });
  const costs: LoadingCost[] = [];
  for (const model of models) {
    process.stderr.write(`${model.name} ...\n`);
    const cost = await loadingCostOf(store, model, repeats);
    costs.push(cost);
    table.push(rowOf(model.name, [cost]));
  }
  table.push(rowOf('all', costs));
  console.log(table.toString());
}

function rowOf(name: string, costs: readonly LoadingCost[]): string[] {
  const sum = (pick: (cost: LoadingCost) => number): number => costs.reduce((all, cost) => all + pick(cost), 0);
  const [stockMs, formMs] = [sum((cost) => cost.stockMs), sum((cost) => cost.formMs)];
  const [stockCpuMs, formCpuMs] = [sum((cost) => cost.stockCpuMs), sum((cost) => cost.formCpuMs)];
  return [name, stockMs.toFixed(0), formMs.toFixed(1), `${(stockMs / formMs).toFixed(1)}x`, `${stockCpuMs.toFixed(0)} / ${formCpuMs.toFixed(1)}`, `${(stockCpuMs / formCpuMs).toFixed(1)}x`, sum((cost) => cost.aheadMs).toFixed(1), sum((cost) => cost.readMs).toFixed(0), megabytes(sum((cost) => cost.stockBytes)), megabytes(sum((cost) => cost.formBytes))];
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { dir: { type: 'string' }, repeat: { type: 'string', default: '3' }, steps: { type: 'string', default: '2' }, size: { type: 'string', default: '256' }, small: { type: 'boolean', default: false } },
  });
  const whole = (flag: 'repeat' | 'steps' | 'size'): number => {
    const number = Number(values[flag]);
    if (!Number.isInteger(number) || number < 1) throw new AppError('BAD_OPTION', `--${flag} must be a whole number from 1, not ${values[flag]}.`, `For example: --${flag} ${flag === 'size' ? 256 : 3}`);
    return number;
  };
  return { storeDir: path.resolve(values.dir ?? defaultStoreDirectory(values.small ? 'small' : 'full')), repeats: whole('repeat'), steps: whole('steps'), size: whole('size') };
}

/** The benchmark `diffusion`: `--repeat N` (3), `--steps N` (2), `--size PIXELS` (256), `--dir DIR`, `--small`. */
export async function run(args: string[]): Promise<void> {
  const options = parse(args);
  const store = await ModelStore.open(options.storeDir);
  const models = partNames.flatMap((part) => store.manifest.models.find(({ name }) => name === `stable-diffusion/${part}`) ?? []);
  if (models.length < partNames.length) throw new AppError('MODEL_MISSING', `The model store ${options.storeDir} has no stable-diffusion.`, 'Build it: npm run models -- build --only stable-diffusion');
  const mappedBytes = models.flatMap((model) => planOpening(store, model, 'ahead').files).reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.availableParallelism()} cores, Node ${process.version}; ${options.storeDir}; medians of ${options.repeats}; ${options.size} x ${options.size} pixels, ${options.steps} steps, page cache warm`);
  const stage = new Stage(await packageAction('stable-diffusion'), options);
  try {
    await reportStarts(stage, options.repeats);
    await reportLoading(store, models, options.repeats);
    const { loadMs, first, second } = await stage.privateBytes();
    console.log(`a load into a container that holds nothing: ${megabytes(first)} MB private; into a second one beside it: ${megabytes(second)} MB in ${loadMs.toFixed(0)} ms, ${((100 * second) / (first + mappedBytes)).toFixed(1)} % of what the first holds, its mapped files of ${megabytes(mappedBytes)} MB included`);
  } finally {
    await stage.close();
  }
}
