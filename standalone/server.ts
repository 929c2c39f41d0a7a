// The HTTP server of a standalone system: OpenWhisk's API under /api/v1, and what is mounted beside it.
import express, { type Express, type RequestHandler } from 'express';
import type { ApiContext } from './api/api-context.ts';
import { deploymentInfo } from './api/basics.ts';
import { apiRouter } from './api/router.ts';
import { inspectionRouter } from './inspection.ts';

export interface StandaloneAppOptions extends ApiContext {
  /** Beside the API: the console at `/`, the metrics at `/metrics`. Each sees what the ones before it passed on. */
  readonly mounts: readonly { readonly path: string; readonly handler: RequestHandler }[];
}

/** An application that does not listen yet. */
export function createStandaloneApp(options: StandaloneAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/ping', (_request, response) => {
    response.type('text/plain').send('pong');
  });
  app.use('/api/v1', apiRouter(options));
  app.use('/instainfer/v1', inspectionRouter(options));
  for (const { path, handler } of options.mounts) app.use(path, handler);
  app.get('/', (_request, response) => {
    response.json(deploymentInfo(options.limits));
  });
  app.use((_request, response) => {
    response.status(404).json({ error: 'The requested resource could not be found.' });
  });
  return app;
}
