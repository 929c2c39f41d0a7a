// Answers one question: does an action's load take less in a container that already holds the same models and libraries for
// another action than in any other container of the host? A third container holds the model all the while, so that its pages
// are in memory in each case.
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { defaultStoreDirectory } from '../actions/zoo/default-directory.ts';
import { AppError } from '../common/errors.ts';
import { childrenOf } from '../common/process-tree.ts';
import { median } from '../common/statistics.ts';
import { ProcessDriver } from '../invoker-plugin/drivers/process-driver.ts';
import { RuntimeClient } from '../invoker-plugin/runtime-client.ts';
import { threadsMsOf } from './processor-time.ts';
import { granted, untilSettled } from './runtime-calls.ts';

const timeoutMs = 120_000;
const memoryLimitBytes = 2048 * 1024 * 1024;
const libraries = ['sharp'];
const cases = ['the same', 'another model', 'nothing'] as const;
type Case = (typeof cases)[number];

interface Bench {
  readonly driver: ProcessDriver;
  readonly storeDir: string;
  readonly model: string;
  /** The other model. */
  readonly stranger: string;
}
interface Sample {
  readonly loadMs: number;
  readonly processorMs: number;
}
interface Container {
  /** Of an action of another namespace each time. */
  readonly load: (model: string) => Promise<Sample>;
  readonly remove: () => Promise<void>;
}

async function startContainer({ driver, storeDir }: Bench): Promise<Container> {
  const container = await driver.create({ containerId: 'bench', memoryLimitBytes, environment: { INSTAINFER_MODEL_STORE: storeDir } });
  const client = new RuntimeClient(container.baseUrl, () => performance.now());
  let actions = 0;
  return {
    load: async (model) => {
      await untilSettled(client, timeoutMs);
      actions += 1;
      const value = { action: `tenant${actions}/${model}`, version: '0.0.1', namespace: `tenant${actions}`, artifacts: { models: [{ name: model, store: model }], libraries } };
      const before = slotProcessorMs();
      const { loadMs } = granted(await client.load({ value }, timeoutMs));
      const after = slotProcessorMs();
      // The slot that is started meanwhile, to be blank for the next load, is no part of this one.
      const processorMs = [...before].reduce((sum, [pid, ms]) => sum + (after.get(pid) ?? ms) - ms, 0);
      return { loadMs, processorMs };
    },
    remove: async () => {
      client.close();
      await container.remove();
    },
  };
}

/** Processor time of every slot below this process so far, by process id. */
function slotProcessorMs(): Map<number, number> {
  const found = new Map<number, number>();
  for (const proxy of childrenOf(process.pid)) {
    for (const slot of childrenOf(proxy)) found.set(slot, threadsMsOf(slot));
  }
  return found;
}

async function sample(bench: Bench, held: Case): Promise<Sample> {
  const container = await startContainer(bench);
  try {
    if (held !== 'nothing') await container.load(held === 'the same' ? bench.model : bench.stranger);
    return await container.load(bench.model);
  } finally {
    await container.remove();
  }
}

/** The benchmark `similarity`: `--repeat N` (7), `--model NAME` (resnet50), `--other NAME` (googlenet), `--dir DIR`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { repeat: { type: 'string', default: '7' }, model: { type: 'string', default: 'resnet50' }, other: { type: 'string', default: 'googlenet' }, dir: { type: 'string' } } });
  const repeats = Number(values.repeat);
  if (!Number.isInteger(repeats) || repeats < 1) throw new AppError('BAD_OPTION', `--repeat must be a whole number from 1, not ${values.repeat}.`, 'For example: --repeat 7');
  const driver = new ProcessDriver({ runtimeMain: path.resolve(import.meta.dirname, '../runtime/main.js'), startTimeoutMs: 30_000, graceMs: 500 });
  const bench: Bench = { driver, storeDir: path.resolve(values.dir ?? defaultStoreDirectory('full')), model: values.model, stranger: values.other };
  const samples = new Map<Case, Sample[]>(cases.map((held) => [held, []]));
  console.log(`${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.availableParallelism()} cores, Node ${process.version}; ${bench.model} and ${libraries.join(', ')}, ${repeats} fresh containers for each case, taking turns`);
  try {
    const holder = await startContainer(bench);
    await holder.load(bench.model);
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      process.stderr.write(`${repeat + 1} of ${repeats} ...\n`);
      for (const held of cases) samples.get(held)?.push(await sample(bench, held));
    }
  } finally {
    await driver.close();
  }
  const blankMs = median((samples.get('nothing') ?? []).map(({ processorMs }) => processorMs));
  const table = new Table({ head: ['the container holds', 'processor ms', '(min-max)', 'against nothing', 'load ahead ms'], style: { head: [], border: [] } });
  for (const [held, all] of samples) {
    const processor = all.map(({ processorMs }) => processorMs);
    const loadMs = median(all.map((one) => one.loadMs));
    table.push([held, median(processor).toFixed(1), `${Math.min(...processor).toFixed(1)}-${Math.max(...processor).toFixed(1)}`, `${(median(processor) / blankMs).toFixed(2)}x`, loadMs.toFixed(1)]);
  }
  console.log(table.toString());
}
