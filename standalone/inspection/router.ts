// What people and their tools ask of a running server beside OpenWhisk's API: what is where, why an activation started as it
// did, and to load or off-load something. Each caller sees the names of its own actions only, and moves nothing else.
import express, { Router } from 'express';
import { z } from 'zod';
import type { ActionKey } from '../../common/action-identity.ts';
import { Explanations } from '../../invoker-plugin/explanations.ts';
import { answering, type ApiContext } from '../api/api-context.ts';
import { ApiError, notFound } from '../api/api-error.ts';
import { checkedBody, jsonOf, type ApiResponse } from '../api/call.ts';
import { authentication, errorAnswer, transaction } from '../api/router.ts';
import type { Asked } from '../observed-system.ts';
import { LiveEvents } from './live-events.ts';
import { concerns, systemStatus } from './system-status.ts';

const mostBodyBytes = 64 * 1024;
/** `action`: an action key, or a qualified name, which means the newest version. */
const loadSchema = z.object({ action: z.string().min(1) });
const offloadSchema = loadSchema.extend({ container: z.string().min(1) });

/** Mounted at `/instainfer/v1`. */
export function inspectionRouter(context: ApiContext): Router {
  const { system, clock } = context;
  const explanations = new Explanations();
  system.onStep(({ event, commands }) => {
    explanations.observe(event, commands);
  });
  const live = new LiveEvents(system, clock);
  const actionKeyOf = (wanted: string, response: ApiResponse): ActionKey => {
    const newest = system.actions().find(({ qualifiedName }) => qualifiedName === wanted)?.actionKey;
    const actionKey = newest ?? (system.schedulerState.actions.has(wanted) ? wanted : undefined);
    if (actionKey === undefined || !concerns(actionKey, response.locals.user.namespace.name)) throw notFound();
    return actionKey;
  };
  const router = Router();
  router.use(transaction(clock), authentication(context), express.raw({ type: () => true, limit: mostBodyBytes }));
  router.get('/status', answering((_request, { locals: { user } }) => systemStatus(system, user.namespace.name, clock.now())));
  router.get('/events', (_request, response) => {
    live.stream(response, (response as ApiResponse).locals.user.namespace.name);
  });
  router.post('/load', answering((request, response) => {
    const { action } = checkedBody(loadSchema, jsonOf(request));
    return commanded(system.load(actionKeyOf(action, response)));
  }));
  router.post('/offload', answering((request, response) => {
    const { action, container } = checkedBody(offloadSchema, jsonOf(request));
    return commanded(system.offload(container, actionKeyOf(action, response)));
  }));
  router.get('/explain/:activation', answering((request, { locals: { user } }) => {
    const wanted = String(request.params['activation']);
    const isOwn = (id: string): boolean => concerns(explanations.get(id)?.actionKey ?? '', user.namespace.name);
    const id = wanted === 'last' ? explanations.activationIds.findLast(isOwn) : wanted;
    const explanation = id === undefined ? undefined : explanations.get(id);
    if (explanation === undefined || !isOwn(explanation.activationId)) throw notFound();
    return explanation;
  }));
  router.use(() => {
    throw notFound();
  });
  router.use(errorAnswer(context));
  return router;
}

/** The container that works on it now. @throws ApiError 409 */
function commanded(asked: Asked): { readonly container: string } {
  if (!asked.ok) throw new ApiError(409, asked.reason);
  return { container: asked.containerId };
}
