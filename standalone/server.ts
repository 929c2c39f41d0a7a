// The HTTP server of a standalone system: OpenWhisk's API under /api/v1, and what people and their tools look at beside it.
import express, { type Express } from 'express';
import type { Registry } from 'prom-client';
import type { ApiContext } from './api/api-context.ts';
import { deploymentInfo } from './api/basics.ts';
import { apiRouter } from './api/router.ts';
import { consoleRouter } from './console/console-router.ts';
import { inspectionRouter } from './inspection/router.ts';
import { metricsHandler } from './metrics.ts';

export interface StandaloneAppOptions extends ApiContext {
  readonly metrics: Registry;
}

/** An application that does not listen yet. To be made before the system starts: it remembers what happens from now on. */
export function createStandaloneApp(options: StandaloneAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/ping', (_request, response) => {
    response.type('text/plain').send('pong');
  });
  app.use('/api/v1', apiRouter(options));
  app.use('/instainfer/v1', inspectionRouter(options));
  app.get('/metrics', metricsHandler(options.metrics));
  app.use(consoleRouter());
  app.get('/', (_request, response) => {
    response.json(deploymentInfo(options.limits));
  });
  app.use((_request, response) => {
    response.status(404).json({ error: 'The requested resource could not be found.' });
  });
  return app;
}
