// What `instainfer status` and `instainfer explain` ask of a running server: containers and what is resident in them, and why
// an activation started as it did. Each caller sees the names of its own actions only.
import { Router } from 'express';
import { parseActionKey, type ActionKey } from '../common/action-identity.ts';
import { Explanations } from '../invoker-plugin/explanations.ts';
import { answering, type ApiContext } from './api/api-context.ts';
import { notFound } from './api/api-error.ts';
import { authentication, errorAnswer, transaction } from './api/router.ts';
import { ownerOf } from './store/entity.ts';

const anothers = '(another namespace)';

function concerns(actionKey: ActionKey, namespace: string): boolean {
  const identity = parseActionKey(actionKey);
  return identity.namespace === namespace || ownerOf(identity.qualifiedName) === namespace;
}

/** Mounted at `/instainfer/v1`. */
export function inspectionRouter(context: ApiContext): Router {
  const { system, clock } = context;
  const explanations = new Explanations();
  system.onStep(({ event, commands }) => {
    explanations.observe(event, commands);
  });
  const router = Router();
  router.use(transaction(clock), authentication(context));
  router.get('/status', answering((_request, { locals: { user } }) => {
    const nameOf = (actionKey: ActionKey): string => (concerns(actionKey, user.namespace.name) ? actionKey : anothers);
    const { schedulerState: state, schedulerConfig } = system;
    return {
      startedAt: Math.floor(system.startedAt),
      poolMemoryBytes: schedulerConfig.poolMemoryBytes,
      poolUsedBytes: state.poolUsedBytes,
      preload: schedulerConfig.preload,
      waitingCount: state.waiting.size,
      loadsInFlight: state.loadsInFlight,
      containers: [...state.containers.values()].map((container) => ({
        id: container.id,
        phase: container.phase,
        role: container.role,
        ...(container.ownActionKey === undefined ? {} : { own: nameOf(container.ownActionKey) }),
        ...(container.activation === undefined ? {} : { running: nameOf(container.activation.actionKey) }),
        ...(container.load === undefined ? {} : { loading: nameOf(container.load.actionKey) }),
        memoryLimitBytes: container.memoryLimitBytes,
        usedBytes: container.usedBytes,
        residents: [...container.residents.values()].map(({ actionKey, residentBytes }) => ({ action: nameOf(actionKey), residentBytes })),
      })),
      actions: system.actions().filter(({ actionKey }) => concerns(actionKey, user.namespace.name)),
    };
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
