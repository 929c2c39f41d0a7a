// What does a /run cost? An echo action on four servers: a bare node:http one, the same with end-of-log markers, our
// model of the stock runtime's architecture, and our runtime. Each is a process of its own; rounds alternate between
// them, so that a change of the machine's mood hits all. Processor time is that of all the server's processes: where
// others use the machine too, only that is to be trusted.
import os from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { median } from '../common/statistics.ts';
import { applyLoad, type LoadFigures } from './proxy-load.ts';
import { treeMsOf } from './processor-time.ts';
import { initialiseEcho, LogSink, runtimeOf, serverKinds, stop, type Server, type ServerKind } from './proxy-servers.ts';

const usage = `usage: npm run bench -- proxy [options]
  --rounds N      rounds of each case, alternating; medians are shown (default 7)
  --seconds S     length of one round (default 1)
  --bytes B       size of the request (default 170)
  --clients LIST  clients at a time, comma-separated (default 1,8,32)
  --against DIR   the runtime that another checkout has compiled to DIR, in the same run
`;

interface Case {
  readonly clients: number;
  readonly keepAlive: boolean;
}

/** Runs the benchmark and prints its table. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '1' },
      bytes: { type: 'string', default: '170' },
      clients: { type: 'string', default: '1,8,32' },
      against: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const [rounds, durationMs, bytes] = [Number(values.rounds), Number(values.seconds) * 1000, Number(values.bytes)];
  const text = 'x'.repeat(Math.max(0, bytes - JSON.stringify({ value: { text: '' } }).length));
  const body = Buffer.from(JSON.stringify({ value: { text } }));
  const table = new Table({
    head: ['connections', 'clients', 'server', 'p50 ms', 'p99 ms', 'requests/s', 'p50 / model', 'p99 / model', 'requests/s / model', 'processor µs', '/ model'],
    style: { head: [], border: [] },
  });
  const kinds = [...Object.values(serverKinds), ...(values.against === undefined ? [] : [runtimeOf(values.against)])];
  const sink = new LogSink();
  try {
    for (const keepAlive of [true, false]) {
      for (const clients of values.clients.split(',').map(Number)) table.push(...(await measure(sink, kinds, { clients, keepAlive }, { body, rounds, durationMs })));
    }
  } finally {
    await sink.close();
  }
  process.stdout.write(
    `/run of an echo action, ${body.length} B; load from this process, logs read by a third; Node.js ${process.version}, ${os.cpus().length} CPUs; medians of ${rounds} rounds of ${durationMs} ms, alternating.\n` +
      `One client: overlapping runs off, as an invoker uses such a container; more: __OW_ALLOW_CONCURRENT=true. "model" is our model of the stock runtime's architecture, not the stock runtime.\n${table.toString()}\n`,
  );
}

interface Figures extends LoadFigures {
  /** Processor time of all the server's processes, for one request. */
  readonly processorUs: number;
}

interface Rounds {
  readonly body: Buffer;
  readonly rounds: number;
  readonly durationMs: number;
}

async function measure(sink: LogSink, kinds: readonly ServerKind[], { clients, keepAlive }: Case, { body, rounds, durationMs }: Rounds): Promise<string[][]> {
  const servers: Server[] = [];
  const figures = new Map<Server, Figures[]>();
  try {
    for (const kind of kinds) {
      const server = await sink.start(kind, clients > 1 ? { __OW_ALLOW_CONCURRENT: 'true' } : {});
      servers.push(server);
      figures.set(server, []);
      await initialiseEcho(server);
    }
    // The first round warms all up and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      for (const server of servers) {
        const pid = server.child.pid ?? 0;
        const msBefore = treeMsOf(pid);
        const result = await applyLoad({ port: server.port, body, clients, durationMs, keepAlive });
        if (round > 0) figures.get(server)?.push({ ...result, processorUs: ((treeMsOf(pid) - msBefore) / result.requests) * 1000 });
      }
    }
  } finally {
    await Promise.all(servers.map(stop));
  }
  const rows = servers.map((server) => ({ kind: server.kind, ...medians(figures.get(server) ?? []) }));
  const model = rows.find(({ kind }) => kind === serverKinds.expressModel);
  return rows.map(({ kind, p50Ms, p99Ms, requestsPerSecond, processorUs }) => {
    const ratios = model === undefined ? [] : [p50Ms / model.p50Ms, p99Ms / model.p99Ms, requestsPerSecond / model.requestsPerSecond];
    const processor = [processorUs.toFixed(0), ...(model === undefined ? [] : [(processorUs / model.processorUs).toFixed(2)])];
    return [keepAlive ? 'kept' : 'new', String(clients), kind.name, p50Ms.toFixed(3), p99Ms.toFixed(2), requestsPerSecond.toFixed(0), ...ratios.map((ratio) => ratio.toFixed(2)), ...processor];
  });
}

function medians(rounds: readonly Figures[]): Omit<Figures, 'requests'> {
  return {
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    requestsPerSecond: median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
    processorUs: median(rounds.map(({ processorUs }) => processorUs)),
  };
}
