// The planner's HTTP server for operators: whether it is well, its metrics, and the rates it knows.
import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import { mostHours } from './core/hourly-counts.ts';
import { observedRate } from './core/observed-rate.ts';
import type { Preloader } from './preloader.ts';

export interface PlannerServerOptions {
  readonly preloader: Preloader;
  readonly clock: Clock;
  readonly metrics: Registry;
  /** The planner is not well when it could keep nothing for so long; ms. */
  readonly longestUnkeptMs: number;
}

/** Actions that /rates lists; those called most. */
const mostListed = 1_000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, body: unknown): Answer => ({ status, type: 'application/json', body: JSON.stringify(body) });

/** A server that does not listen yet. */
export function createPlannerServer(options: PlannerServerOptions): Server {
  return createServer((request, response) => {
    const send = ({ status, type, body }: Answer): void => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
    };
    answer(options, request.method ?? '', new URL(request.url ?? '/', 'http://planner')).then(send, () => {
      send(json(500, { error: 'internal error' }));
    });
  });
}

async function answer(options: PlannerServerOptions, method: string, url: URL): Promise<Answer> {
  const { metrics } = options;
  if (method !== 'GET') return json(405, { error: 'only GET is answered here' });
  switch (url.pathname) {
    case '/healthz':
      return health(options);
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
    case '/rates':
      return rates(options, Number(url.searchParams.get('hours') ?? mostHours));
    default:
      return json(404, { error: 'there are /healthz, /metrics and /rates' });
  }
}

function health({ preloader, clock, longestUnkeptMs }: PlannerServerOptions): Answer {
  const keptAt = preloader.view.historiesKeptAt;
  const unkeptMs = keptAt === undefined || keptAt === 0 ? 0 : clock.now() - keptAt;
  const isWell = unkeptMs <= longestUnkeptMs;
  return json(isWell ? 200 : 503, { ok: isWell, actions: preloader.view.state.histories.size, unkeptMs: Math.round(unkeptMs) });
}

function rates({ preloader, clock }: PlannerServerOptions, hours: number): Answer {
  if (!Number.isInteger(hours) || hours < 1 || hours > mostHours) return json(400, { error: `hours is a whole number from 1 to ${mostHours}` });
  const now = clock.now();
  const actions = [...preloader.view.state.histories].map(([actionKey, history]) => ({ actionKey, ...observedRate(history, now, hours), times: history.times, invokers: history.placedOn }));
  return json(200, { hours, actions: actions.toSorted((a, b) => b.arrivals - a.arrivals).slice(0, mostListed) });
}
