// POST /init: the action's code.
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { Container } from '../container.ts';
import { initValueSchema } from '../protocol.ts';
import { bytesOf } from './body.ts';
import { sendActivationReply } from './send.ts';

const initRequestSchema = z.object({ value: initValueSchema.optional() });

/** A value of other types than OpenWhisk sends is taken as one without code, as the stock runtime does. */
export function handleInit(container: Container): RequestHandler {
  return async (request, response) => {
    const bytes = bytesOf(request.body);
    const parsed = initRequestSchema.safeParse(bytes.length === 0 ? {} : objectOf(JSON.parse(bytes.toString('utf8'))));
    sendActivationReply(response, await container.init(parsed.data?.value ?? {}));
  };
}

function objectOf(json: unknown): object {
  if (typeof json !== 'object' || json === null) throw new SyntaxError('The body is neither an object nor an array.');
  return json;
}
