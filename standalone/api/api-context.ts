// What the routes of the API work with.
import type { RequestHandler, Response } from 'express';
import type { Request } from 'express';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import type { StandaloneSystem } from '../system.ts';
import type { Namespaces } from '../namespaces.ts';
import type { ApiResponse } from './call.ts';
import type { LimitRules } from './entity-bodies.ts';

export interface ApiContext {
  readonly system: StandaloneSystem;
  readonly namespaces: Namespaces;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: LimitRules;
}

/** A route that answers with what it returns, as JSON. */
export function answering(route: (request: Request, response: ApiResponse) => Promise<unknown> | unknown): RequestHandler {
  return async (request, response: Response) => {
    response.json(await route(request, response as ApiResponse));
  };
}
