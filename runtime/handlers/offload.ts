// POST /offload: memory back from one action's artifacts, from parts of them, or from all that no activation uses.
import type { RequestHandler } from 'express';
import { actionKeyOf } from '../../common/action-identity.ts';
import type { Container } from '../container.ts';
import { offloadRequestSchema } from '../protocol.ts';
import { parseBody } from './body.ts';
import { sendJson } from './send.ts';

export function handleOffload(container: Container): RequestHandler {
  return async (request, response) => {
    const { value } = parseBody(offloadRequestSchema, request.body);
    sendJson(response, 200, 'all' in value ? await container.offload(undefined) : await container.offload(actionKeyOf(value.action, value.version, value), value.parts));
  };
}
