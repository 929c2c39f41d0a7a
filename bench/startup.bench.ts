// What does a container cost before anyone calls it? From starting the process to its first answer, and the memory of a
// stem cell that holds nothing, all its processes together. Our runtime against our model of the stock runtime's
// architecture; rounds alternate between them.
import os from 'node:os';
import { parseArgs } from 'node:util';
import { get } from 'node:http';
import Table from 'cli-table3';
import { freePort } from '../common/free-port.ts';
import { descendantsOf } from '../common/process-tree.ts';
import { median } from '../common/statistics.ts';
import { textOf, treeMsOf } from './processor-time.ts';
import { LogSink, runtimeOfInvoker, serverKinds, stop, type ServerKind } from './proxy-servers.ts';

const usage = `usage: npm run bench -- startup [options]
  --rounds N     rounds, alternating; medians are shown (default 9)
  --settle MS    how long a container stands idle before its memory is read (default 3000)
`;

const kinds: readonly ServerKind[] = [serverKinds.floor, serverKinds.expressModel, serverKinds.ours, runtimeOfInvoker];
/** What answers when: /status of ours says 200, the others say something. */
const isReady = (kind: ServerKind, status: number): boolean => kind.program !== serverKinds.ours.program || status === 200;

interface Sample {
  readonly readyMs: number;
  /** Processor time of all processes of the container until then. */
  readonly processorMs: number;
  /** Of all processes of the container: private, and proportional (shared pages divided by who shares them). */
  readonly privateBytes: number;
  readonly proportionalBytes: number;
}

/** Runs the benchmark and prints its table. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '9' }, settle: { type: 'string', default: '3000' }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const [rounds, settleMs] = [Number(values.rounds), Number(values.settle)];
  const samples = new Map(kinds.map((kind) => [kind, [] as Sample[]]));
  const sink = new LogSink();
  try {
    // The first round fills the page cache and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      for (const kind of kinds) {
        const sample = await sampleOf(sink, kind, settleMs);
        if (round > 0) samples.get(kind)?.push(sample);
      }
    }
  } finally {
    await sink.close();
  }
  process.stdout.write(
    `A container from start to first answer (ours: /status 200), and its memory ${settleMs} ms later with nothing resident; Node.js ${process.version}, ${os.cpus().length} CPUs; medians of ${rounds} rounds, alternating.\n` +
      `"model" is our model of the stock runtime's architecture, not the stock runtime.\n${tableOf(samples)}\n`,
  );
}

function tableOf(samples: ReadonlyMap<ServerKind, readonly Sample[]>): string {
  const table = new Table({ head: ['server', 'ready ms', '/ model', 'processor ms', '/ model', 'private MB', '/ model', 'proportional MB', '/ model'], style: { head: [], border: [] } });
  const middle = (kind: ServerKind, pick: (sample: Sample) => number): number => median((samples.get(kind) ?? []).map(pick));
  for (const kind of kinds) {
    const cells = [
      { pick: (sample: Sample) => sample.readyMs, unit: 1 },
      { pick: (sample: Sample) => sample.processorMs, unit: 1 },
      { pick: (sample: Sample) => sample.privateBytes, unit: 1e6 },
      { pick: (sample: Sample) => sample.proportionalBytes, unit: 1e6 },
    ].flatMap(({ pick, unit }) => [(middle(kind, pick) / unit).toFixed(1), (middle(kind, pick) / middle(serverKinds.expressModel, pick)).toFixed(2)]);
    table.push([kind.name, ...cells]);
  }
  return table.toString();
}

async function sampleOf(sink: LogSink, kind: ServerKind, settleMs: number): Promise<Sample> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = sink.spawn(kind, { PORT: String(port) });
  while (!isReady(kind, await statusOf(port))) await pause(1);
  const readyMs = performance.now() - startedAt;
  const processorMs = treeMsOf(child.pid ?? 0);
  await pause(settleMs);
  const memory = memoryOfTree(child.pid ?? 0);
  await stop({ child });
  return { readyMs, processorMs, ...memory };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Far beyond what any start takes. */
const giveUpMs = 30_000;

/** The status of an answer to GET /status, as soon as there is one. @throws Error when none comes */
async function statusOf(port: number): Promise<number> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    if (performance.now() > giveUpAt) throw new Error(`No answer on port ${port}.`);
    const status = await new Promise<number | undefined>((resolve) => {
      get({ port, host: '127.0.0.1', path: '/status', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', () => {
        resolve(undefined);
      });
    });
    if (status !== undefined) return status;
    await pause(1);
  }
}

function memoryOfTree(root: number): Pick<Sample, 'privateBytes' | 'proportionalBytes'> {
  const rollups = [root, ...descendantsOf(root).map(({ pid }) => pid)].map((pid) => textOf(`/proc/${pid}/smaps_rollup`));
  const sum = (field: string): number => rollups.reduce((bytes, text) => bytes + Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024, 0);
  return { privateBytes: sum('Private_Clean') + sum('Private_Dirty'), proportionalBytes: sum('Pss') };
}
