// What does the standalone API sustain? Blocking invocations of an echo action that is warm, in rounds that alternate with a
// bare Express echo, each server a process of its own; then 10,000 activations are listed page by page.
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { basicAuthorization } from '../common/basic-authorization.ts';
import { median } from '../common/statistics.ts';
import { guestKey } from '../standalone/namespaces.ts';
import { processorMsOf } from './processor-time.ts';
import { applyLoad, type LoadFigures } from './proxy-load.ts';

const usage = `usage: npm run bench -- api [options]
  --rounds N      rounds of each server, alternating; medians are shown (default 7)
  --seconds S     length of one round (default 1)
  --clients LIST  clients at a time, comma-separated (default 1,8)
  --containers N  containers of 128 MB that the server may have (default 2)
`;

const warmUpRounds = 5;
const listed = 10_000;
const pageSize = 200;
const buildDir = path.resolve(import.meta.dirname, '..');
const authorization = basicAuthorization(guestKey);
/** As the load generator takes it. */
const headers = `Authorization: ${authorization}\r\n`;

interface ApiServer {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Runs the benchmark and prints its table. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '1' },
      clients: { type: 'string', default: '1,8' },
      containers: { type: 'string', default: '2' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-api-'));
  const floor = fork(path.join(buildDir, 'bench/api-floor-server.js'), [], { execArgv: [] });
  let api: ApiServer | undefined;
  try {
    const [{ port: floorPort }] = (await once(floor, 'message')) as [{ port: number }];
    api = await startApi(folder, Number(values.containers));
    await call(api, '/actions/echo', 'PUT', { exec: { kind: 'nodejs:instainfer', code: 'function main(p) { return p; }' }, limits: { logs: 0 } });
    await call(api, '/actions/logging', 'PUT', { exec: { kind: 'nodejs:instainfer', code: 'function main(p) { return p; }' } });
    const table = new Table({ head: ['clients', 'server', 'p50 ms', 'p99 ms', 'requests/s', 'requests/s / Express', 'server ms', 'containers ms'], style: { head: [], border: [] } });
    const [rounds, durationMs] = [Number(values.rounds), Number(values.seconds) * 1000];
    for (const clients of values.clients.split(',').map(Number)) table.push(...(await compare({ floorPort, api, clients, rounds, durationMs })));
    process.stdout.write(`Blocking invocations of an echo action; load from this process; Node.js ${process.version}, ${os.cpus().length} CPUs; medians of ${rounds} rounds of ${durationMs} ms, alternating. The last two: processor time of one call, in the server and in its containers.\n${table.toString()}\n`);
    await page(api);
  } finally {
    floor.kill();
    api?.child.kill('SIGTERM');
    if (api !== undefined && api.child.exitCode === null) await once(api.child, 'exit');
    rmSync(folder, { recursive: true });
  }
}

async function startApi(folder: string, containers: number): Promise<ApiServer> {
  const options = ['--port', '0', '--host', '127.0.0.1', '--data', folder, '--user-memory', `${128 * containers}m`, '--action-memory', '128m'];
  const child = spawn(process.execPath, [path.join(buildDir, 'cli/main.js'), 'standalone', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const found = /ready: http:\S+:(\d+)\n/.exec(output)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('exit', () => {
      reject(new Error('The standalone server ended before it was ready.'));
    });
  });
  return { child, port };
}

async function call({ port }: ApiServer, route: string, method: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/namespaces/_${route}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${route} was answered with ${response.status}.`);
  return response.json();
}

type ProcessorMs = ReturnType<typeof processorMsOf>;

interface Comparison {
  readonly floorPort: number;
  readonly api: ApiServer;
  readonly clients: number;
  readonly rounds: number;
  readonly durationMs: number;
}

async function compare({ floorPort, api, clients, rounds, durationMs }: Comparison): Promise<string[][]> {
  const rows: string[][] = [];
  // One action after the other: in turns, each would find its containers taken by the other, and what is measured would be that.
  for (const action of ['echo', 'logging']) {
    const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(100) }));
    const load = { body, clients, durationMs, keepAlive: true };
    const invoke = { ...load, port: api.port, path: `/api/v1/namespaces/_/actions/${action}?blocking=true&result=true`, headers };
    const samples: { readonly floor: LoadFigures; readonly ours: LoadFigures; readonly processorMs: ProcessorMs }[] = [];
    // The first rounds are not counted: the code of three processes is compiled in them.
    for (let round = -warmUpRounds; round < rounds; round += 1) {
      const floor = await applyLoad({ ...load, port: floorPort });
      const before = processorMsOf(api.child.pid ?? 0);
      const startedAt = performance.now();
      const ours = await applyLoad(invoke);
      const calls = (ours.requestsPerSecond * (performance.now() - startedAt)) / 1000;
      const after = processorMsOf(api.child.pid ?? 0);
      const processorMs = { own: (after.own - before.own) / calls, descendants: (after.descendants - before.descendants) / calls };
      if (round >= 0) samples.push({ floor, ours, processorMs });
    }
    const middle = (pick: (sample: (typeof samples)[number]) => number): number => median(samples.map(pick));
    const cells = (name: string, figures: 'floor' | 'ours'): string[] => [String(clients), name, middle((one) => one[figures].p50Ms).toFixed(2), middle((one) => one[figures].p99Ms).toFixed(2), middle((one) => one[figures].requestsPerSecond).toFixed(0)];
    rows.push(
      [...cells('bare Express', 'floor'), '1.000', '', ''],
      [
        ...cells(`API, action ${action === 'echo' ? 'without' : 'with'} logs`, 'ours'),
        middle(({ floor, ours }) => ours.requestsPerSecond / floor.requestsPerSecond).toFixed(3),
        middle(({ processorMs }) => processorMs.own).toFixed(2),
        middle(({ processorMs }) => processorMs.descendants).toFixed(2),
      ],
    );
  }
  return rows;
}

/** Fills up to the number of activations, then reads them all, page by page. */
async function page(api: ApiServer): Promise<void> {
  const body = Buffer.from('{}');
  const count = async (): Promise<number> => ((await call(api, '/activations?count=true', 'GET')) as { activations: number }).activations;
  for (let there = await count(); there < listed; there = await count()) {
    await applyLoad({ port: api.port, path: '/api/v1/namespaces/_/actions/echo?blocking=true&result=true', headers, body, clients: 8, durationMs: 1000, keepAlive: true });
  }
  const whole: number[] = [];
  const slowest: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    const startedAt = performance.now();
    let worstMs = 0;
    let seen = 0;
    for (let skip = 0; skip < listed; skip += pageSize) {
      const pageAt = performance.now();
      seen += ((await call(api, `/activations?limit=${pageSize}&skip=${skip}`, 'GET')) as unknown[]).length;
      worstMs = Math.max(worstMs, performance.now() - pageAt);
    }
    if (seen !== listed) throw new Error(`${seen} activations were listed instead of ${listed}.`);
    if (round === 0) continue;
    whole.push(performance.now() - startedAt);
    slowest.push(worstMs);
  }
  process.stdout.write(`${listed} activations in ${listed / pageSize} pages of ${pageSize}: ${median(whole).toFixed(0)} ms for all, ${median(slowest).toFixed(1)} ms for the slowest page (medians of 7 readings, with the client's parsing).\n`);
}
