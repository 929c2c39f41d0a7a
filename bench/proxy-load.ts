// A closed load on one URL: so many connections, each sending its next request when the last reply is in. It measures
// and does not judge.
import { Agent, request } from 'node:http';
import { median, percentileOf } from '../common/statistics.ts';

export interface LoadOptions {
  readonly url: string;
  readonly body: Buffer;
  readonly connections: number;
  readonly durationMs: number;
}

export interface LoadFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requestsPerSecond: number;
}

/** @throws Error when a reply is not 200 */
export async function applyLoad({ url, body, connections, durationMs }: LoadOptions): Promise<LoadFigures> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const startedAt = performance.now();
  const endAt = startedAt + durationMs;
  const client = async (): Promise<void> => {
    while (performance.now() < endAt) {
      const sentAt = performance.now();
      await post(url, body, agent);
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  const tookMs = performance.now() - startedAt;
  agent.destroy();
  return { p50Ms: median(latencies), p99Ms: percentileOf(latencies, 0.99) ?? Number.NaN, requestsPerSecond: (latencies.length / tookMs) * 1000 };
}

function post(url: string, body: Buffer, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': body.length } }, (response) => {
      response.on('data', () => undefined);
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${url} answered ${response.statusCode}`));
      });
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}
