// What does the action proxy add to a bare node:http echo? Both run as processes of their own; rounds alternate between
// them, so that a change of the machine's mood hits both.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { applyLoad, type LoadFigures } from './proxy-load.ts';
import { median } from '../common/statistics.ts';

const buildDir = path.resolve(import.meta.dirname, '..');
const usage = `usage: npm run bench -- proxy [options]
  --rounds N     rounds of each case, alternating; medians are shown (default 5)
  --seconds S    length of one round (default 1)
`;

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
}

interface Case {
  readonly connections: number;
  readonly bodyBytes: number;
}
const cases: readonly Case[] = [170, 100_000].flatMap((bodyBytes) => [1, 8].map((connections) => ({ connections, bodyBytes })));

/** Runs the benchmark and prints its table. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '1' }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const [rounds, durationMs] = [Number(values.rounds), Number(values.seconds) * 1000];
  const bare = await startServer('bench/proxy-echo-server.js', {});
  const proxy = await startServer('runtime/main.js', { PORT: '0', HOST: '127.0.0.1', __OW_ALLOW_CONCURRENT: 'true' });
  try {
    await initialise(proxy);
    const table = new Table({ head: ['body', 'connections', 'server', 'p50 ms', 'p99 ms', 'requests/s', 'p50 ratio', 'requests/s ratio'], style: { head: [], border: [] } });
    for (const benchCase of cases) table.push(...(await measure(benchCase, bare, proxy, rounds, durationMs)));
    process.stdout.write(`/run of an echo action, keep-alive, load from this process; Node.js ${process.version}, ${os.cpus().length} CPUs; medians of ${rounds} rounds of ${durationMs} ms, alternating.\n${table.toString()}\n`);
  } finally {
    for (const { child } of [bare, proxy]) child.disconnect();
    await Promise.all([bare, proxy].map(({ child }) => once(child, 'exit')));
  }
}

async function measure({ connections, bodyBytes }: Case, bare: Server, proxy: Server, rounds: number, durationMs: number): Promise<string[][]> {
  const text = 'x'.repeat(bodyBytes - JSON.stringify({ value: { text: '' } }).length);
  const body = Buffer.from(JSON.stringify({ value: { text } }));
  const figures = { bare: [] as LoadFigures[], proxy: [] as LoadFigures[] };
  // The first round warms both up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const bareFigures = await applyLoad({ url: bare.url, body, connections, durationMs });
    const proxyFigures = await applyLoad({ url: proxy.url, body, connections, durationMs });
    if (round === 0) continue;
    figures.bare.push(bareFigures);
    figures.proxy.push(proxyFigures);
  }
  const [floor, ours] = [medians(figures.bare), medians(figures.proxy)];
  const row = (server: string, { p50Ms, p99Ms, requestsPerSecond }: LoadFigures): string[] => [`${bodyBytes} B`, String(connections), server, p50Ms.toFixed(2), p99Ms.toFixed(2), requestsPerSecond.toFixed(0)];
  return [
    [...row('node:http', floor), '', ''],
    [...row('proxy', ours), (ours.p50Ms / floor.p50Ms).toFixed(2), (ours.requestsPerSecond / floor.requestsPerSecond).toFixed(2)],
  ];
}

function medians(rounds: readonly LoadFigures[]): LoadFigures {
  return {
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    requestsPerSecond: median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
  };
}

async function startServer(program: string, environment: Record<string, string>): Promise<Server> {
  const child = fork(path.join(buildDir, program), [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: { PATH: process.env['PATH'] ?? '', ...environment } });
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { child, url: `http://127.0.0.1:${message.port}/run` };
}

async function initialise({ url }: Server): Promise<void> {
  const response = await fetch(url.replace('/run', '/init'), { method: 'POST', body: JSON.stringify({ value: { main: 'main', code: 'function main(args) { return args; }' } }) });
  if (!response.ok) throw new Error(await response.text());
}
