// What does the standalone API sustain? Blocking invocations of an echo action, in rounds that alternate with a bare Express
// echo, each server a process of its own; then 10,000 activations are listed page by page.
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
    const table = new Table({ head: ['clients', 'server', 'p50 ms', 'p99 ms', 'requests/s', 'requests/s / Express'], style: { head: [], border: [] } });
    const [rounds, durationMs] = [Number(values.rounds), Number(values.seconds) * 1000];
    for (const clients of values.clients.split(',').map(Number)) table.push(...(await compare({ floorPort, apiPort: api.port, clients, rounds, durationMs })));
    process.stdout.write(`Blocking invocations of an echo action; load from this process; Node.js ${process.version}, ${os.cpus().length} CPUs; medians of ${rounds} rounds of ${durationMs} ms, alternating.\n${table.toString()}\n`);
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

interface Comparison {
  readonly floorPort: number;
  readonly apiPort: number;
  readonly clients: number;
  readonly rounds: number;
  readonly durationMs: number;
}

async function compare({ floorPort, apiPort, clients, rounds, durationMs }: Comparison): Promise<string[][]> {
  const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(100) }));
  const route = (action: string): { port: number; path: string; headers: string } => ({ port: apiPort, path: `/api/v1/namespaces/_/actions/${action}?blocking=true&result=true`, headers });
  const servers = [
    { name: 'bare Express', target: { port: floorPort }, rounds: [] as LoadFigures[] },
    { name: 'API, action without logs', target: route('echo'), rounds: [] as LoadFigures[] },
    { name: 'API, action with logs', target: route('logging'), rounds: [] as LoadFigures[] },
  ];
  // The first rounds are not counted: the code of three processes is compiled in them.
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    for (const server of servers) {
      const figures = await applyLoad({ ...server.target, body, clients, durationMs, keepAlive: true });
      if (round >= 0) server.rounds.push(figures);
    }
  }
  const rows = servers.map((server) => ({
    name: server.name,
    p50Ms: median(server.rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(server.rounds.map(({ p99Ms }) => p99Ms)),
    perSecond: median(server.rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
  }));
  return rows.map(({ name, p50Ms, p99Ms, perSecond }) => [String(clients), name, p50Ms.toFixed(2), p99Ms.toFixed(2), perSecond.toFixed(0), (perSecond / (rows[0]?.perSecond ?? 1)).toFixed(3)]);
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
